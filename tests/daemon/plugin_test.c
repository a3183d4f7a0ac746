/* SPDX-License-Identifier: MIT */
/* Loading plug-ins: what is taken, what is not and why; $GOR_PLUGINS has those of tests/plugins. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/runner/plugin.h"
#include "daemon/runner/plugin_scan.h"
#include "daemon/runner/plugins.h"
#include "tests/test.h"

/* A fresh folder below the test's. */
static const char *fresh_folder(void)
{
    static char path[300];
    static int count;
    snprintf(path, sizeof path, "%s/%d", test_tmpdir(), count++);
    CHECK_EQ(mkdir(path, 0700), 0);
    return path;
}

static const char *built(const char *name)
{
    static char path[300];
    const char *folder = getenv("GOR_PLUGINS");
    CHECK(folder != NULL);
    snprintf(path, sizeof path, "%s/%s.so", folder, name);
    return path;
}

static const char *next_copy(void)
{
    static char path[300];
    static int count;
    snprintf(path, sizeof path, "%s/copy%d.so", test_tmpdir(), count++);
    return path;
}

static void put_file(const char *path, const void *bytes, size_t length, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK_INT(fd, >=, 0);
    CHECK_EQ(write(fd, bytes, length), (ssize_t)length);
    CHECK_EQ(fchmod(fd, mode), 0);
    CHECK_EQ(close(fd), 0);
}

/* The first `most` bytes of a file to another one. */
static void copy_file(const char *from, const char *to, size_t most)
{
    static char bytes[16 << 20];
    int fd = open(from, O_RDONLY);
    CHECK_INT(fd, >=, 0);
    ssize_t got = read(fd, bytes, sizeof bytes);
    CHECK_INT(got, >, 0);
    CHECK_EQ(close(fd), 0);
    put_file(to, bytes, (size_t)got < most ? (size_t)got : most, 0600);
}

static void check_refused(const char *path, int error, const char *text)
{
    char said[GORD_PLUGIN_ERROR] = "";
    struct gord_plugin *plugin = NULL;
    const char *copy = next_copy();
    int result = gord_plugin_load(path, copy, said, &plugin);
    if (result != error || strstr(said, text) == NULL || strstr(said, path) == NULL) {
        test_fail(__FILE__, __LINE__, "%s: %d, '%s', not %d, '%s'", path, result, said, error,
                  text);
    }
    CHECK(plugin == NULL);
    CHECK(access(copy, F_OK) != 0); /* nothing is left */
}

/* ---------------------------------------------------------------- one file */

TEST(plugin_is_loaded_from_a_copy)
{
    char said[GORD_PLUGIN_ERROR];
    struct gord_plugin *plugin = NULL;
    CHECK_EQ(gord_plugin_load(built("zoo1"), next_copy(), said, &plugin), 0);
    CHECK_STR(plugin->module->name, "zoo");
    CHECK_STR(plugin->module->version, "1");
    CHECK_EQ(plugin->generation, 1);
    CHECK(gord_native_function(plugin->module, "echo") != NULL);
    CHECK(gord_native_function(plugin->module, "nothing") == NULL);
    CHECK_EQ(access(plugin->copy, F_OK), 0);
    char copy[300];
    snprintf(copy, sizeof copy, "%s", plugin->copy);
    gord_plugin_unload(plugin);
    gord_plugin_unload(NULL);
    CHECK(access(copy, F_OK) != 0);
}

/* Each with its own statics: nothing is shared between generations. */
TEST(plugin_of_the_same_name_is_another_one)
{
    char said[GORD_PLUGIN_ERROR];
    struct gord_plugin *one = NULL, *same = NULL, *two = NULL;
    CHECK_EQ(gord_plugin_load(built("zoo1"), next_copy(), said, &one), 0);
    CHECK_EQ(gord_plugin_load(built("zoo1"), next_copy(), said, &same), 0);
    CHECK_EQ(gord_plugin_load(built("zoo2"), next_copy(), said, &two), 0);
    CHECK(one->module != same->module);
    CHECK_STR(two->module->version, "2");
    gord_plugin_unload(one);
    CHECK_STR(same->module->version, "1");
    gord_plugin_unload(same);
    gord_plugin_unload(two);
}

TEST(plugin_that_is_none_is_refused_with_the_reason)
{
    char path[300];
    check_refused(built("zoo_abi"), -ENOEXEC, "version 99 of gor_job.h, and this gord knows 1");
    check_refused(built("zoo_name"), -ENOEXEC, "name of the module is not made of");
    check_refused(built("zoo_builtin"), -ENOEXEC, "or is 'builtin'");
    check_refused(built("zoo_empty"), -ENOEXEC, "it has no functions");
    check_refused(built("zoo_refuses"), -ENOEXEC, "load function refuses: the zoo is closed");
    check_refused(built("zoo_symbol"), -ENOEXEC, "defines no 'gor_job_module'");
    check_refused(built("zoo_newer"), -ENOEXEC, "undefined symbol: gor_job_of_tomorrow");
    check_refused(built("zoo_libgor"), -ENOEXEC, "link it without -lgor");
    check_refused(built("not_there"), -ENOENT, "No such file");
    check_refused("/dev/null", -ENOEXEC, "is no regular file");
    snprintf(path, sizeof path, "%s/fifo", fresh_folder());
    CHECK_EQ(mkfifo(path, 0600), 0);
    check_refused(path, -ENOEXEC, "is no regular file");
}

TEST(file_that_is_no_shared_object_is_refused)
{
    char path[300];
    snprintf(path, sizeof path, "%s/text.so", fresh_folder());
    put_file(path, "#!/bin/sh\n", 10, 0600);
    check_refused(path, -ENOEXEC, "no ELF file");
    put_file(path, "", 0, 0600);
    check_refused(path, -ENOEXEC, "no ELF file");
    copy_file(built("zoo1"), path, 100);
    check_refused(path, -ENOEXEC, "is cut short");
    copy_file(built("zoo1"), path, 5000);
    check_refused(path, -ENOEXEC, "is cut short");
    char header[64] = "\177ELF\001";
    put_file(path, header, sizeof header, 0600);
    check_refused(path, -ENOEXEC, "another kind of machine");
    check_refused("/proc/self/exe", -ENOEXEC, "cannot dynamically load");
}

TEST(file_that_others_may_write_is_refused)
{
    char path[300];
    char said[GORD_PLUGIN_ERROR] = "";
    const char *folder = fresh_folder();
    snprintf(path, sizeof path, "%s/zoo.so", folder);
    copy_file(built("zoo1"), path, SIZE_MAX);
    CHECK_EQ(chmod(path, 0646), 0);
    check_refused(path, -EPERM, "may be written by others");
    CHECK_EQ(chmod(path, 0644), 0);
    CHECK_EQ(gord_plugin_check_folder(folder, said), 0);
    CHECK_EQ(chmod(folder, 0777), 0);
    CHECK_EQ(gord_plugin_check_folder(folder, said), -EPERM);
    CHECK(strstr(said, "chmod go-w") != NULL);
    CHECK_EQ(gord_plugin_check_folder(path, said), -ENOTDIR);
    if (geteuid() == 0) {
        CHECK_EQ(chown(path, 12345, 0), 0);
        check_refused(path, -EPERM, "owner 12345");
        CHECK_EQ(chown(path, 0, 12345), 0);
        CHECK_EQ(chmod(path, 0664), 0);
        check_refused(path, -EPERM, "group 12345");
    }
}

/* ---------------------------------------------------------------- a folder */

struct fixture {
    uv_loop_t loop;
    char folder[300];
    char copies[300];
    struct gord_plugins *plugins;
    int error;
    unsigned calls;
    enum gord_plugin_change_kind kinds[8];
    char errors[8][GORD_PLUGIN_ERROR];
    size_t count;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){0};
    snprintf(f->folder, sizeof f->folder, "%s", fresh_folder());
    snprintf(f->copies, sizeof f->copies, "%s", fresh_folder());
    CHECK_EQ(uv_loop_init(&f->loop), 0);
}

static void open_plugins(struct fixture *f)
{
    struct gord_plugins_opts opts = {&f->loop, f->folder, f->copies};
    CHECK_EQ(gord_plugins_open(&opts, &f->plugins), 0);
}

static void end(struct fixture *f)
{
    gord_plugins_close(f->plugins);
    CHECK_EQ(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    gord_plugins_free(f->plugins);
    CHECK_EQ(uv_loop_close(&f->loop), 0);
}

static void put_plugin(const struct fixture *f, const char *name, const char *from)
{
    char path[400];
    char new_path[400];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    snprintf(new_path, sizeof new_path, "%s/.new", f->folder);
    copy_file(built(from), new_path, SIZE_MAX);
    CHECK_EQ(rename(new_path, path), 0);
}

static void on_done(void *arg, int error, const struct gord_plugin_change *changes, size_t count)
{
    struct fixture *f = arg;
    f->calls++;
    f->error = error;
    f->count = count;
    for (size_t i = 0; i < count && i < 8; i++) {
        f->kinds[i] = changes[i].kind;
        snprintf(f->errors[i], sizeof f->errors[i], "%s", changes[i].error);
    }
}

static void reload(struct fixture *f)
{
    unsigned before = f->calls;
    CHECK_EQ(gord_plugins_reload(f->plugins, on_done, f), 0);
    CHECK_EQ(gord_plugins_reload(f->plugins, on_done, f), -EALREADY);
    while (f->calls == before) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
}

static const char *version_of(const struct fixture *f)
{
    return gord_plugins_first(f->plugins)->module->version;
}

TEST(plugins_are_found_loaded_and_listed)
{
    struct fixture f;
    char list[400];
    begin(&f);
    put_plugin(&f, "b.so", "zoo1");
    put_plugin(&f, "a.so", "zoo_resident");
    put_plugin(&f, "c.so.old", "zoo_abi");
    open_plugins(&f);
    CHECK(gord_plugins_find(f.plugins, "zoo.echo") != NULL);
    CHECK(gord_plugins_find(f.plugins, "resident.echo") != NULL);
    CHECK(gord_plugins_find(f.plugins, "builtin.echo") != NULL);
    CHECK(gord_plugins_find(NULL, "builtin.echo") != NULL);
    CHECK(gord_plugins_find(f.plugins, "zoo") == NULL);
    CHECK(gord_plugins_find(f.plugins, "zoo.") == NULL);
    CHECK(gord_plugins_find(f.plugins, "zo.echo") == NULL);
    CHECK(gord_plugins_find(f.plugins, "zoo2.echo") == NULL);
    CHECK(gord_plugins_find(f.plugins, ".") == NULL);
    (void)gord_plugins_list(f.plugins, "zo.echo", list, sizeof list);
    CHECK(strstr(list, "builtin.overflow, zoo.echo, ") != NULL);
    (void)gord_plugins_list(f.plugins, "zoo.ech", list, sizeof list);
    CHECK(strncmp(list, "zoo.echo, zoo.version, ", 23) == 0);
    CHECK(strstr(list, "builtin") == NULL && strstr(list, "resident") == NULL);
    (void)gord_plugins_list(f.plugins, "builtin.ech", list, sizeof list);
    CHECK(strstr(list, "builtin.overflow") != NULL && strstr(list, "zoo") == NULL);
    (void)gord_plugins_list(f.plugins, "", list, 30);
    CHECK_STR(list, "builtin.echo, builtin.sleep");
    end(&f);
}

TEST(plugins_that_changed_become_new_generations)
{
    struct fixture f;
    begin(&f);
    put_plugin(&f, "zoo.so", "zoo1");
    open_plugins(&f);
    reload(&f);
    CHECK_EQ(f.count, 1);
    CHECK_EQ(f.kinds[0], GORD_PLUGIN_UNCHANGED);
    put_plugin(&f, "zoo.so", "zoo2");
    reload(&f);
    CHECK_EQ(f.kinds[0], GORD_PLUGIN_RELOADED);
    CHECK_STR(version_of(&f), "2");
    CHECK_EQ(gord_plugins_first(f.plugins)->generation, 2);
    CHECK(gord_plugins_first(f.plugins)->next == NULL); /* nothing ran the first one */
    end(&f);
}

TEST(plugins_stay_when_their_new_file_is_broken)
{
    struct fixture f;
    char path[400];
    begin(&f);
    put_plugin(&f, "zoo.so", "zoo1");
    open_plugins(&f);
    snprintf(path, sizeof path, "%s/zoo.so", f.folder);
    copy_file(built("zoo2"), path, 5000); /* written over, and not yet to the end */
    reload(&f);
    CHECK_EQ(f.kinds[0], GORD_PLUGIN_FAILED);
    CHECK(strstr(f.errors[0], "is cut short") != NULL);
    CHECK_STR(version_of(&f), "1");
    CHECK(gord_plugins_find(f.plugins, "zoo.echo") != NULL);
    put_plugin(&f, "zoo.so", "zoo_abi");
    reload(&f);
    CHECK_EQ(f.kinds[0], GORD_PLUGIN_FAILED);
    put_plugin(&f, "zoo.so", "zoo2");
    reload(&f);
    CHECK_STR(version_of(&f), "2");
    CHECK_EQ(unlink(path), 0);
    reload(&f);
    CHECK_EQ(f.kinds[0], GORD_PLUGIN_REMOVED);
    CHECK(gord_plugins_first(f.plugins) == NULL);
    CHECK(gord_plugins_find(f.plugins, "zoo.echo") == NULL);
    end(&f);
}

TEST(plugins_of_one_name_are_taken_from_one_file)
{
    struct fixture f;
    char path[400];
    begin(&f);
    put_plugin(&f, "a.so", "zoo1");
    put_plugin(&f, "b.so", "zoo2");
    open_plugins(&f);
    CHECK_STR(version_of(&f), "1");
    reload(&f);
    CHECK_EQ(f.kinds[1], GORD_PLUGIN_FAILED);
    CHECK(strstr(f.errors[1], "there is a module 'zoo' already") != NULL);
    snprintf(path, sizeof path, "%s/a.so", f.folder);
    CHECK_EQ(unlink(path), 0);
    reload(&f);
    CHECK_STR(version_of(&f), "2");
    end(&f);
}

TEST(plugins_without_a_folder_or_with_an_unsafe_one)
{
    struct fixture f;
    begin(&f);
    struct gord_plugins_opts opts = {&f.loop, NULL, f.copies};
    CHECK_EQ(gord_plugins_open(&opts, &f.plugins), 0);
    CHECK_EQ(gord_plugins_reload(f.plugins, on_done, &f), -ENOENT);
    CHECK(gord_plugins_first(f.plugins) == NULL);
    end(&f);

    begin(&f);
    put_plugin(&f, "zoo.so", "zoo1");
    open_plugins(&f);
    CHECK_EQ(chmod(f.folder, 0777), 0);
    reload(&f);
    CHECK_EQ(f.error, -EPERM);
    CHECK(gord_plugins_find(f.plugins, "zoo.echo") != NULL);
    end(&f);
    CHECK_EQ(chmod(f.folder, 0700), 0);
}

/* What a former daemon left goes; a reload under way is waited for. */
TEST(plugins_close_in_the_middle_of_a_reload)
{
    struct fixture f;
    char path[400];
    begin(&f);
    snprintf(path, sizeof path, "%s/7-zoo.so", f.copies);
    put_file(path, "", 0, 0600);
    put_plugin(&f, "zoo.so", "zoo1");
    open_plugins(&f);
    CHECK(access(path, F_OK) != 0);
    put_plugin(&f, "zoo.so", "zoo2");
    CHECK_EQ(gord_plugins_reload(f.plugins, on_done, &f), 0);
    end(&f);
    CHECK_EQ(f.calls, 1);
}

/* ---------------------------------------------------------------- a job of one */

/* A run of zoo.own_handler, and the plug-in's job for it. */
static struct gord_run *begin_job(struct fixture *f, struct gord_run_env *env)
{
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct gord_job_body body = {0};
    struct gord_job job = {.id = 7, .body = &body};
    native.function = (char *)"zoo.own_handler";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &body.spec), 0);
    struct gord_run *run = gord_run_new(env, &job, NULL);
    CHECK(run != NULL);
    gord_spec_unref(body.spec);
    CHECK_EQ(gord_plugins_begin(f->plugins, run, NULL), 0);
    CHECK(run->job != NULL);
    return run;
}

/* Has the only thread there is for goroutines. */
struct holder {
    sem_t holds;
    sem_t gives_back;
};

static void take_thread(void *arg)
{
    struct holder *holder = arg;
    CHECK_EQ(sem_post(&holder->holds), 0);
    CHECK_EQ(sem_wait(&holder->gives_back), 0);
}

/* Its end may be entered, as at a stop that waits for it no longer, before the goroutine that is to end it
 * comes to run: the job goes meanwhile, and its plug-in. */
TEST(plugin_job_that_was_lost_is_ended_without_it)
{
    struct fixture f;
    char path[400];
    char text[GORD_STORE_TEXT];
    struct holder holder;
    struct gor_opts opts = {.seed = 1};
    struct gord_run_env env = {.log_root = test_tmpdir(), .log_cap_bytes = 1 << 20};
    begin(&f);
    put_plugin(&f, "zoo.so", "zoo1");
    open_plugins(&f);
    struct gord_bus_opts bus = {.loop = &f.loop, .state_dir = fresh_folder(), .memory = true};
    CHECK_EQ(gord_bus_open(&bus, text, &env.bus), 0);
    struct gord_run *run = begin_job(&f, &env);
    CHECK_EQ(sem_init(&holder.holds, 0, 0), 0);
    CHECK_EQ(sem_init(&holder.gives_back, 0, 0), 0);
    CHECK_EQ(gor_start(&opts), 0);
    CHECK_EQ(gor_go(take_thread, &holder), 0);
    CHECK_EQ(sem_wait(&holder.holds), 0);
    (void)gord_run_ref(run); /* of the goroutine that was lost */
    gord_plugin_job_lost(run->job);
    gord_plugin_job_lost(run->job); /* once */
    gord_plugins_end(f.plugins, run->job);
    snprintf(path, sizeof path, "%s/zoo.so", f.folder);
    CHECK_EQ(unlink(path), 0);
    reload(&f);
    while (gord_plugins_first(f.plugins) != NULL) {
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    }
    CHECK_EQ(sem_post(&holder.gives_back), 0);
    while (atomic_load(&run->refs) > 1) {
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    CHECK(strstr(run->detail, "own_handler has set a handler of its own") != NULL);
    CHECK_EQ(gor_stop(), 0);
    gord_run_unref(run);
    CHECK_EQ(gord_bus_close(env.bus), 0);
    end(&f);
    gord_bus_free(env.bus);
    sem_destroy(&holder.holds);
    sem_destroy(&holder.gives_back);
}
