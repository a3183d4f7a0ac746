/* SPDX-License-Identifier: MIT */
/* Our matcher against Lua's own, on random patterns and subjects, with all that find, match, gmatch and
 * gsub answer; and the errors. */
#include <lauxlib.h>
#include <lualib.h>

#include "tests/daemon/lua_scripts.h"

/* Answers a text with all results, or the kind of error; the same text runs in both. */
static const char probe[] =
    "local function show(ok, ...)\n"
    "  if not ok then return 'error' end\n"
    "  local t = table.pack(...)\n"
    "  for i = 1, t.n do t[i] = tostring(t[i]) end\n"
    "  return table.concat(t, '|')\n"
    "end\n"
    "local function all(s, p)\n"
    "  local t = {}\n"
    "  for a, b in s:gmatch(p) do t[#t + 1] = tostring(a) .. tostring(b) end\n"
    "  return table.concat(t, ',')\n"
    "end\n"
    "local function probe(s, p, i, r, n)\n"
    "  return table.concat({\n"
    "    show(pcall(string.find, s, p, i)), show(pcall(string.match, s, p, i)),\n"
    "    show(pcall(string.find, s, p, i, true)), show(pcall(all, s, p)),\n"
    "    show(pcall(string.gsub, s, p, r)), show(pcall(string.gsub, s, p, r, n)),\n"
    "    show(pcall(string.gsub, s, p, function(a, b) return b or a end)),\n"
    "    show(pcall(string.gsub, s, p, {a = 'A', ab = false, b = 7}))}, '\\n')\n"
    "end\n"
    "for _, c in ipairs(cases) do print(probe(c[1], c[2], c[3], c[4], c[5])) end\n";

enum { CASES = 300, ROUNDS = 100 };

static uint64_t random_state;

static uint64_t any_number(uint64_t below)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (random_state >> 33) % below;
}

static size_t add_pieces(char *out, const char *const *pieces, size_t count, size_t most)
{
    size_t at = 0;

    for (uint64_t n = any_number(most); n > 0; n--) {
        at += (size_t)sprintf(out + at, "%s", pieces[any_number(count)]);
    }
    out[at] = '\0';
    return at;
}

/* "cases = {{subject, pattern, from, replacement, most}, ...}" */
static void make_cases(char *out)
{
    static const char *const subject[] = {"a", "b", "ab", "A",   "1", "[",     "]",   " ", "%%",
                                          "-", "(", ")",  "\\0", "_", "\\xe9", "aab", "."};
    static const char *const pattern[] = {
        "a",      "b",    ".",      "%%a",   "%%d",   "%%s",      "%%w",     "%%p",    "%%A",
        "%%%%",   "[ab]", "[^a]",   "[a-c]", "[]]",   "[^]]",     "[%%a_]",  "[a-]",   "[%%-x]",
        "*",      "+",    "-",      "?",     "(",     ")",        "()",      "(a)",    "(.-)",
        "(%%w+)", "^",    "$",      "%%b()", "%%bab", "%%f[%%w]", "%%f[^a]", "%%1",    "%%2",
        "%%",     "[",    "%%0",    "\\0",   "%%x",   "%%.",      "a*",      ".*",     ".-b",
        "%%u",    "%%l",  "%%c",    "%%g",   "[%%]]", "%%b",      "%%f",     "[a-%%]", "[%%a-z]",
        "^*",     "(()",  "[^%%s]+"};
    static const char *const replacement[] = {"x",  "%%0",   "%%1", "%%2", "%%%%",
                                              "%%", "<%%1>", "",    "%%x"};
    char *at = out + sprintf(out, "cases = {");
    for (int i = 0; i < CASES; i++) {
        at += sprintf(at, "{'");
        at += add_pieces(at, subject, sizeof(subject) / sizeof(*subject), 10);
        at += sprintf(at, "','");
        at += add_pieces(at, pattern, sizeof(pattern) / sizeof(*pattern), 6);
        at += sprintf(at, "',%d,'", (int)any_number(14) - 6);
        at += add_pieces(at, replacement, sizeof(replacement) / sizeof(*replacement), 3);
        at += sprintf(at, "',%d},\n", (int)any_number(4));
    }
    sprintf(at, "}\n");
    /* "%%" stood for one. */
    char *to = out;
    for (const char *from = out; *from != '\0'; from++) {
        *to++ = *from;
        from += from[0] == '%' && from[1] == '%';
    }
    *to = '\0';
}

struct said {
    char *text;
    size_t bytes;
    size_t room;
};

static void hear(struct said *said, const char *text, size_t bytes)
{
    while (said->bytes + bytes + 1 > said->room) {
        said->room = 2 * said->room + 4096;
        said->text = realloc(said->text, said->room);
        CHECK(said->text != NULL);
    }
    memcpy(said->text + said->bytes, text, bytes);
    said->bytes += bytes;
}

static int stock_print(lua_State *L)
{
    size_t bytes;
    const char *text = luaL_tolstring(L, 1, &bytes);

    hear(lua_touserdata(L, lua_upvalueindex(1)), text, bytes);
    hear(lua_touserdata(L, lua_upvalueindex(1)), "\n", 1);
    return 0;
}

static void run_stock(const char *text, struct said *said)
{
    lua_State *L = luaL_newstate();

    luaL_openlibs(L);
    lua_pushlightuserdata(L, said);
    lua_pushcclosure(L, stock_print, 1);
    lua_setglobal(L, "print");
    if (luaL_dostring(L, text) != LUA_OK) {
        test_fail(__FILE__, __LINE__, "%s", lua_tostring(L, -1));
    }
    lua_close(L);
}

static void hear_ours(void *arg, int stream, const void *bytes, size_t count)
{
    (void)stream;
    hear(arg, bytes, count);
}

struct ours {
    struct gord_lua_script script;
    struct said *said;
    struct gor_waitgroup over;
};

static void run_ours(void *arg)
{
    struct ours *ours = arg;
    struct gord_lua_host host = {
        .arg = ours->said, .ctx = gor_ctx_background(), .name = "ours", .write = hear_ours};
    struct gord_lua_result result;

    gord_lua_run(&ours->script, &host, &result);
    if (result.fate != GORD_LUA_RETURNED) {
        test_fail(__FILE__, __LINE__, "%s", result.message);
    }
    gord_lua_result_fini(&result);
    gor_waitgroup_done(&ours->over);
}

/* The first line in which the two differ. */
static void compare(const struct said *stock, const struct said *mine, const char *cases)
{
    size_t line = 0;

    for (size_t i = 0; i < stock->bytes && i < mine->bytes; i++) {
        if (stock->text[i] != mine->text[i]) {
            const char *text = cases;
            for (size_t n = 0; n < line / 8; n++) {
                text = strchr(text, '\n') + 1;
            }
            test_fail(__FILE__, __LINE__, "line %zu of 8, case %.*s", line % 8,
                      (int)strcspn(text, "\n"), text);
        }
        line += stock->text[i] == '\n';
    }
    CHECK_EQ(stock->bytes, mine->bytes);
}

GO_TEST(pattern_means_what_lua_means)
{
    struct gor_go_opts opts = {.stack_bytes = GORD_LUA_STACK_BYTES};
    char *text = malloc(1 << 20);

    CHECK(text != NULL);
    random_state = test_seed();
    for (int round = 0; round < ROUNDS; round++) {
        struct said stock = {0};
        struct said mine = {0};
        make_cases(text);
        strcat(text, probe);
        run_stock(text, &stock);
        struct ours ours = {.script = {.text = text, .bytes = strlen(text), .name = "x"},
                            .said = &mine};
        gor_waitgroup_add(&ours.over, 1);
        CHECK_EQ(gor_go_with(&opts, run_ours, &ours), 0);
        gor_waitgroup_wait(&ours.over);
        compare(&stock, &mine, text + sizeof("cases = {") - 1);
        free(stock.text);
        free(mine.text);
    }
    free(text);
}

GO_TEST(pattern_errors_say_what_is_wrong)
{
    check_script("print(pcall(string.find, 'a', '%'))\n"
                 "print(pcall(string.find, 'a', '[a'))\n"
                 "print(pcall(string.find, 'a', '%f'))\n"
                 "print(pcall(string.match, 'a', '(a'))\n"
                 "print(pcall(string.rep, 'x', -1), #('ab'):rep(3, ','))\n"
                 "print(pcall(string.find, ('a'):rep(300), ('a?'):rep(300) .. 'b'))",
                 0,
                 "false\tmalformed pattern (ends with '%')\n"
                 "false\tmalformed pattern (missing ']')\n"
                 "false\tmissing '[' after '%f' in pattern\n"
                 "false\tunfinished capture\n"
                 "true\t8\n"
                 "false\tpattern too complex\n");
}
