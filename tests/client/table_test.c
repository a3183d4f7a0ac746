/* SPDX-License-Identifier: MIT */
/* Tables: alignment, cutting to a width, pages, colours. */
#include <stdlib.h>
#include <string.h>

#include "client/table.h"
#include "client/text.h"
#include "tests/test.h"

static const struct gorctl_column columns[] = {
    {"ID", true, false}, {"NAME", false, true}, {"COMMAND", false, true}};

static char *printed(struct gorctl_table *table, unsigned width, bool colour)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    gorctl_table_print(table, out, width, colour);
    fclose(out);
    return text;
}

static void add(struct gorctl_table *table, const char *id, const char *name, const char *command)
{
    gorctl_table_cell(table, id, NULL);
    gorctl_table_cell(table, name, "\x1b[31m");
    gorctl_table_cell(table, command, NULL);
}

static void check_printed(struct gorctl_table *table, unsigned width, bool colour,
                          const char *expected)
{
    char *text = printed(table, width, colour);
    CHECK_STR(text, expected);
    free(text);
}

TEST(table_aligns_columns_and_ends_lines_without_blanks)
{
    struct gorctl_table *table = gorctl_table_new(columns, 3);
    add(table, "7", "a", "ls");
    add(table, "1000", "backup", "rsync -a");
    CHECK_EQ(gorctl_table_rows(table), 2);
    check_printed(table, 0, false,
                  "  ID  NAME    COMMAND\n"
                  "   7  a       ls\n"
                  "1000  backup  rsync -a\n");
    CHECK_EQ(gorctl_table_rows(table), 0);
    gorctl_table_free(table);
}

TEST(table_does_not_pad_every_row_to_one_long_cell)
{
    static const struct gorctl_column three[] = {
        {"ID", true, false}, {"COMMAND", false, true}, {"WHY", false, true}};
    struct gorctl_table *table = gorctl_table_new(three, 3);
    char *giant = malloc(5001);
    char expected[5400];
    memset(giant, 'x', 5000);
    giant[5000] = '\0';
    add(table, "1", giant, "why");
    add(table, "2", "ls", "because");
    snprintf(expected, sizeof expected, "ID  %-*s  WHY\n 1  %s  why\n 2  %-*s  because\n",
             GORCTL_TABLE_PADDING, "COMMAND", giant, GORCTL_TABLE_PADDING, "ls");
    check_printed(table, 0, false, expected);
    free(giant);
    gorctl_table_free(table);
}

TEST(table_cuts_the_widest_flexible_column)
{
    gorctl_text_setup();
    struct gorctl_table *table = gorctl_table_new(columns, 3);
    add(table, "7", "name", "a very long command line");
    check_printed(table, 24, false,
                  "ID  NAME  COMMAND\n"
                  " 7  name  a very long c\xe2\x80\xa6\n");
    gorctl_table_free(table);
}

TEST(table_too_narrow_keeps_something_of_each_column)
{
    gorctl_text_setup();
    struct gorctl_table *table = gorctl_table_new(columns, 3);
    add(table, "123456", "a long name", "a long command");
    check_printed(table, 5, false,
                  "    ID  NAME    COMMA\xe2\x80\xa6\n"
                  "123456  a lon\xe2\x80\xa6  a lon\xe2\x80\xa6\n");
    gorctl_table_free(table);
}

TEST(table_without_heading_is_as_wide_as_its_rows)
{
    struct gorctl_table *table = gorctl_table_new(columns, 3);
    gorctl_table_no_heading(table);
    add(table, "1", "a", "b");
    add(table, "2", "cc", "d");
    check_printed(table, 0, false, "1  a   b\n2  cc  d\n");
    gorctl_table_free(table);
}

TEST(table_prints_its_heading_once)
{
    struct gorctl_table *table = gorctl_table_new(columns, 3);
    add(table, "1", "a", "b");
    check_printed(table, 0, false, "ID  NAME  COMMAND\n 1  a     b\n");
    add(table, "2", "longer", "d");
    check_printed(table, 0, false, " 2  longer  d\n");
    add(table, "3", "e", "f");
    check_printed(table, 0, false, " 3  e       f\n");
    gorctl_table_free(table);
}

TEST(table_colours_only_when_asked)
{
    struct gorctl_table *table = gorctl_table_new(columns, 3);
    add(table, "1", "a", "b");
    char *text = printed(table, 0, true);
    CHECK(strstr(text, "\x1b[31ma\x1b[0m") != NULL);
    free(text);
    add(table, "1", "a", "b");
    text = printed(table, 0, false);
    CHECK(strchr(text, '\x1b') == NULL);
    free(text);
    gorctl_table_free(table);
}

TEST(table_counts_wide_characters)
{
    gorctl_text_setup();
    struct gorctl_table *table = gorctl_table_new(columns, 3);
    add(table, "1", "\xe6\xbc\xa2\xe5\xad\x97", "x");
    add(table, "2", "abcd", "y");
    check_printed(table, 0, false,
                  "ID  NAME  COMMAND\n"
                  " 1  \xe6\xbc\xa2\xe5\xad\x97  x\n"
                  " 2  abcd  y\n");
    gorctl_table_free(table);
}

TEST(table_free_takes_null_and_half_rows)
{
    gorctl_table_free(NULL);
    struct gorctl_table *table = gorctl_table_new(columns, 3);
    gorctl_table_cell(table, "half a row", NULL);
    gorctl_table_free(table);
}

TEST(table_makes_text_from_anywhere_clean)
{
    struct gorctl_table *table = gorctl_table_new(columns, 3);
    gorctl_table_number(table, 7);
    gorctl_table_text(table, "a\x1b[2J\nb");
    gorctl_table_text(table, "");
    check_printed(table, 0, false,
                  "ID  NAME         COMMAND\n"
                  " 7  a\\x1b[2J\\nb\n");
    gorctl_table_free(table);
}
