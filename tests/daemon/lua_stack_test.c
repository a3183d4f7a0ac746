/* SPDX-License-Identifier: MIT */
/* Recursion through C, as deep as Lua lets it go, on half the stack that jobs have. */
#include "tests/daemon/lua_scripts.h"

static const char *const deep[] = {
    /* gsub in gsub's callback: the largest frames */
    "local function f() return ('x'):gsub('x', f) end f()",
    "local function f() return ('x'):rep(1000):gsub('(x)(x)(x)(x)', f) end f()",
    "local function f() return (('x'):gsub('.', setmetatable({}, {__index = f}))) end f()",
    "local function f() return pcall(f) end return f() and 0 or 1",
    "local function f() return xpcall(f, f) end f() error('overflow')",
    "local function f() table.sort({3, 2, 1}, f) end f()",
    "local function f() return table.concat(setmetatable({}, {__len = function() return 1 end, "
    "  __index = function() return f() end})) end f()",
    "local function f() return tostring(setmetatable({}, {__tostring = f})) end f()",
    "local function f() return ('%s'):format(setmetatable({}, {__tostring = f})) end f()",
    "local function f() print(setmetatable({}, {__tostring = f})) end f()",
    "local function f() return load(f) end f() error('overflow')",
    "local function f() return load(function() f() return '((((((((((' end) end f() "
    "error('overflow')",
    "local function f() return coroutine.wrap(f)() end f()",
    "local function f() for _ in ('x'):gmatch('x') do f() end pcall(f) end f() error('overflow')",
    "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end "
    "return t.x",
    "local t = setmetatable({}, {}) getmetatable(t).__lt = function(a, b) return a < b end "
    "return t < t",
    "local t = setmetatable({}, {}) getmetatable(t).__concat = function(a, b) return a .. b end "
    "return t .. t",
    "local function f() local x <close> = setmetatable({}, {__close = f}) end f()",
    "local s = ('('):rep(10000) .. ('x'):rep(1) error(select(2, load('return ' .. s)))",
    "error(select(2, load(('local function f() '):rep(5000))))",
    "error(select(2, load('x = ' .. ('{'):rep(5000))))",
    "error(select(2, load('x = ' .. ('a..'):rep(5000) .. 'a')))",
    "error(select(2, load(('if x then '):rep(5000))))",
    "error(select(2, pcall(string.find, ('a'):rep(100000), ('(a?)'):rep(32) .. ('a?'):rep(300))))",
    "error(select(2, pcall(json.decode, ('['):rep(1000))))",
};

static void run_deep(void *arg)
{
    struct script_run *run = arg;

    script_body(run);
}

GO_TEST(stack_is_enough_for_every_recursion)
{
    struct gor_go_opts opts = {.stack_bytes = GORD_LUA_STACK_BYTES / 2};

    for (size_t i = 0; i < sizeof(deep) / sizeof(deep[0]); i++) {
        struct script_run run = {
            .script = {
                .text = deep[i], .bytes = strlen(deep[i]), .name = "test", .max_steps = 5000000}};
        gor_waitgroup_add(&run.over, 1);
        CHECK_EQ(gor_go_with(&opts, run_deep, &run), 0);
        gor_waitgroup_wait(&run.over);
        /* What is said differs; that it is said by Lua, and not by a guard page, is the point. */
        if (run.result.fate != GORD_LUA_FAILED && run.result.fate != GORD_LUA_RETURNED) {
            test_fail(__FILE__, __LINE__, "%s: fate %d", deep[i], run.result.fate);
        }
        gord_lua_result_fini(&run.result);
    }
}
