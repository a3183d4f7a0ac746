/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/runner/native.h"
#include "daemon/service/auth.h"
#include "daemon/service/check.h"
#include "tests/test.h"

static void refuse_native(const char *function, const char *arg, const char *want)
{
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    char *args[] = {(char *)(uintptr_t)arg};
    char error[GORD_ERROR_BYTES] = "";

    native.function = (char *)(uintptr_t)function;
    native.n_args = arg != NULL;
    native.args = args;
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    spec.native = &native;
    int result = gord_check_spec(&spec, NULL, error, sizeof(error));
    if (want == NULL) {
        CHECK_EQ(result, 0);
        return;
    }
    CHECK_EQ(result, -EINVAL);
    if (strstr(error, want) == NULL) {
        test_fail(__FILE__, __LINE__, "'%s' does not say '%s'", error, want);
    }
}

TEST(check_native_arguments)
{
    refuse_native("builtin.echo", NULL, NULL);
    refuse_native("builtin.echo", "anything", NULL);
    refuse_native("", NULL, "there are builtin.echo, builtin.sleep");
    refuse_native("nosuch", NULL, "there is no 'nosuch'");
    refuse_native("builtin.sleep", NULL, "takes one argument");
    refuse_native("builtin.sleep", "-1s", "cannot read");
    refuse_native("builtin.sleep", "0", NULL);
    refuse_native("builtin.fib", "92", NULL);
    refuse_native("builtin.fib", "93", "0 to 92");
    refuse_native("builtin.fib", " 9", "not a number");
    refuse_native("builtin.fib", "", "not a number");
    refuse_native("builtin.fib", "99999999999999999999999", "not a number");
    refuse_native("builtin.fanout", "1000001", "0 to 1000000");
    refuse_native("builtin.fail", NULL, "exit code");
    refuse_native("builtin.fail", "256", "0 to 255");
}

static void refuse_lua(const char *script, uint64_t memory, const char *want)
{
    Gor__V1__LuaSpec lua = GOR__V1__LUA_SPEC__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    char error[GORD_ERROR_BYTES] = "";

    lua.script.data = (uint8_t *)(uintptr_t)script;
    lua.script.len = strlen(script);
    lua.max_memory_bytes = memory;
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_LUA;
    spec.lua = &lua;
    int result = gord_check_spec(&spec, NULL, error, sizeof(error));
    CHECK_EQ(result, want == NULL ? 0 : -EINVAL);
    if (want != NULL && strstr(error, want) == NULL) {
        test_fail(__FILE__, __LINE__, "'%s' does not say '%s'", error, want);
    }
}

TEST(check_lua_script_and_budget)
{
    refuse_lua("", 0, NULL);
    refuse_lua("return 1", 256 << 10, NULL);
    refuse_lua("return 1", (uint64_t)4 << 30, NULL);
    refuse_lua("return 1", (256 << 10) - 1, "max_memory_bytes is 262143");
    refuse_lua("return 1", ((uint64_t)4 << 30) + 1, "max_memory_bytes");
    refuse_lua("return return", 0, "spec.lua.script: script:1:");
    refuse_lua("\x1bLua", 0, "bytecode");
    refuse_lua("x = \xff", 0, "spec.lua.script: script:1: unexpected symbol near '<\\255>'");
}

TEST(check_missing_parts)
{
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    char error[GORD_ERROR_BYTES] = "";

    CHECK_EQ(gord_check_spec(NULL, NULL, error, sizeof(error)), -EINVAL);
    CHECK_STR(error, "spec is missing");
    CHECK_EQ(gord_check_spec(&spec, NULL, error, sizeof(error)), -EINVAL);
    CHECK_STR(error, "spec.kind is not set: it needs 'exec', 'native' or 'lua'");
}

TEST(check_times_labels_and_name)
{
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__JobSpec__LabelsEntry label = GOR__V1__JOB_SPEC__LABELS_ENTRY__INIT;
    Gor__V1__JobSpec__LabelsEntry *labels[65];
    char name[GORD_NAME_MAX + 2];
    char error[GORD_ERROR_BYTES] = "";

    native.function = "builtin.echo";
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    spec.native = &native;
    CHECK_EQ(gord_check_spec(&spec, NULL, error, sizeof(error)), 0);
    spec.timeout_ns = INT64_MAX;
    CHECK_EQ(gord_check_spec(&spec, NULL, error, sizeof(error)), -EINVAL);
    spec.timeout_ns = 0;
    spec.grace_ns = -1;
    CHECK_EQ(gord_check_spec(&spec, NULL, error, sizeof(error)), -EINVAL);
    spec.grace_ns = 0;
    memset(name, 'n', sizeof(name));
    name[GORD_NAME_MAX + 1] = '\0';
    spec.name = name;
    CHECK_EQ(gord_check_spec(&spec, NULL, error, sizeof(error)), -EINVAL);
    name[GORD_NAME_MAX] = '\0';
    CHECK_EQ(gord_check_spec(&spec, NULL, error, sizeof(error)), 0);
    label.key = "key";
    for (size_t i = 0; i < 65; i++) {
        labels[i] = &label;
    }
    spec.labels = labels;
    spec.n_labels = 64;
    CHECK_EQ(gord_check_spec(&spec, NULL, error, sizeof(error)), 0);
    spec.n_labels = 65;
    CHECK_EQ(gord_check_spec(&spec, NULL, error, sizeof(error)), -EINVAL);
    spec.n_labels = 1;
    label.key = "";
    CHECK_EQ(gord_check_spec(&spec, NULL, error, sizeof(error)), -EINVAL);
}

static int check_url(const char *url, bool past, char error[GORD_ERROR_BYTES])
{
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;

    native.function = (char *)(uintptr_t) "builtin.echo";
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    spec.native = &native;
    spec.on_finish_url = (char *)(uintptr_t)url;
    error[0] = '\0';
    return past ? gord_check_past_spec(&spec, error, GORD_ERROR_BYTES)
                : gord_check_spec(&spec, NULL, error, GORD_ERROR_BYTES);
}

TEST(check_url_to_tell)
{
    char error[GORD_ERROR_BYTES];

    CHECK_EQ(check_url("http://h/x", false, error), 0);
    CHECK_EQ(check_url("gopher://h/x", false, error), -EINVAL);
    CHECK_STR(error, "spec.on_finish_url does not begin with http:// or https://");
    CHECK_EQ(check_url("http://h/(hidden)", false, error), -EINVAL);
    CHECK(strstr(error, "show --env --reveal") != NULL);
    CHECK_EQ(check_url("http://h/(hidden)", true, error), 0); /* it has ended, and tells nobody */
    CHECK_EQ(check_url("gopher://h/x", true, error), -EINVAL);
}

/* ------------------------------------------------------------------ who may call */

static enum wire_status ask(struct gord_auth *auth, bool local, uid_t uid, gid_t gid,
                            const char *token)
{
    struct rpc_peer peer = {.local = local, .uid = uid, .gid = gid, .address = "test"};
    char text[256] = "";

    return gord_auth_check(auth, &peer, "/x/Y", token, text);
}

TEST(auth_over_the_unix_socket_goes_by_user_and_group)
{
    struct gord_auth auth;

    gord_auth_init(&auth);
    auth.owner = 1234;
    CHECK_EQ(ask(&auth, true, 0, 0, NULL), WIRE_OK);
    CHECK_EQ(ask(&auth, true, 1234, 5, NULL), WIRE_OK);
    CHECK_EQ(ask(&auth, true, 4321, 77, NULL), WIRE_PERMISSION_DENIED);
    gord_auth_allow_group(&auth, 77);
    CHECK_EQ(ask(&auth, true, 4321, 77, NULL), WIRE_OK);
    CHECK_EQ(ask(&auth, true, 4321, 78, NULL), WIRE_PERMISSION_DENIED);
    CHECK_EQ(ask(&auth, true, 4321, 78, NULL), WIRE_PERMISSION_DENIED); /* from the cache */
}

TEST(auth_over_tcp_goes_by_token_only)
{
    struct gord_auth auth;
    char path[PATH_MAX];
    struct stat info;
    char other[GORD_TOKEN_BYTES + 1];

    gord_auth_init(&auth);
    CHECK_EQ(ask(&auth, false, 0, 0, ""), WIRE_UNAUTHENTICATED); /* no token loaded: nobody */
    snprintf(path, sizeof(path), "%s/token", test_tmpdir());
    CHECK_EQ(gord_auth_load_token(&auth, path), 0);
    CHECK_EQ(stat(path, &info), 0);
    CHECK_EQ(info.st_mode & 0777, 0600);
    CHECK_EQ(ask(&auth, false, 0, 0, NULL), WIRE_UNAUTHENTICATED);
    CHECK_EQ(ask(&auth, false, 0, 0, auth.token), WIRE_OK);
    memcpy(other, auth.token, sizeof(other));
    other[GORD_TOKEN_BYTES - 1] ^= 1;
    CHECK_EQ(ask(&auth, false, 0, 0, other), WIRE_UNAUTHENTICATED);
    other[GORD_TOKEN_BYTES - 1] = '\0';
    CHECK_EQ(ask(&auth, false, 0, 0, other), WIRE_UNAUTHENTICATED);
    struct gord_auth again;
    gord_auth_init(&again);
    CHECK_EQ(gord_auth_load_token(&again, path), 0);
    CHECK_STR(again.token, auth.token);
    CHECK_EQ(chmod(path, 0640), 0);
    CHECK_EQ(gord_auth_load_token(&again, path), -EPERM);
    CHECK_EQ(chmod(path, 0600), 0);
    CHECK_EQ(truncate(path, 10), 0);
    CHECK_EQ(gord_auth_load_token(&again, path), -EBADMSG);
    CHECK_EQ(gord_auth_load_token(&again, "/no/such/folder/token"), -ENOENT);
}
