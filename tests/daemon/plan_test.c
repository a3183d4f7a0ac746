/* SPDX-License-Identifier: MIT */
/* Every statement the daemon runs finds its rows by an index: cost does not grow with history. */
#include "daemon/store/reading.h"
#include "daemon/store/writing.h"
#include "tests/daemon/stores.h"

/* What may be gone through whole: it has a handful of rows. */
static bool is_small(const char *detail)
{
    static const char *const small[] = {"SCAN meta", "SCAN CONSTANT ROW", "SCAN leftovers",
                                        "SCAN resources", "SCAN tokens",
                                        /* A page of a list, and what a walk of a tree has found,
                                         * each bounded by its LIMIT; the way up to the top. */
                                        "SCAN s", "SCAN tree", "SCAN up",
                                        /* All of them, once, at the start. */
                                        "SCAN crons USING INDEX sqlite_autoindex_crons_1"};
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        if (strcmp(detail, small[i]) == 0) {
            return true;
        }
    }
    /* In the order of its key, and bounded by a LIMIT. */
    return strncmp(detail, "SCAN log USING INTEGER PRIMARY KEY", 34) == 0;
}

static void check_plan(sqlite3 *db, const char *sql)
{
    char explain[4096];
    sqlite3_stmt *stmt;
    if (strncmp(sql, "PRAGMA", 6) == 0 || strncmp(sql, "EXPLAIN", 7) == 0) {
        return;
    }
    snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
    CHECK_EQ(sqlite3_prepare_v2(db, explain, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(stmt, 3);
        if (strncmp(detail, "SCAN", 4) == 0 && !is_small(detail)) {
            fprintf(stderr, "'%s' goes through a table: %s\n", sql, detail);
            CHECK(!"each row by an index");
        }
        CHECK(strstr(detail, "TEMP B-TREE") == NULL);
    }
    sqlite3_finalize(stmt);
}

static unsigned check_plans(sqlite3 *db)
{
    unsigned count = 0;
    for (sqlite3_stmt *stmt = sqlite3_next_stmt(db, NULL); stmt != NULL;
         stmt = sqlite3_next_stmt(db, stmt)) {
        check_plan(db, sqlite3_sql(stmt));
        count++;
    }
    return count;
}

TEST(writer_searches_by_index_only)
{
    char path[256];
    struct gord_store_start start;
    struct gord_writer *writer;
    char text[GORD_STORE_TEXT];
    snprintf(path, sizeof path, "%s/gord.db", fresh_dir());
    struct gord_writer_opts opts = {.path = path, .outputs = "/nowhere"};
    CHECK_EQ(gord_writer_open(&opts, &start, text, &writer), 0);
    CHECK_EQ(check_plans(writer->db), WRITE_COUNT);
    gord_writer_close(writer);
}

/* Lists are put together for each filter; they are caught as they are run. */
static int on_statement(unsigned kind, void *arg, void *stmt, void *text)
{
    (void)kind;
    (void)text;
    struct gord_reader *reader = arg;
    const char *sql = sqlite3_sql(stmt);
    check_plan(reader->db, sql);
    return 0;
}

/* How often the children of a job were looked for by their index. */
static unsigned by_parent;

static int on_children(unsigned kind, void *arg, void *stmt, void *text)
{
    struct gord_reader *reader = arg;
    char explain[4096];
    sqlite3_stmt *plan;
    (void)on_statement(kind, arg, stmt, text);
    snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sqlite3_sql(stmt));
    if (strncmp(sqlite3_sql(stmt), "EXPLAIN", 7) == 0) {
        return 0;
    }
    CHECK_EQ(sqlite3_prepare_v2(reader->db, explain, -1, &plan, NULL), SQLITE_OK);
    while (sqlite3_step(plan) == SQLITE_ROW) {
        by_parent += strstr((const char *)sqlite3_column_text(plan, 3),
                            "INDEX jobs_by_parent (parent_id=? AND rowid>? AND rowid<?)") != NULL;
    }
    sqlite3_finalize(plan);
    return 0;
}

static int skip_row(void *arg, struct gord_row *row)
{
    (void)arg;
    (void)row;
    return 0;
}

TEST(reader_searches_by_index_only)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    box_submit(&box, exec_spec("e", "A=1"));
    box_settle(&box);
    struct gord_reader *reader = box_reader(&box);
    CHECK_EQ(check_plans(reader->db), READ_COUNT);
    CHECK_EQ(sqlite3_trace_v2(reader->db, SQLITE_TRACE_STMT, on_statement, reader), SQLITE_OK);
    for (uint32_t states = 0; states < 1U << GORD_STATE_COUNT; states += 2) {
        for (uint32_t outcomes = 0; outcomes < 1U << GORD_OUTCOME_COUNT; outcomes += 6) {
            struct gord_filter filter = {.states = states, .outcomes = outcomes, .limit = 10};
            uint64_t next;
            CHECK_EQ(gord_reader_list(reader, &filter, skip_row, NULL, &next), 0);
        }
    }
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

TEST(reader_looks_for_children_among_those_of_the_parent_only)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    struct gord_reader *reader = box_reader(&box);
    CHECK_EQ(sqlite3_trace_v2(reader->db, SQLITE_TRACE_STMT, on_children, reader), SQLITE_OK);
    const struct gord_label_match label = {"key", "value"};
    const struct gord_filter filters[] = {
        {.parent_id = 1, .limit = 10},
        {.parent_id = 1, .limit = 10, .states = 1U << GOR__V1__JOB_STATE__RUNNING},
        {.parent_id = 1, .limit = 10, .outcomes = 1U << GOR__V1__OUTCOME__FAILED},
        {.parent_id = 1, .limit = 10, .labels = &label, .label_count = 1},
    };
    for (unsigned i = 0; i < sizeof filters / sizeof *filters; i++) {
        uint64_t next;
        CHECK_EQ(gord_reader_list(reader, &filters[i], skip_row, NULL, &next), 0);
        CHECK_EQ(by_parent, i + 1);
    }
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}
