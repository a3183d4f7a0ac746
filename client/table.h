/* SPDX-License-Identifier: MIT */
/* table.h - rows of text in columns that fit a terminal.
 *
 * Rows are kept until gorctl_table_print(), which may be called again after more rows: long lists
 * are printed a page at a time under one heading, and columns only ever get wider.
 * Ownership   cells and columns are copied; the titles are borrowed and must outlive the table.
 */
#ifndef GOR_CLIENT_TABLE_H
#define GOR_CLIENT_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { GORCTL_TABLE_PADDING = 80 };

struct gorctl_table;

struct gorctl_column {
    const char *title;
    bool right;    /* aligned to the right: numbers */
    bool flexible; /* may be cut to make the line fit */
};

struct gorctl_table *gorctl_table_new(const struct gorctl_column *columns, size_t count);
void gorctl_table_free(struct gorctl_table *table);

/* Print rows only; their columns are as wide as they themselves need. */
void gorctl_table_no_heading(struct gorctl_table *table);

/* Add the next cell of the row; a row is complete after one per column. `text` must be clean
 * (text.h). `style` is an escape sequence, or NULL. */
void gorctl_table_cell(struct gorctl_table *table, const char *text, const char *style);

/* The same of text from anywhere, which is made clean. */
void gorctl_table_text(struct gorctl_table *table, const char *text);

void gorctl_table_number(struct gorctl_table *table, uint64_t number);

size_t gorctl_table_rows(const struct gorctl_table *table);

/* Print the rows so far and forget them. `width` 0: nothing is cut, and no row is padded to a
 * flexible cell of more than GORCTL_TABLE_PADDING, as the odd very long command is. `colour` false: styles are
 * left out. */
void gorctl_table_print(struct gorctl_table *table, FILE *out, unsigned width, bool colour);

/* Print a whole table on standard output, as that is, and free it. */
void gorctl_table_show(struct gorctl_table *table);

#endif
