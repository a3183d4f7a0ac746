/* SPDX-License-Identifier: MIT */
/* Databases that are not what they should be: refused with a text, and left as they were. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "tests/daemon/stores.h"

static char db_path[256];

static const char *dir_with_path(void)
{
    const char *dir = fresh_dir();
    snprintf(db_path, sizeof db_path, "%s/gord.db", dir);
    return dir;
}

static void write_file(const void *bytes, size_t count)
{
    FILE *file = fopen(db_path, "w");
    CHECK(file != NULL);
    CHECK_EQ(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

static size_t read_file(char *bytes, size_t room)
{
    FILE *file = fopen(db_path, "r");
    CHECK(file != NULL);
    size_t count = fread(bytes, 1, room, file);
    fclose(file);
    return count;
}

static void change(const char *sql)
{
    sqlite3 *db;
    CHECK_EQ(sqlite3_open(db_path, &db), SQLITE_OK);
    char *said = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &said) != SQLITE_OK) {
        test_fail(__FILE__, __LINE__, "%s: %s", sql, said);
    }
    sqlite3_close(db);
}

/* Opening must fail like this, say what it has to, and change nothing. */
static void check_refused(const char *dir, int err, const char *says)
{
    static char before[1 << 20], after[1 << 20];
    struct box box;
    size_t bytes = read_file(before, sizeof before);
    CHECK_EQ(box_open(&box, dir, false), err);
    if (strstr(box.text, says) == NULL || strstr(box.text, db_path) == NULL) {
        test_fail(__FILE__, __LINE__, "the text is \"%s\"", box.text);
    }
    CHECK_EQ(read_file(after, sizeof after), bytes);
    CHECK(memcmp(before, after, bytes) == 0);
}

/* A sound database with a job in it, closed. */
static const char *sound_store(void)
{
    const char *dir = dir_with_path();
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    for (int i = 0; i < 2000; i++) {
        box_submit(&box, native_spec("job", 0));
    }
    CHECK_EQ(box_close(&box), 0);
    return dir;
}

TEST(file_that_is_no_database_is_refused)
{
    const char *dir = dir_with_path();
    char bytes[5000];
    memset(bytes, 'x', sizeof bytes);
    write_file(bytes, sizeof bytes);
    check_refused(dir, -EBADMSG, "no database that can be read");
    write_file("short", 5);
    check_refused(dir, -EBADMSG, ".recover");
}

TEST(truncated_database_is_refused)
{
    const char *dir = sound_store();
    struct stat st;
    CHECK_EQ(stat(db_path, &st), 0);
    CHECK(st.st_size > 3 * 4096);
    CHECK_EQ(truncate(db_path, st.st_size / 2 / 4096 * 4096), 0);
    check_refused(dir, -EBADMSG, "gord leaves it as it is");
}

TEST(overwritten_schema_is_refused)
{
    const char *dir = sound_store();
    int fd = open(db_path, O_WRONLY | O_CLOEXEC);
    char junk[3000];
    memset(junk, 0xa5, sizeof junk);
    CHECK_EQ(pwrite(fd, junk, sizeof junk, 100), (ssize_t)sizeof junk);
    close(fd);
    check_refused(dir, -EBADMSG, "gord leaves it as it is");
}

TEST(database_of_another_program_is_refused)
{
    const char *dir = dir_with_path();
    change("CREATE TABLE cats (name TEXT); INSERT INTO cats VALUES ('Tom')");
    check_refused(dir, -EPROTO, "another program");
}

TEST(database_of_a_newer_gord_is_refused)
{
    const char *dir = sound_store();
    change("PRAGMA user_version = 99");
    check_refused(dir, -EPROTO, "newer gord (version 99");
}

TEST(database_that_contradicts_itself_is_refused)
{
    const char *dir = sound_store();
    change("UPDATE meta SET value = 5 WHERE key = 'next_id'");
    check_refused(dir, -EBADMSG, "gord leaves it as it is");
    dir = sound_store();
    change("UPDATE meta SET value = 1 WHERE key = 'next_seq'");
    check_refused(dir, -EBADMSG, "gord leaves it as it is");
    dir = sound_store();
    change("DELETE FROM meta WHERE key = 'next_seq'");
    check_refused(dir, -EBADMSG, "gord leaves it as it is");
    dir = sound_store();
    change("DROP TABLE live");
    check_refused(dir, -EBADMSG, "gord leaves it as it is");
}

TEST(empty_file_and_empty_database_become_a_store)
{
    const char *dir = dir_with_path();
    struct box box;
    write_file("", 0);
    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK_EQ(box_close(&box), 0);
    dir = dir_with_path();
    change("PRAGMA user_version = 0; VACUUM"); /* a database of version 0 without tables */
    CHECK_EQ(box_open(&box, dir, false), 0);
    box_submit(&box, native_spec("job", 0));
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK_EQ(box.start.next_id, 2);
    CHECK_EQ(box_close(&box), 0);
}

TEST(migration_that_was_cut_off_is_taken_again)
{
    const char *dir = dir_with_path();
    /* The steps are transactions: what is left of one cut off is version 0 and nothing else. */
    change("BEGIN; CREATE TABLE meta (key TEXT); ROLLBACK; PRAGMA user_version = 0");
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK_EQ(box_close(&box), 0);
}

TEST(missing_directory_and_directory_in_the_way_are_refused)
{
    struct box box;
    CHECK_EQ(box_open(&box, "/nowhere/at/all", false), -ENOENT);
    CHECK(strstr(box.text, "/nowhere/at/all/gord.db") != NULL);
    const char *dir = dir_with_path();
    CHECK_EQ(mkdir(db_path, 0700), 0);
    CHECK_EQ(box_open(&box, dir, false), -EISDIR);
    CHECK(strstr(box.text, "move it away") != NULL);
}

/* Root may read everything, so a child that is nobody tries. */
TEST(unreadable_database_is_refused)
{
    const char *dir = sound_store();
    CHECK_EQ(chmod(db_path, 0), 0);
    CHECK_EQ(chmod(dir, 0755), 0);
    CHECK_EQ(chmod(test_tmpdir(), 0755), 0);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && setuid(65534) != 0) {
            _exit(2);
        }
        struct box box;
        CHECK_EQ(box_open(&box, dir, false), -EACCES);
        CHECK(strstr(box.text, "the user gord runs as") != NULL);
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQ(chmod(test_tmpdir(), 0700), 0);
}
