/* SPDX-License-Identifier: MIT */
/* Tasks and channels of scripts; and many scripts at once. */
#include <stdatomic.h>

#include "tests/daemon/lua_scripts.h"

GO_TEST(task_shares_what_it_was_given)
{
    check_script(
        "local t = {}\n"
        "local done = spawn(function(a, b) t.sum = a + b sleep(0) return 'over' end, 1, 2)\n"
        "print(done:recv(), t.sum, done:recv())",
        0, "over\t3\tnil\tclosed\n");
    check_script("print(spawn(function() end):recv())\n"
                 "print(spawn(function() return false, 2 end):recv())",
                 0, "nil\tclosed\nfalse\n");
}

GO_TEST(task_error_fails_the_script)
{
    struct script_run run = {0};

    check_fails(&run, "spawn(function() error('in a task') end) sleep(1000)", "in a task");
    struct script_run memory = {.script = {.max_memory_bytes = 1 << 20}};
    check_fails(&memory, "spawn(function() return ('x'):rep(1 << 21) end) sleep(1000)",
                "the limit of 1 MiB");
    struct script_run first = {0};
    check_fails(&first,
                "for i = 1, 10 do spawn(function() error('one of ten') end) end sleep(1000)",
                "one of ten");
}

GO_TEST(task_ends_with_the_main_one)
{
    check_script("for i = 1, 50 do spawn(function() chan():recv(1000) print('never') end) end\n"
                 "for i = 1, 50 do spawn(function() sleep(1000) print('never') end) end\n"
                 "sleep(0.001) print('end')",
                 0, "end\n");
}

/* What waits may be anywhere: no yield across a C call here. */
GO_TEST(task_waits_from_anywhere)
{
    check_script(
        "local c = chan()\n"
        "spawn(function() for i = 1, 6 do c:send(i) end end)\n"
        "print(pcall(function() return c:recv() end))\n"
        "print((('x'):gsub('x', function() return c:recv() end)))\n"
        "print(coroutine.wrap(function() return c:recv() end)())\n"
        "print(setmetatable({}, {__index = function() return c:recv() end}).x)\n"
        "table.sort({2, 1}, function(a, b) sleep(0) return a < b end)\n"
        "do local x <close> = setmetatable({}, {__close = function() print(c:recv()) end}) end\n"
        "print(tostring(setmetatable({}, {__tostring = function() return 'v' .. c:recv() end})))",
        0, "true\t1\n2\n3\n4\n5\nv6\n");
}

GO_TEST(chan_does_as_in_go)
{
    check_script(
        "local c = chan(2) print(c:send(1), c:send({}), #c, c:cap())\n"
        "print(c:send(3, 0)) print(c:recv(), type(c:recv())) print(c:recv(0.001))\n"
        "c:send(false) c:close() print(c:recv()) print(c:recv())\n"
        "print(pcall(c.send, c, 1)) print(pcall(c.close, c)) print(pcall(c.send, c, nil))\n"
        "local d = chan(3) for i = 1, 3 do d:send(i) end d:close()\n"
        "for v in d:each() do print(v) end",
        0,
        "true\ttrue\t2\t2\nnil\ttimeout\n1\ttable\nnil\ttimeout\nfalse\nnil\tclosed\n"
        "false\tsend on a closed channel\nfalse\tclose of a closed channel\n"
        "false\tnil cannot be sent, for that is what a closed channel gives\n1\n2\n3\n");
}

GO_TEST(chan_select_does_one_case)
{
    check_script("local a, b = chan(1), chan(1)\n"
                 "print(chan.select{{a}, {b}, timeout = 0})\n"
                 "b:send('b') print(chan.select{{a}, {b}})\n"
                 "print(chan.select{{a, 'sent'}, timeout = 1}) print(a:recv())\n"
                 "a:close() print(chan.select{{a}, {b}})\n"
                 "print(pcall(chan.select, {{a, 1}}))\n"
                 "local c = chan() spawn(function() sleep(0.001) c:send('late') end)\n"
                 "print(chan.select{{c}, {b}})\n"
                 "print(pcall(chan.select, {})) print(pcall(chan.select, {{1}}))",
                 0,
                 "nil\ttimeout\n2\tb\n1\nsent\n1\tnil\tclosed\nfalse\tsend on a closed channel\n"
                 "1\tlate\nfalse\tchan.select takes a list of 1 to 31 cases\n"
                 "false\tchan.select: case 1 is not of the form {channel} or {channel, value}\n");
}

GO_TEST(chan_deadlock_of_the_only_task_is_told)
{
    struct script_run receive = {0};
    check_fails(&receive, "chan():recv()", "deadlock: the script's only task would receive");
    struct script_run send = {0};
    check_fails(&send, "chan():send(1)", "deadlock: the script's only task would send");
}

GO_TEST(chan_is_collected)
{
    check_script("for i = 1, 100000 do local c = chan(100) c:send(i) end return 0", 0, "");
}

GO_TEST(chan_carries_much_between_tasks)
{
    check_script(
        "local work, out = chan(4), chan(4)\n"
        "for w = 1, 8 do spawn(function() for v in work:each() do out:send(v * v) end end) end\n"
        "spawn(function() for i = 1, 2000 do work:send(i) end work:close() end)\n"
        "local sum = 0 for i = 1, 2000 do sum = sum + out:recv() end print(sum)",
        0, "2668667000\n");
}

/* ThreadSanitizer has room for 8,128 goroutines that have a stack: as many have it as get a turn before
 * the last is started, which depends on the machine. */
#if !defined(__SANITIZE_THREAD__)
GO_TEST(task_count_is_bounded)
{
    struct script_run run = {.script = {.max_memory_bytes = 1 << 30}};

    check_fails(&run, "for i = 1, 20000 do spawn(function() sleep(1000) end) end",
                "at most 10000 tasks");
}
#endif

/* ------------------------------------------------------------------ many at once */

enum { MANY = 1000 };

static const char many_text[] =
    "local c = chan() spawn(function() for i = 1, 20 do c:send(i) sleep(0.0001) end c:close() "
    "end)\n"
    "local t = {} for v in c:each() do t[#t + 1] = ('%d'):format(v) end\n"
    "local s = table.concat(t, ','):gsub('%d+', function(d) return d * 2 end)\n"
    "return select(2, s:gsub(',', '')) + 1";

GO_TEST(script_runs_a_thousand_at_once)
{
    struct script_run *runs = calloc(MANY, sizeof(*runs));

    CHECK(runs != NULL);
    for (int i = 0; i < MANY; i++) {
        script_start(&runs[i], many_text);
    }
    for (int i = 0; i < MANY; i++) {
        script_wait(&runs[i]);
        CHECK_EQ(runs[i].result.exit_code, 20);
        gord_lua_result_fini(&runs[i].result);
    }
    free(runs);
}

/* ------------------------------------------------------------------ anything at all */

static uint64_t random_state;

static unsigned any_number(unsigned below)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(random_state >> 33) % below;
}

/* Pieces in any order: mostly errors, but never anything else than an error. */
static void make_script(char *out, size_t room)
{
    static const char *const pieces[] = {"local x = ",
                                         "y = ",
                                         "function f(...) ",
                                         "end ",
                                         "return ",
                                         "if x then ",
                                         "else ",
                                         "while x do ",
                                         "for i = 1, 10 do ",
                                         "f(",
                                         ")",
                                         "{",
                                         "}",
                                         "[1]",
                                         ".a",
                                         ":b()",
                                         "'s'",
                                         "3",
                                         "nil ",
                                         "not ",
                                         "+ ",
                                         ".. ",
                                         "== ",
                                         "<close> = ",
                                         "x ",
                                         "y ",
                                         "chan(",
                                         "spawn(",
                                         "sleep(0)",
                                         "pcall(",
                                         "error(",
                                         "setmetatable({}, ",
                                         "coroutine.wrap(",
                                         "string.rep(",
                                         "('x'):gsub(",
                                         ", ",
                                         "function() ",
                                         "goto a ",
                                         "::a:: ",
                                         "load(",
                                         "table.sort(",
                                         "table.move(",
                                         "1 << 40 ",
                                         "json.decode(",
                                         "json.encode(",
                                         "select(",
                                         "chan.select{",
                                         "print(",
                                         "_G ",
                                         "_ENV ",
                                         "debug.traceback(",
                                         "collectgarbage(",
                                         "xpcall(",
                                         "math.huge ",
                                         "break ",
                                         "~= ",
                                         "# ",
                                         "-"};
    size_t at = 0;

    for (unsigned n = 3 + any_number(30); n > 0 && at + 32 < room; n--) {
        at += (size_t)snprintf(out + at, room - at, "%s",
                               pieces[any_number(sizeof(pieces) / sizeof(*pieces))]);
    }
}

GO_TEST(script_of_random_pieces_ends)
{
    unsigned rounds = getenv("GOR_LONG") != NULL ? 200000 : 10000;
    char text[1024];
    char error[256];

    random_state = test_seed();
    for (unsigned round = 0; round < rounds; round++) {
        struct script_run run = {
            .script = {.max_steps = 20000, .max_memory_bytes = 512 << 10, .text = text}};
        make_script(text, sizeof(text));
        run.script.bytes = strlen(text);
        run.script.name = "random";
        bool right = gord_lua_check(&run.script, error, sizeof(error)) == 0;
        script_run(&run, text);
        CHECK(run.result.fate == GORD_LUA_FAILED ||
              (right && run.result.fate == GORD_LUA_RETURNED));
        gord_lua_result_fini(&run.result);
    }
}
