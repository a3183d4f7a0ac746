/* SPDX-License-Identifier: MIT */
/* Scripts: what they may do, how they end, and that nothing leads out of their bounds. */
#include "tests/daemon/lua_scripts.h"

/* ------------------------------------------------------------------ results */

GO_TEST(script_prints_and_returns_its_code)
{
    check_script("print('hello', 1, nil, true)", 0, "hello\t1\tnil\ttrue\n");
    check_script("return 7", 7, "");
    check_script("return 3.0", 3, "");
    check_script("#!/usr/bin/lua\nprint(debug.traceback('x', 1):match('test:%d'))", 0, "test:2\n");
    check_script("\xEF\xBB\xBFlog('to stderr')", 0, "to stderr\n");
}

GO_TEST(script_returns_a_string_as_its_result)
{
    struct script_run run = {0};

    script_run(&run, "return 'a\\0b'");
    CHECK_EQ(run.result.fate, GORD_LUA_RETURNED);
    CHECK_EQ(run.result.value_bytes, 3);
    CHECK(memcmp(run.result.value, "a\0b", 3) == 0);
    gord_lua_result_fini(&run.result);
}

GO_TEST(script_result_of_another_type_fails)
{
    struct script_run run = {0};
    check_fails(&run, "return {}", "returned a table");
    struct script_run fraction = {0};
    check_fails(&fraction, "return 1.5", "returned a fraction");
    struct script_run large = {0};
    check_fails(&large, "return 256", "an exit code is 0 to 255");
    struct script_run negative = {0};
    check_fails(&negative, "return -1", "an exit code is 0 to 255");
    struct script_run long_one = {0};
    check_fails(&long_one, "return ('x'):rep(65537)", "at most 65536 are kept");
}

GO_TEST(script_error_has_message_and_traceback)
{
    struct script_run run = {0};

    script_run(&run, "local function inner() error('out of cheese') end\n"
                     "local function outer() inner() end\n"
                     "outer()");
    CHECK_EQ(run.result.fate, GORD_LUA_FAILED);
    CHECK_STR(run.result.message, "test:1: out of cheese");
    CHECK(strstr(run.result.traceback, "test:1: in function inner") != NULL);
    CHECK(strstr(run.result.traceback, "test:3: in main chunk") != NULL);
    gord_lua_result_fini(&run.result);
}

GO_TEST(script_error_may_be_any_value)
{
    struct script_run table = {0};
    check_fails(&table, "error(setmetatable({}, {__tostring = function() return 'said' end}))",
                "said");
    struct script_run nothing = {0};
    check_fails(&nothing, "error()", "nil");
    struct script_run bad = {0};
    check_fails(&bad, "error(setmetatable({}, {__tostring = function() error('x') end}))", "");
}

GO_TEST(script_gets_its_arguments)
{
    static const char *const args[] = {"one", "two words"};
    struct script_run run = {.script = {.args = args, .arg_count = 2, .name = "some.lua"}};

    script_run(&run, "print(..., #args, args[0], args[2])");
    CHECK_STR(run.out, "one\t2\tsome.lua\ttwo words\n");
    gord_lua_result_fini(&run.result);
}

/* ------------------------------------------------------------------ ways out */

/* Each must answer true: that the way out is shut. */
static const char *const escapes[] = {
    "return io == nil and require == nil and package == nil",
    "return dofile == nil and loadfile == nil and warn == nil",
    "return os.execute == nil and os.exit == nil and os.getenv == nil",
    "return os.remove == nil and os.rename == nil and os.tmpname == nil and os.setlocale == nil",
    "return debug.getregistry == nil and debug.sethook == nil and debug.setmetatable == nil",
    "return debug.getinfo == nil and debug.getlocal == nil and debug.setupvalue == nil",
    "return debug.getmetatable == nil and debug.upvalueid == nil and debug.debug == nil",
    "return string.dump == nil and ('').dump == nil",
    /* bytecode, by any way */
    "return load('\\27Lua') == nil",
    "return load('\\27Lua', 'x', 'b') == nil",
    "return load(function() return '\\27Lua' end) == nil",
    "return load('\\27LuaT\\0\\x19\\x93\\r\\n\\x1a\\n', 'x', 'bt') == nil",
    /* the registry, other states, what is loaded */
    "for k, v in pairs(_G) do if type(v) == 'userdata' then return false end end return true",
    "return getmetatable('') == false and getmetatable(chan()) == false",
    "return not pcall(setmetatable, '', {})",
    "return not pcall(setmetatable, chan(), {})",
    "return not pcall(setmetatable, chan, {})",
    /* finalizers run where no hook does */
    "return not pcall(setmetatable, {}, {__gc = function() end})",
    "return not pcall(setmetatable, {}, {__gc = true})",
    "local mt = {} local t = setmetatable({}, mt) mt.__gc = function() while true do end end "
    "t = nil collectgarbage() return true",
    "return not pcall(setmetatable, setmetatable({}, {__metatable = 1}), {})",
    /* what the environment of loaded text is */
    "local e = {} load('x = 1', 'n', 't', e)() return e.x == 1 and x == nil",
    "load('y = 1')() return y == 1",
    "return load('return _ENV', 'n', 't', nil)() == nil",
    /* things that a foreign object is not */
    "return not pcall(chan().send, {}, 1) and not pcall(chan().recv, nil)",
    "return not pcall(getmetatable(chan()) and chan().send or error, chan, 1)",
    "local ok = pcall(coroutine.close, 1) return not ok",
    "return select('#', collectgarbage('count')) == 1 and not pcall(collectgarbage, 'stop')",
    "return not pcall(collectgarbage, 'generational')",
};

GO_TEST(script_finds_every_way_out_shut)
{
    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        char text[512];
        struct script_run run = {0};
        snprintf(text, sizeof(text), "return (function() %s end)() and 42 or 1", escapes[i]);
        script_run(&run, text);
        if (run.result.exit_code != 42) {
            test_fail(__FILE__, __LINE__, "%s: %d %s", escapes[i], run.result.exit_code,
                      run.result.message);
        }
        gord_lua_result_fini(&run.result);
    }
}

GO_TEST(script_has_an_environment_of_its_own)
{
    check_script("leak = 1; string.leak = 2; math.pi = 3", 0, "");
    check_script("print(leak, string.leak, math.pi > 3)", 0, "nil\tnil\ttrue\n");
}

/* ------------------------------------------------------------------ what is ours instead of Lua's */

GO_TEST(library_xpcall_calls_its_handler)
{
    check_script("print(xpcall(function(a, b) return a + b end, print, 1, 2))\n"
                 "print(xpcall(error, function(m) return 'handled ' .. m end, 'x'))\n"
                 "print(xpcall(function() local x = nil; x() end, function() return 1 end))\n"
                 "print(coroutine.wrap(function()\n"
                 "  return xpcall(function() coroutine.yield(1) return 2 end, print)\n"
                 "end)())",
                 0, "true\t3\nfalse\thandled x\nfalse\t1\n1\n");
}

GO_TEST(library_coroutines_work)
{
    check_script("local g = coroutine.wrap(function(a)\n"
                 "  for i = 1, 3 do a = coroutine.yield(a + i) end return 'end' end)\n"
                 "print(g(1), g(2), g(3), g(4))\n"
                 "print(pcall(g))\n"
                 "local c = coroutine.create(function() local x <close> = setmetatable({},\n"
                 "  {__close = function() print('closed') end}) coroutine.yield() end)\n"
                 "print(coroutine.resume(c), coroutine.status(c), coroutine.close(c))\n"
                 "print(pcall(coroutine.wrap(function() local x <close> = setmetatable({},\n"
                 "  {__close = function() print('closed too') end}) error('e', 0) end)))",
                 0,
                 "2\t4\t6\tend\nfalse\tcannot resume dead coroutine\nclosed\n"
                 "true\tsuspended\ttrue\nclosed too\nfalse\te\n");
}

GO_TEST(library_table_functions_work)
{
    check_script(
        "local t = {1, 2, 3} table.insert(t, 4) table.insert(t, 1, 0)\n"
        "print(table.concat(t, ','), table.remove(t), table.remove(t, 1), #t)\n"
        "print(table.concat(table.move(t, 1, 3, 2), ','))\n"
        "print(table.concat(table.move(t, 2, 4, 1), ','))\n"
        "print(table.concat(table.move({1, 2}, 1, 2, 2, {9}), ','))\n"
        "table.sort(t, function(a, b) return a > b end) print(table.concat(t, ','))\n"
        "local big = {} for i = 1, 5000 do big[i] = (i * 7919) % 5000 end\n"
        "table.sort(big) print(big[1], big[5000])\n"
        "table.sort(big, math.ult) print(big[1], big[5000])\n"
        "print(table.remove({}), table.remove({}, 0), #table.pack(table.unpack({1, 2})))\n"
        "print(pcall(table.insert, {}, 5, 1))",
        0,
        "0,1,2,3,4\t4\t0\t3\n1,1,2,3\n1,2,3,3\n9,1,2\n3,3,2,1\n0\t4999\n0\t4999\n"
        "nil\tnil\t2\nfalse\tbad argument #2 to 'table.insert' (position out of bounds)\n");
}

GO_TEST(library_load_takes_text)
{
    check_script("print(load('return 1 + 1')(), load('x ='))\n"
                 "local parts = {'return ', '4', '2'}\n"
                 "print(load(function() return table.remove(parts, 1) end)())\n"
                 "print(load(('x = 1 '):rep(10000)) ~= nil)\n"
                 "print(select('#', load('return ...')(1, 2)))",
                 0, "2\tnil\t[string \"x =\"]:1: unexpected symbol near <eof>\n42\ntrue\n2\n");
}

/* ------------------------------------------------------------------ check */

static int check_text(const char *text, char *error, size_t error_bytes)
{
    struct gord_lua_script script = {.text = text, .bytes = strlen(text), .name = "a.lua"};

    return gord_lua_check(&script, error, error_bytes);
}

TEST(check_names_what_is_wrong)
{
    char error[256];

    CHECK_EQ(check_text("print(1)", error, sizeof(error)), 0);
    CHECK_EQ(check_text("#!/usr/bin/lua\nprint(1)", error, sizeof(error)), 0);
    CHECK_EQ(check_text("", error, sizeof(error)), 0);
    CHECK(check_text("print(1", error, sizeof(error)) != 0);
    CHECK_STR(error, "a.lua:1: ')' expected near <eof>");
    CHECK(check_text("\x1bLua", error, sizeof(error)) != 0);
    CHECK(strstr(error, "bytecode") != NULL);
}

static char *repeat_text(const char *head, const char *piece, const char *tail, size_t most)
{
    char *text = malloc(most + 1);
    size_t at = (size_t)snprintf(text, most, "%s", head);
    while (at + strlen(piece) + strlen(tail) < most) {
        at += (size_t)snprintf(text + at, most - at, "%s", piece);
    }
    snprintf(text + at, most - at, "%s", tail);
    return text;
}

TEST(check_is_bounded_in_time_and_size)
{
    char error[256];
    /* The compiler's time grows with the square of the branches. */
    char *branches = repeat_text("if x then\n", "elseif x then\n", "end", GORD_LUA_SCRIPT_MAX);
    int64_t begin = gor_now();
    int result = check_text(branches, error, sizeof(error));
    CHECK(gor_now() - begin < 20 * GOR_SECOND);
    CHECK(result == 0 || strstr(error, "too long") != NULL);
    free(branches);
    char *large = repeat_text("", "x = 1 ", "", GORD_LUA_SCRIPT_MAX + 100);
    CHECK(check_text(large, error, sizeof(error)) != 0);
    CHECK(strstr(error, "at most 262144") != NULL);
    free(large);
    char *deep = repeat_text("x = ", "(", "", GORD_LUA_SCRIPT_MAX);
    CHECK(check_text(deep, error, sizeof(error)) != 0);
    CHECK(strstr(error, "C levels") != NULL || strstr(error, "overflow") != NULL);
    free(deep);
}
