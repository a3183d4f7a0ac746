/* SPDX-License-Identifier: MIT */
/* pattern.h - Lua's patterns, matched by counted steps.
 *
 * Lua's own matcher goes back and tries again without bound: "a*a*a*a*b" on a thousand a's takes hours,
 * and no hook sees it. This one means the same (tests/daemon/lua_pattern_test.c compares the two on
 * random patterns), and looks at the script's budgets on the way.
 *
 * Threads     whoever has the script's turn.
 * Ownership   a match borrows subject and pattern, which must stay where they are.
 */
#ifndef GORD_LUA_PATTERN_H
#define GORD_LUA_PATTERN_H

#include <stddef.h>

#include <lauxlib.h>
#include <lua.h>

enum { GORD_PATTERN_CAPTURES_MAX = 32 };

struct gord_pattern_capture {
    const char *start;
    ptrdiff_t length; /* or one of the two below */
};
enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

struct gord_pattern {
    lua_State *L;
    const char *begin; /* of the subject */
    const char *end;
    const char *pattern_end;
    int depth;
    int count; /* captures, finished or not */
    struct gord_pattern_capture captures[GORD_PATTERN_CAPTURES_MAX];
};

void gord_pattern_init(struct gord_pattern *match, lua_State *L, const char *subject,
                       size_t subject_bytes, const char *pattern_end);

/* Match `pattern` at `at` exactly: the end of what matched, or NULL. Raises for a malformed pattern. */
const char *gord_pattern_match_at(struct gord_pattern *match, const char *at, const char *pattern);

/* Push one capture; without captures, 0 is the whole match from `at` to `end`. Raises. */
void gord_pattern_push(struct gord_pattern *match, int index, const char *at, const char *end);

/* Push all of them, or the whole match if there is none and `at` is not NULL. The number pushed. */
int gord_pattern_push_all(struct gord_pattern *match, const char *at, const char *end);

#endif
