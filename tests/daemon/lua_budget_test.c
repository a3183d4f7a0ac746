/* SPDX-License-Identifier: MIT */
/* The bounds of scripts: memory, steps, and an end at any time. */
#include "tests/daemon/lua_scripts.h"

#define STEPS 2000000

/* ------------------------------------------------------------------ steps */

/* Each would go on for ever, or nearly; each is stopped by its steps. */
static const char *const endless[] = {
    "while true do end",
    "::a:: goto a",
    "local function f() return f() end f()",
    "while true do pcall(error) end",
    "while true do pcall(function() while true do end end) end",
    "xpcall(function() while true do end end, function() while true do end end)",
    "while true do coroutine.wrap(function() end)() end",
    "while true do coroutine.wrap(function() for i = 1, 400 do end end)() end",
    "local function f() local x <close> = setmetatable({}, {__close = function() f() end}) end "
    "while true do pcall(f) end",
    "coroutine.wrap(function() while true do coroutine.yield() end end)() while true do end",
    "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) "
    "while true do pcall(function() return t[1] end) end",
    /* in C */
    "table.move({}, 1, 1 << 62, 2)",
    "table.move(setmetatable({}, {__index = math.type}), 1, 1 << 62, 1)",
    "table.insert(setmetatable({}, {__len = function() return 1 << 62 end}), 1, 0)",
    "table.remove(setmetatable({}, {__len = function() return 1 << 62 end}), 1)",
    "table.sort(setmetatable({}, {__len = function() return (1 << 31) - 2 end}), rawequal)",
    "table.sort(setmetatable({}, {__len = function() return (1 << 31) - 2 end}), "
    "function() return false end)",
    "local s = ('a'):rep(5000) while true do s:find('.-.-.-.-b') end",
    "('a'):rep(100000):find(('a*'):rep(50) .. 'b')",
    "local s = ('x'):rep(1000000) for i = 1, 1e9 do s:find('y', 1, true) end",
    "('a'):rep(30000):gsub('.', function() end) while true do ('a'):rep(30000):gsub('', '') end",
    "for _ in ('a'):rep(1e6):gmatch('') do for _ in ('a'):rep(1e6):gmatch('') do end end",
    "while true do (''):rep(1 << 62) end",
    "while true do load(('x = 1 '):rep(1000)) end",
    "load(('if x then elseif x then '):rep(1000) .. ('end '):rep(1000)) while true do end",
    "load(function() return ' ' end)",
    "while true do chan():recv(0) end",
    "local c = chan(1) while true do c:send(1) c:recv() end",
    "while true do spawn(function() end) sleep(0) end",
    "spawn(function() while true do end end) sleep(1000)",
    "while true do collectgarbage() end",
    "while true do tostring(setmetatable({}, {__tostring = function() return 'x' end})) end",
};

GO_TEST(budget_steps_end_what_is_endless)
{
    for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
        struct script_run run = {.script = {.max_steps = STEPS}};
        int64_t begin = gor_now();
        check_fails(&run, endless[i], "the limit of 2000000 steps (max_steps) is used up");
        if (gor_now() - begin > 20 * GOR_SECOND) {
            test_fail(__FILE__, __LINE__, "%s: took %.1f s", endless[i],
                      (double)(gor_now() - begin) / 1e9);
        }
    }
}

GO_TEST(budget_steps_let_through_what_is_within)
{
    struct script_run run = {.script = {.max_steps = 100000}};

    script_run(&run,
               "local n = 0 for i = 1, 20000 do n = n + i end return n == 200010000 and 3 or 4");
    CHECK_EQ(run.result.exit_code, 3);
    gord_lua_result_fini(&run.result);
}

/* ------------------------------------------------------------------ memory */

static const char *const greedy[] = {
    "local t = {} while true do t[#t + 1] = 'x' .. #t end",
    "local s = 'x' while true do s = s .. s end",
    "return ('x'):rep(1 << 40)",
    "return ('x'):rep(1 << 62)",
    "local t = {} for i = 1, 1e9 do t[i] = i end",
    "local function f(n) local t = {n} return {t, f(n + 1), t} end f(1)",
    "local t = {} while true do t = {t} end",
    "local t = {} while true do t[#t + 1] = coroutine.create(print) end",
    "local t = {} while true do t[#t + 1] = chan(1000) end",
    "while true do spawn(function() chan():recv(1000) end) end",
    "string.pack('c1000000000', '')",
    "local t = {} for i = 1, 1e6 do t[i] = ('x'):rep(100) end table.concat(t, ('y'):rep(1000))",
    "local s = ('x'):rep(1000000) s:gsub('x', s)",
    "local s = ('\"'):rep(10000000) return ('%q'):format(s)",
    "load(('local a = \"b\" '):rep(1e7))",
};

GO_TEST(budget_memory_ends_what_is_greedy)
{
    for (size_t i = 0; i < sizeof(greedy) / sizeof(greedy[0]); i++) {
        struct script_run run = {.script = {.max_memory_bytes = 8 << 20}};
        script_run(&run, greedy[i]);
        /* A stack or a string may reach another end first, but memory never comes unbounded. */
        if (run.result.fate != GORD_LUA_FAILED) {
            test_fail(__FILE__, __LINE__, "%s: %d", greedy[i], run.result.fate);
        }
        if (strstr(run.result.message, "not enough memory") == NULL &&
            strstr(run.result.message, "overflow") == NULL &&
            strstr(run.result.message, "too large") == NULL) {
            test_fail(__FILE__, __LINE__, "%s: %s", greedy[i], run.result.message);
        }
        gord_lua_result_fini(&run.result);
    }
}

GO_TEST(budget_memory_is_named_and_can_be_survived)
{
    struct script_run run = {.script = {.max_memory_bytes = 2 << 20}};

    check_fails(&run, "local s = 'x' while true do s = s .. s end",
                "not enough memory: the limit of 2 MiB (max_memory_bytes) is used up");
    struct script_run caught = {.script = {.max_memory_bytes = 2 << 20}};
    script_run(&caught, "local ok, why = pcall(string.rep, 'x', 4 << 20) "
                        "print(ok, why, collectgarbage('count') < 2048)");
    CHECK_STR(caught.out, "false\tnot enough memory\ttrue\n");
    gord_lua_result_fini(&caught.result);
}

/* Every allocation of a small script fails once: it ends as it should, and nothing is lost. */
GO_TEST(budget_memory_may_end_anywhere)
{
    static const char text[] =
        "local c = chan(2) local t = {} for i = 1, 50 do t[i] = {i, tostring(i)} end\n"
        "spawn(function() for v in c:each() do t[v] = nil end end)\n"
        "for i = 1, 50 do c:send(i) end c:close()\n"
        "local ok = pcall(function() return ('a'):rep(1000):gsub('a', 'bb') end)\n"
        "local co = coroutine.wrap(function() coroutine.yield({}) end) co()\n"
        "return #t";
    unsigned returned = 0;

    for (uint64_t bytes = 1 << 10; bytes < 160 << 10; bytes += 97) {
        struct script_run run = {.script = {.max_memory_bytes = bytes}};
        script_run(&run, text);
        CHECK(run.result.fate == GORD_LUA_RETURNED || run.result.fate == GORD_LUA_FAILED);
        returned += run.result.fate == GORD_LUA_RETURNED;
        gord_lua_result_fini(&run.result);
    }
    CHECK(returned > 0);
}

/* ------------------------------------------------------------------ cancelling */

GO_TEST(cancel_is_an_error_that_can_be_tidied_up_after)
{
    struct script_run run = {.grace_ns = 60 * GOR_SECOND};

    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &run.ctx), 0);
    script_start(&run, "print('begun')\n"
                       "local ok, why = pcall(sleep, 1000)\n"
                       "print(ok, why, cancelled(), pcall(sleep, 1))\n"
                       "local c = chan(1) c:send(1) print(c:recv())");
    gor_ctx_cancel(run.ctx, "no longer wanted");
    script_wait(&run);
    CHECK_EQ(run.result.fate, GORD_LUA_RETURNED);
    CHECK_STR(run.out, "begun\nfalse\tcancelled: no longer wanted\ttrue\tfalse\t"
                       "cancelled: no longer wanted\n1\n");
    gord_lua_result_fini(&run.result);
    gor_ctx_unref(run.ctx);
}

/* None of these lets go by itself; each is cancelled with no grace, at a random moment. */
static const char *const stubborn[] = {
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "while true do pcall(sleep, 1000) end",
    "while true do xpcall(function() while true do end end, "
    "  function() while true do end end) end",
    "while true do local x <close> = setmetatable({}, {__close = function() while true do end "
    "end}) "
    "end",
    "while true do pcall(coroutine.wrap(function() local x <close> = setmetatable({}, "
    "  {__close = function() while true do end end}) while true do end end)) end",
    "local co = coroutine.create(function() local x <close> = setmetatable({}, "
    "  {__close = function() while true do end end}) while true do end end) "
    "while true do pcall(coroutine.resume, co) pcall(coroutine.close, co) end",
    "while true do (' '):rep(20000):find('.-.-.-.-b') end",
    "while true do pcall(string.rep, 'x', 1 << 30) end",
    "local t = {} while true do pcall(function() for i = 1, 1e9 do t[#t + 1] = {} end end) end",
    "local c = chan() while true do pcall(function() spawn(function() c:send(1) end) "
    "  while true do c:recv(0) end end) end",
    "for i = 1, 20 do spawn(function() while true do pcall(sleep, 0.001) end end) end "
    "while true do pcall(sleep, 0) end",
    "local s = ('x'):rep(1 << 22) while true do local t = s .. 'y' end",
    "table.sort(setmetatable({}, {__len = function() return (1 << 31) - 2 end}), rawequal)",
    "while true do load(('x = y '):rep(1000)) end",
};

static uint64_t random_state;

static uint64_t any_number(void)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return random_state >> 33;
}

static void cancel_stubborn(const char *text, int64_t grace_ns, int64_t after_ns)
{
    struct script_run run = {.grace_ns = grace_ns, .script = {.max_memory_bytes = 16 << 20}};

    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &run.ctx), 0);
    script_start(&run, text);
    (void)gor_sleep(after_ns);
    gor_ctx_cancel(run.ctx, "enough");
    script_wait(&run);
    if (run.result.fate == GORD_LUA_RETURNED) {
        test_fail(__FILE__, __LINE__, "%s: returned", text);
    }
    gord_lua_result_fini(&run.result);
    gor_ctx_unref(run.ctx);
}

GO_TEST(cancel_ends_every_script_at_any_time)
{
    unsigned rounds = getenv("GOR_LONG") != NULL ? 40 : 4;

    random_state = test_seed();
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < sizeof(stubborn) / sizeof(stubborn[0]); i++) {
            cancel_stubborn(stubborn[i], 0, (int64_t)(any_number() % (5 * GOR_MILLISECOND)));
        }
    }
}

GO_TEST(cancel_ends_every_script_after_its_grace)
{
    random_state = test_seed();
    for (size_t i = 0; i < sizeof(stubborn) / sizeof(stubborn[0]); i++) {
        cancel_stubborn(stubborn[i], (int64_t)(any_number() % (20 * GOR_MILLISECOND)),
                        GOR_MILLISECOND);
    }
}

static int cancel_from_elsewhere(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof(stubborn) / sizeof(stubborn[0]); i++) {
        cancel_stubborn(stubborn[i], 0, 100 * GOR_MICROSECOND);
    }
    return 0;
}

TEST(cancel_ends_every_script_on_one_processor)
{
    struct gor_opts opts = {.gomaxprocs = 1};

    CHECK_EQ(gor_run(&opts, cancel_from_elsewhere, NULL), 0);
}

/* Errors that leave our functions, many of them: what a sanitizer keeps of frames must not pile up. */
GO_TEST(cancel_is_raised_any_number_of_times)
{
    struct script_run run = {.grace_ns = 60 * GOR_SECOND};

    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &run.ctx), 0);
    script_start(&run, "pcall(sleep, 1000) for i = 1, 100000 do pcall(sleep, 1) end print('end')");
    gor_ctx_cancel(run.ctx, "enough");
    script_wait(&run);
    CHECK_STR(run.out, "end\n");
    gord_lua_result_fini(&run.result);
    gor_ctx_unref(run.ctx);
}

GO_TEST(cancel_in_a_hurry_waits_for_no_grace)
{
    struct script_run run = {.grace_ns = GOR_NEVER};

    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &run.ctx), 0);
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &run.hurry), 0);
    script_start(&run, "while true do pcall(function() while true do end end) end");
    gor_ctx_cancel(run.ctx, "enough");
    gor_ctx_cancel(run.hurry, NULL);
    script_wait(&run);
    CHECK_EQ(run.result.fate, GORD_LUA_STOPPED);
    gord_lua_result_fini(&run.result);
    gor_ctx_unref(run.ctx);
    gor_ctx_unref(run.hurry);
}

GO_TEST(cancel_by_deadline_says_so)
{
    struct script_run run = {.grace_ns = GOR_SECOND};

    CHECK_EQ(gor_ctx_with_deadline(gor_ctx_background(), gor_after(5 * GOR_MILLISECOND), &run.ctx),
             0);
    script_run(&run, "print(deadline() <= 0.005) print(pcall(function() while true do end end))");
    CHECK_STR(run.out, "true\nfalse\tcancelled: its time is over\n");
    gord_lua_result_fini(&run.result);
    gor_ctx_unref(run.ctx);
}
