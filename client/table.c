/* SPDX-License-Identifier: MIT */
/* table.c - see table.h. */
#include "client/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/screen.h"
#include "client/text.h"

enum { GAP = 2, NARROWEST = 6 };

struct cell {
    char *text;        /* owned */
    const char *style; /* borrowed; NULL: none */
};

struct gorctl_table {
    struct gorctl_column *columns; /* owned */
    size_t column_count;
    unsigned *widths; /* owned; widest so far */
    struct cell *cells;
    size_t cell_count, cell_room;
    bool heading_printed;
};

struct gorctl_table *gorctl_table_new(const struct gorctl_column *columns, size_t count)
{
    struct gorctl_table *table = gorctl_alloc(sizeof(*table));
    table->columns = gorctl_copy(columns, count * sizeof(*columns));
    table->column_count = count;
    table->widths = gorctl_alloc(count * sizeof(*table->widths));
    for (size_t i = 0; i < count; i++) {
        table->widths[i] = gorctl_text_width(columns[i].title);
    }
    return table;
}

void gorctl_table_no_heading(struct gorctl_table *table)
{
    table->heading_printed = true;
    memset(table->widths, 0, table->column_count * sizeof(*table->widths));
}

static void forget_rows(struct gorctl_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++) {
        free(table->cells[i].text);
    }
    table->cell_count = 0;
}

void gorctl_table_free(struct gorctl_table *table)
{
    if (table == NULL) {
        return;
    }
    forget_rows(table);
    free(table->cells);
    free(table->columns);
    free(table->widths);
    free(table);
}

void gorctl_table_cell(struct gorctl_table *table, const char *text, const char *style)
{
    if (table->cell_count == table->cell_room) {
        table->cell_room = table->cell_room * 2 + 64;
        table->cells = gorctl_grow(table->cells, table->cell_room, sizeof(*table->cells));
    }
    size_t column = table->cell_count % table->column_count;
    unsigned width = gorctl_text_width(text);
    if (width > table->widths[column]) {
        table->widths[column] = width;
    }
    table->cells[table->cell_count++] = (struct cell){gorctl_strdup(text), style};
}

size_t gorctl_table_rows(const struct gorctl_table *table)
{
    return table->cell_count / table->column_count;
}

static unsigned total_width(const struct gorctl_table *table, const unsigned *widths)
{
    unsigned total = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        total += widths[i] + (i > 0 ? GAP : 0);
    }
    return total;
}

/* Where nothing is cut, one very long cell must not make every line as long. */
static void loosen(const struct gorctl_table *table, unsigned *widths)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].flexible && widths[i] > GORCTL_TABLE_PADDING) {
            widths[i] = GORCTL_TABLE_PADDING;
        }
    }
}

/* Take from the widest flexible column, again and again, until the line fits or none can give. */
static void fit(const struct gorctl_table *table, unsigned *widths, unsigned width)
{
    while (total_width(table, widths) > width) {
        size_t widest = table->column_count;
        for (size_t i = 0; i < table->column_count; i++) {
            if (table->columns[i].flexible && widths[i] > NARROWEST &&
                (widest == table->column_count || widths[i] > widths[widest])) {
                widest = i;
            }
        }
        if (widest == table->column_count) {
            return;
        }
        widths[widest]--;
    }
}

/* A line being printed. Blanks are owed until something follows them, so that none ends in any. */
struct line {
    FILE *out;
    const unsigned *widths;
    bool colour;
    bool whole; /* no cell is cut */
    unsigned owed;
};

static void print_cell(struct line *line, const struct gorctl_column *column, unsigned width,
                       const struct cell *cell)
{
    char *text = line->whole ? gorctl_strdup(cell->text) : gorctl_text_fit(cell->text, width);
    unsigned used = gorctl_text_width(text);
    unsigned pad = width > used ? width - used : 0;
    bool styled = line->colour && cell->style != NULL;
    line->owed += column->right ? pad : 0;
    if (used > 0) {
        fprintf(line->out, "%*s%s%s%s", (int)line->owed, "", styled ? cell->style : "", text,
                styled ? "\x1b[0m" : "");
        line->owed = 0;
    }
    line->owed += GAP + (column->right ? 0 : pad);
    free(text);
}

static void end_line(struct line *line)
{
    putc('\n', line->out);
    line->owed = 0;
}

static void print_heading(const struct gorctl_table *table, struct line *line)
{
    for (size_t i = 0; i < table->column_count; i++) {
        struct cell cell = {(char *)table->columns[i].title, "\x1b[1m"};
        print_cell(line, &table->columns[i], line->widths[i], &cell);
    }
    end_line(line);
}

void gorctl_table_print(struct gorctl_table *table, FILE *out, unsigned width, bool colour)
{
    unsigned *widths = gorctl_copy(table->widths, table->column_count * sizeof(*widths));
    struct line line = {.out = out, .widths = widths, .colour = colour, .whole = width == 0};
    if (width > 0) {
        fit(table, widths, width);
    } else {
        loosen(table, widths);
    }
    if (!table->heading_printed) {
        print_heading(table, &line);
        table->heading_printed = true;
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % table->column_count;
        print_cell(&line, &table->columns[column], widths[column], &table->cells[i]);
        if (column + 1 == table->column_count) {
            end_line(&line);
        }
    }
    free(widths);
    forget_rows(table);
}

void gorctl_table_text(struct gorctl_table *table, const char *text)
{
    char *clean = gorctl_text_escape(text, strlen(text));
    gorctl_table_cell(table, clean, NULL);
    free(clean);
}

void gorctl_table_number(struct gorctl_table *table, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    gorctl_table_cell(table, text, NULL);
}

void gorctl_table_show(struct gorctl_table *table)
{
    struct gorctl_screen screen = gorctl_screen_of(STDOUT_FILENO);
    gorctl_table_print(table, stdout, screen.width, screen.colour);
    gorctl_table_free(table);
}
