/* SPDX-License-Identifier: MIT */
/* plugin.c - see plugin.h.
 *
 * A copy in a file of ours rather than a memfd: the backtraces of a job and a debugger find its symbols
 * by the name that it was loaded by.
 */
#include "daemon/runner/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/event/event.h"
#include "daemon/runner/text.h"

#define MODULE_NAME_MAX 31
#define FUNCTION_NAME_MAX 63
#define FUNCTIONS_MAX 1000

/* ------------------------------------------------------------------ what it says of itself */

static bool is_name(const char *name, size_t most)
{
    size_t length = name != NULL ? strnlen(name, most + 1) : 0;

    return length > 0 && length <= most && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") >= length;
}

static int complain(const char *path, const char *what, char *error)
{
    snprintf(error, GORD_PLUGIN_ERROR, "%s: %s", path, what);
    return -ENOEXEC;
}

static int check_functions(const struct gor_job_module *module, const char *path, char *error)
{
    const struct gor_job_function *functions = module->functions;
    size_t count = 0;

    for (; functions != NULL && functions[count].name != NULL; count++) {
        const struct gor_job_function *function = &functions[count];
        if (count == FUNCTIONS_MAX) {
            return complain(path, "its list of functions has no end (a NULL name)", error);
        }
        if (!is_name(function->name, FUNCTION_NAME_MAX) || function->run == NULL) {
            snprintf(error, GORD_PLUGIN_ERROR,
                     "%s: function %zu has no run, or a name that is not made of small letters, "
                     "digits and _, at most %d",
                     path, count, FUNCTION_NAME_MAX);
            return -ENOEXEC;
        }
        for (size_t i = 0; i < count; i++) {
            if (strcmp(functions[i].name, function->name) == 0) {
                return complain(path, "two of its functions have the same name", error);
            }
        }
    }
    return count > 0 ? 0 : complain(path, "it has no functions", error);
}

static int check_module(const struct gor_job_module *module, const char *path, char *error)
{
    if (module->abi < 1 || module->abi > GOR_JOB_ABI) {
        snprintf(
            error, GORD_PLUGIN_ERROR,
            "%s was built for version %u of gor_job.h, and this gord knows 1 to %d: build it with "
            "the header of this gord",
            path, module->abi, GOR_JOB_ABI);
        return -ENOEXEC;
    }
    if (!is_name(module->name, MODULE_NAME_MAX) || strcmp(module->name, "builtin") == 0) {
        snprintf(
            error, GORD_PLUGIN_ERROR,
            "%s: the name of the module is not made of small letters, digits and _, at most %d, "
            "or is 'builtin'",
            path, MODULE_NAME_MAX);
        return -ENOEXEC;
    }
    return check_functions(module, path, error);
}

static int start_module(const struct gor_job_module *module, const char *path, char *error)
{
    char why[256] = "";
    char clean[256];

    if (module->load == NULL || module->load(why, sizeof(why)) == 0) {
        return 0;
    }
    why[sizeof(why) - 1] = '\0';
    snprintf(error, GORD_PLUGIN_ERROR, "%s: its load function refuses: %s", path,
             gord_text_clean(why, strlen(why), clean, sizeof(clean)));
    return -ENOEXEC;
}

/* ------------------------------------------------------------------ loading */

/* What the loader says names the copy; people know the file. */
static int complain_of_loader(const char *path, const char *copy, char *error)
{
    const char *said = dlerror();
    size_t skip = strlen(copy);

    said = said != NULL ? said : "the dynamic loader does not take it";
    if (strncmp(said, copy, skip) == 0 && strncmp(said + skip, ": ", 2) == 0) {
        said += skip + 2;
    }
    snprintf(error, GORD_PLUGIN_ERROR, "%s: %s", path, said);
    return -ENOEXEC;
}

/* One module goes on the loop's thread while another comes on that of a reload, perhaps to the same
 * place. The loader has them take turns; ThreadSanitizer, which does not see its locks, learns it here. */
static void mark_turn(void)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&turn);
    pthread_mutex_unlock(&turn);
}

static int open_copy(struct gord_plugin *plugin, char *error)
{
    plugin->handle = dlopen(plugin->copy, RTLD_NOW | RTLD_LOCAL);
    mark_turn();
    if (plugin->handle == NULL) {
        return complain_of_loader(plugin->path, plugin->copy, error);
    }
    plugin->module = dlsym(plugin->handle, "gor_job_module");
    if (plugin->module == NULL) {
        return complain(plugin->path,
                        "it defines no 'gor_job_module' (see gor_job(3)), or hides it", error);
    }
    if (dlsym(plugin->handle, "gor_go") != NULL) {
        return complain(plugin->path,
                        "it brings a libgor of its own, but must use gord's: link it without -lgor",
                        error);
    }
    int result = check_module(plugin->module, plugin->path, error);
    return result != 0 ? result : start_module(plugin->module, plugin->path, error);
}

static void free_plugin(struct gord_plugin *plugin)
{
    if (plugin->handle != NULL) {
        dlclose(plugin->handle);
        mark_turn();
    }
    unlink(plugin->copy);
    free(plugin->path);
    free(plugin->copy);
    free(plugin);
}

static int make_copy(struct gord_plugin *plugin, char *error)
{
    int fd = gord_plugin_file_open(plugin->path, &plugin->stamp, error);

    if (fd < 0) {
        return fd;
    }
    int result = gord_plugin_file_check(fd, plugin->path, error);
    if (result == 0) {
        result = gord_plugin_file_copy(fd, &plugin->stamp, plugin->path, plugin->copy, error);
    }
    close(fd);
    return result;
}

int gord_plugin_load(const char *path, const char *copy, char *error,
                     struct gord_plugin **out_plugin)
{
    struct gord_plugin *plugin = calloc(1, sizeof(*plugin));

    if (plugin == NULL || (plugin->path = strdup(path)) == NULL ||
        (plugin->copy = strdup(copy)) == NULL) {
        snprintf(error, GORD_PLUGIN_ERROR, "%s: out of memory", path);
        if (plugin != NULL) {
            free(plugin->path);
            free(plugin);
        }
        return -ENOMEM;
    }
    int result = make_copy(plugin, error);
    if (result == 0) {
        result = open_copy(plugin, error);
    }
    if (result != 0) {
        free_plugin(plugin);
        return result;
    }
    plugin->generation = 1;
    plugin->loaded_ns = gord_event_clock();
    *out_plugin = plugin;
    return 0;
}

void gord_plugin_unload(struct gord_plugin *plugin)
{
    if (plugin == NULL) {
        return;
    }
    if ((plugin->module->flags & GOR_JOB_RESIDENT) != 0) {
        plugin->handle = NULL; /* it stays, wherever its file goes */
    } else if (plugin->module->unload != NULL) {
        plugin->module->unload();
    }
    free_plugin(plugin);
}
