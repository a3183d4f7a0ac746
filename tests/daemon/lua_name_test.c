/* SPDX-License-Identifier: MIT */
/* Values that have no text of their own: their names tell them apart, and nothing of where they lie. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/daemon/lua_scripts.h"

/* ------------------------------------------------------------------ no addresses */

/* What the process has there: 'm' a mapping, '-' nothing. */
static char look_up(uint64_t address)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[1024];
    char found = '-';

    CHECK(maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *at = NULL;
        uint64_t begin = strtoull(line, &at, 16);
        uint64_t end = strtoull(at + 1, NULL, 16);
        if (address >= begin && address < end) {
            found = 'm';
        }
    }
    fclose(maps);
    return found;
}

/* Each number in the text, which must have `least` of them, is nothing the process has memory at. */
static void check_numbers(const char *script, const char *text, int least)
{
    int count = 0;

    for (const char *at = text; (at = strstr(at, "0x")) != NULL; at += 2) {
        count++;
        if (look_up(strtoull(at, NULL, 16)) != '-') {
            test_fail(__FILE__, __LINE__, "script:\n%s\nan address of the process: %s", script,
                      text);
        }
    }
    if (count < least) {
        test_fail(__FILE__, __LINE__, "script:\n%s\nnot %d names: %s", script, least, text);
    }
}

TEST(process_knows_its_own_addresses)
{
    int here = 0;
    void *heap = malloc(64);

    CHECK_EQ(look_up((uintptr_t)&here), 'm');
    CHECK_EQ(look_up((uintptr_t)heap), 'm');
    CHECK_EQ(look_up((uintptr_t)look_up), 'm');
    CHECK_EQ(look_up(16), '-');
    free(heap);
}

/* What prints names, and how many at least. The first two lines are before each. */
static const struct {
    int least;
    const char *text;
} tellers[] = {
    {6, "for _, v in ipairs(all) do print(tostring(v)) end"},
    {6, "print(table.unpack(all))"},
    {6, "log(table.unpack(all))"},
    {6, "for _, v in ipairs(all) do print(('%s'):format(v)) end"},
    {6, "for _, v in ipairs(all) do print(('%p'):format(v)) end"},
    {6, "for _, v in ipairs(all) do print(('%-30p|%30s|'):format(v, v)) end"},
    {1, "print(('%5s%%%-3d%p%%'):format(1, 2, all))"},
    {2, "print(('%p %p'):format('a text', ('a long text '):rep(100)))"},
    {1, "print(string.format(('x'):rep(2000) .. '%p', print):sub(-20))"},
    {1, "print(setmetatable({}, {__name = 'mine'}))"},
    {1, "print(setmetatable({}, {__name = 7}))"},
    {0, "print(pcall(string.format, '%d', {}))"},
    {0, "print(pcall(string.format, '%q', {}))"},
    {0, "print(pcall(string.format, '%.3p', {}))"},
    {0, "print(pcall(string.format, '%010p', {}))"},
    {0, "print(pcall(string.format, '%#p', {}))"},
    {0, "print(pcall(string.format, '%5%%p', {}, {}))"},
    {0, "print(pcall(string.format, '%\\0%p', {}, {}))"},
    {0, "print(pcall(json.encode, {print}))"},
    {0, "print(pcall(json.encode, {[print] = 1}))"},
    {0, "print(pcall(table.concat, {{}}))"},
    {0, "print(pcall(function() return {} .. 'x' end))"},
    {0, "print(pcall(next, {}, print))"},
    {0, "print(debug.traceback('x'), debug.traceback(coroutine.create(print)))"},
    {0, "print(select(2, load(function() return print end)))"},
};

GO_TEST(name_is_no_address)
{
    for (size_t i = 0; i < sizeof(tellers) / sizeof(tellers[0]); i++) {
        char text[512];
        struct script_run run = {0};
        snprintf(text, sizeof(text),
                 "local all = {{}, print, function() end, coroutine.create(print), chan(), "
                 "json.null, string.format}\n%s",
                 tellers[i].text);
        script_run(&run, text);
        if (run.result.fate != GORD_LUA_RETURNED) {
            test_fail(__FILE__, __LINE__, "%s: %s", text, run.result.message);
        }
        check_numbers(text, run.out, tellers[i].least);
        gord_lua_result_fini(&run.result);
    }
}

GO_TEST(name_of_an_error_is_no_address)
{
    static const char *const errors[] = {"error({})", "error(print)", "assert(nil, {})",
                                         "spawn(error, {}):recv()",
                                         "coroutine.wrap(function() error({}) end)()"};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct script_run run = {0};
        script_run(&run, errors[i]);
        CHECK_EQ(run.result.fate, GORD_LUA_FAILED);
        check_numbers(errors[i], run.result.message, 1);
        gord_lua_result_fini(&run.result);
    }
}

/* ------------------------------------------------------------------ but names */

GO_TEST(name_is_the_same_everywhere_and_another_for_another_value)
{
    check_script("local kinds = {{}, function() end, coroutine.create(print), chan()}\n"
                 "local others = {{}, function() return 1 end, coroutine.create(print), chan()}\n"
                 "for i, v in ipairs(kinds) do\n"
                 "  local name = tostring(v)\n"
                 "  assert(name == tostring(v) and name == ('%s'):format(v) and name ~= "
                 "tostring(others[i]))\n"
                 "  assert(name:match(': (0x%x+)$') == ('%p'):format(v))\n"
                 "  assert(#name:match('0x(%x+)$') == 16)\n"
                 "  print(name:match('^(.*): 0x'))\n"
                 "end\n"
                 "collectgarbage() collectgarbage()\n"
                 "local t = {} local name = tostring(t)\n"
                 "collectgarbage() assert(tostring(t) == name)\n"
                 "assert(spawn(function() return tostring(t) end):recv() == name)\n"
                 "assert(coroutine.wrap(function() return tostring(t) end)() == name)\n"
                 "local seen, keep = {}, {}\n"
                 "for i = 1, 10000 do\n"
                 "  local v = {} keep[i] = v\n"
                 "  assert(not seen[tostring(v)]) seen[tostring(v)] = true\n"
                 "end\n"
                 "print(tostring(setmetatable({}, {__name = 'mine'})):match('^mine: 0x') ~= nil)",
                 0, "table\nfunction\nthread\nchannel\ntrue\n");
}

/* The address of print is the same in both: it tells nothing that could be told from one script to
 * another. */
GO_TEST(name_is_the_script_s_own)
{
    struct script_run first = {0};
    struct script_run second = {0};

    script_run(&first, "print(print)");
    script_run(&second, "print(print)");
    CHECK(strncmp(first.out, "function: 0x", 12) == 0);
    CHECK(strncmp(second.out, "function: 0x", 12) == 0);
    CHECK(strcmp(first.out, second.out) != 0);
    gord_lua_result_fini(&first.result);
    gord_lua_result_fini(&second.result);
}

GO_TEST(format_is_lua_s_otherwise)
{
    check_script(
        "print(('%5d|%-5s|%05.1f|%x|%q|%c|%i|%a'):format(1, 'a', 2.25, 255, 'q', 65, 3, 1))\n"
        "print(('%%|%s|%s|%s|%s|%10.2s|'):format(nil, true, 1, 1.5, false))\n"
        "print(('%p|%5p|'):format(nil, 1):gsub('%s', '_'))\n"
        "print(('%s %s'):format(setmetatable({}, {__tostring = function() return 'said' end}), "
        "#('%s'):format('\\0\\0')))\n"
        "print(#string.format(('%%'):rep(5000)), string.format('%%p', {}), string.format(7))\n"
        "print(pcall(string.format, '%s', setmetatable({}, {__tostring = next})))\n"
        "print(pcall(string.format))",
        0,
        "    1|a    |002.2|ff|\"q\"|A|3|0x1p+0\n%|nil|true|1|1.5|        fa|\n"
        "(null)|(null)|\t0\nsaid 2\n5000\t%p\t7\n"
        "false\t'__tostring' must return a string\n"
        "false\tbad argument #1 to 'string.format' (string expected, got no value)\n");
    check_script("print(select(2, pcall(function()\n  return ('%d'):format('x') end)))\n"
                 "print(select(2, pcall(function() return ('%s'):format() end)))\n"
                 "print(select(2, pcall(function() return ('%y'):format(1) end)))\n"
                 "print(pcall(tostring))",
                 0,
                 "test:2: bad argument #2 to 'format' (number expected, got string)\n"
                 "test:3: bad argument #2 to 'format' (no value)\n"
                 "test:4: invalid conversion '%y' to 'format'\n"
                 "false\tbad argument #1 to 'tostring' (value expected)\n");
}
