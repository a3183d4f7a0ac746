/* SPDX-License-Identifier: MIT */
/* roles_test.c - every method has its role, and certificates say theirs. */
#include <stdio.h>
#include <string.h>

#include "daemon/service/roles.h"
#include "proto/descriptors.h"
#include "rpc/symbols.h"
#include "tests/test.h"

/* A new method without a rule fails here. */
TEST(roles_cover_every_method_of_the_contract)
{
    struct rpc_symbols symbols;
    size_t ours = 0;
    CHECK_EQ(rpc_symbols_init(&symbols, wire_descriptors_begin,
                              (size_t)(wire_descriptors_end - wire_descriptors_begin)),
             0);
    for (size_t i = 0; i < symbols.symbol_count; i++) {
        char path[256];
        if (!symbols.symbols[i].is_method || strncmp(symbols.symbols[i].name, "gor.v1.", 7) != 0) {
            continue;
        }
        (void)snprintf(path, sizeof path, "/%s", symbols.symbols[i].name);
        *strrchr(path, '.') = '/';
        if (!gord_rule_exists(path)) {
            (void)fprintf(stderr, "no rule in roles.c for %s\n", path);
        }
        CHECK(gord_rule_exists(path));
        ours++;
    }
    CHECK_INT(ours, >, 25);
    rpc_symbols_fini(&symbols);
}

TEST(roles_fail_closed)
{
    CHECK_EQ(gord_rule_of("/gor.v1.Jobs/NoSuch").role, GORD_ROLE_ADMIN);
    CHECK_EQ(gord_rule_of("/gor.v1.").role, GORD_ROLE_ADMIN);
    CHECK_EQ(gord_rule_of("/grpc.health.v1.Health/Check").role, GORD_ROLE_VIEWER);
    CHECK_EQ(gord_rule_of("/gor.v1.Jobs/Get").role, GORD_ROLE_VIEWER);
    CHECK_EQ(gord_rule_of("/gor.v1.Jobs/Submit").role, GORD_ROLE_SUBMITTER);
    CHECK(gord_rule_of("/gor.v1.Jobs/Rerun").submits);
    CHECK_EQ(gord_rule_of("/gor.v1.Store/Backup").role, GORD_ROLE_ADMIN);
}

TEST(roles_are_read_from_uris)
{
    static const struct {
        const char *uri;
        enum gord_role role;
        uint32_t uid; /* when there is a role */
    } cases[] = {
        {"urn:gor:role:viewer", GORD_ROLE_VIEWER, UINT32_MAX},
        {"urn:gor:role:admin", GORD_ROLE_ADMIN, UINT32_MAX},
        {"urn:gor:role:submitter:uid:1000", GORD_ROLE_SUBMITTER, 1000},
        {"urn:gor:role:operator:uid:0", GORD_ROLE_OPERATOR, 0},
        {"urn:gor:role:", GORD_ROLE_NONE, 0},
        {"urn:gor:role:nobody", GORD_ROLE_NONE, 0},
        {"urn:gor:role:adminx", GORD_ROLE_NONE, 0},
        {"urn:gor:role:Admin", GORD_ROLE_NONE, 0},
        {"urn:gor:role:admin:", GORD_ROLE_NONE, 0},
        {"urn:gor:role:admin:uid:", GORD_ROLE_NONE, 0},
        {"urn:gor:role:admin:uid:-1", GORD_ROLE_NONE, 0},
        {"urn:gor:role:admin:uid:1x", GORD_ROLE_NONE, 0},
        {"urn:gor:role:admin:uid:4294967295", GORD_ROLE_NONE, 0},
        {"spiffe://x/admin", GORD_ROLE_NONE, 0},
        {"", GORD_ROLE_NONE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t uid;
        enum gord_role role = gord_role_of_uri(cases[i].uri, &uid);
        CHECK_EQ(role, cases[i].role);
        CHECK(role == GORD_ROLE_NONE || uid == cases[i].uid);
    }
}
