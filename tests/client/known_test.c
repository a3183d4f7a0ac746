/* SPDX-License-Identifier: MIT */
/* Jobs that an import knows, in portions that fit into a message. */
#include "client/known.h"
#include "gor/v1/store.pb-c.h"
#include "tests/test.h"

enum { MESSAGE_MOST = 24 * 1024 * 1024 }; /* of one on an import */

TEST(portions_fit_into_messages_and_miss_none)
{
    struct gorctl_known known = {0};
    Gor__V1__ImportedJob **pairs = NULL;
    size_t at = 0, seen = 0, portions = 0, count;
    for (size_t i = 0; i < 2100000; i++) {
        gorctl_known_add(&known, UINT64_MAX - i, UINT64_MAX - 2 * i);
    }
    while ((count = gorctl_known_portion(&known, &at, &pairs)) > 0) {
        Gor__V1__ImportRequest request = GOR__V1__IMPORT_REQUEST__INIT;
        request.known = pairs;
        request.n_known = count;
        CHECK(gor__v1__import_request__get_packed_size(&request) < MESSAGE_MOST);
        CHECK_EQ(pairs[0]->old_id, UINT64_MAX - seen);
        seen += count;
        portions++;
        CHECK_EQ(at, seen);
    }
    CHECK_EQ(seen, 2100000);
    CHECK_EQ(portions, 3);
    gorctl_known_fini(&known);
    at = 0;
    CHECK_EQ(gorctl_known_portion(&known, &at, &pairs), 0);
}
