/* SPDX-License-Identifier: MIT */
/* JSON of scripts: what is read, what is written, what is refused. */
#include "tests/daemon/lua_scripts.h"

GO_TEST(json_reads_what_rfc_8259_has)
{
    check_script("local v = json.decode(' {\"a\": [1, 2.5, -3e2, true, false, null], \"b\": {}, "
                 "\"c\": \"x\\\\ny\\\\u00e9\\\\ud83d\\\\ude00\\\\\"\", \"\": [ ]} ')\n"
                 "print(#v.a, v.a[1], math.type(v.a[1]), v.a[2], v.a[3], v.a[4], v.a[5])\n"
                 "print(v.a[6] == json.null, next(v.b), v.c, #v[''])\n"
                 "print(json.decode('9223372036854775807'), json.decode('9223372036854775808'))\n"
                 "print(json.decode('\"\"') == '', json.decode('-0'), json.decode('0'))",
                 0,
                 "6\t1\tinteger\t2.5\t-300.0\ttrue\tfalse\n"
                 "true\tnil\tx\ny\xc3\xa9\xf0\x9f\x98\x80\"\t0\n"
                 "9223372036854775807\t9.2233720368548e+18\ntrue\t0\t0\n");
}

GO_TEST(json_writes_what_it_reads)
{
    check_script(
        "print(json.encode({1, 2, {a = 'x\"\\n\\1\\\\'}}), json.encode('é'))\n"
        "print(json.encode({}), json.encode(json.array({})), json.encode(json.null))\n"
        "print(json.encode(json.decode('[]')), json.encode(nil), json.encode(true))\n"
        "print(json.encode(0.1), json.encode(1e100), json.encode(3.0), json.encode(1 << 62))\n"
        "print(json.encode({[1] = 1, [2] = 2}))\n"
        "local big = {} for i = 1, 2000 do big[i] = ('x'):rep(i % 50) end\n"
        "local back = json.decode(json.encode(big))\n"
        "for i = 1, 2000 do assert(back[i] == big[i]) end",
        0,
        "[1,2,{\"a\":\"x\\\"\\u000a\\u0001\\\\\"}]\t\"é\"\n{}\t[]\tnull\n[]\tnull\ttrue\n"
        "0.1\t1e+100\t3\t4611686018427387904\n[1,2]\n");
}

GO_TEST(json_refuses_the_rest)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "[",
                                      "[1",
                                      "[1,]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{a:1}",
                                      "01",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "+1",
                                      "nul",
                                      "tru",
                                      "'x'",
                                      "\"",
                                      "\"\\\\x\"",
                                      "\"\\\\u12\"",
                                      "[1 2]",
                                      "{\"a\":1,}",
                                      "1 2",
                                      "\\xff",
                                      "\"\\n\"",
                                      "NaN",
                                      "Infinity",
                                      "--1",
                                      "\"\\\\ud800\"",
                                      "\"\\\\udc00\"",
                                      "[,1]",
                                      "\\0",
                                      "[1]x"};
    char text[256];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "return pcall(json.decode, '%s') and 1 or 0",
                 strcmp(bad[i], "'x'") == 0 ? "\\'x\\'" : bad[i]);
        check_script(text, 0, "");
    }
    check_script(
        "print(pcall(json.decode, ('['):rep(200)))\n"
        "print(pcall(json.decode, ('['):rep(100000)))\n"
        "local t = {} t.t = t print(pcall(json.encode, t))\n"
        "print(pcall(json.encode, print))\n"
        "print(pcall(json.encode, {[{}] = 1}))\n"
        "print(pcall(json.encode, {1, 2, [4] = 4}))\n"
        "print(pcall(json.encode, 0/0) or pcall(json.encode, 1/0))\n"
        "print(pcall(json.encode, '\\xff'))\n"
        "getmetatable(json.decode('[]')).__name = {} print(json.encode(json.decode('[]')))\n"
        "print(json.encode(setmetatable({}, {__name = {}})))",
        0,
        "false\tjson.decode: more than 100 values within each other\n"
        "false\tjson.decode: more than 100 values within each other\n"
        "false\tjson.encode: more than 100 tables within each other\n"
        "false\tjson.encode: a function has no form in JSON\n"
        "false\tjson.encode: a key is a table; keys are strings, or 1, 2, 3, ...\n"
        "false\tjson.encode: a key is a number; keys are strings, or 1, 2, 3, ...\n"
        "false\n"
        "false\tjson.encode: a string is not UTF-8\n[]\n{}\n");
}

GO_TEST(json_is_bounded_as_everything)
{
    struct script_run steps = {.script = {.max_steps = 1000000}};
    check_fails(&steps, "while true do json.decode('[1,2,3]') end", "max_steps");
    struct script_run more = {.script = {.max_steps = 1000000}};
    check_fails(&more, "local t = {1, 2, 3} while true do json.encode(t) end", "max_steps");
    struct script_run memory = {.script = {.max_memory_bytes = 4 << 20}};
    check_fails(&memory, "json.decode('[' .. ('[],'):rep(300000) .. '1]')", "not enough memory");
}
