/* SPDX-License-Identifier: MIT */
#include "daemon/service/wrong.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define EACH_NS INT64_C(6000000000)
#define MOST_NS (10 * EACH_NS)

static void key_of(const char *address, uint8_t out[8])
{
    struct in6_addr found;
    char host[INET6_ADDRSTRLEN + 2];
    const char *colon = strrchr(address, ':');
    bool six = address[0] == '[';
    size_t length = colon != NULL ? (size_t)(colon - address) : strlen(address);

    memset(out, 0, 8);
    if (six && length >= 2) {
        address++;
        length -= 2;
    }
    if (length >= sizeof(host)) {
        return;
    }
    memcpy(host, address, length);
    host[length] = '\0';
    if (inet_pton(six ? AF_INET6 : AF_INET, host, &found) == 1) {
        memcpy(out, &found, six ? 8 : 4);
    }
}

static struct gord_wrong *slot_of(struct gord_wrongs *wrongs, const uint8_t from[8])
{
    uint32_t hash = hash_fnv1a32(HASH_FNV1A32_BASIS, from, 8);
    struct gord_wrong *set = wrongs->slots[(hash >> 16 ^ hash) % GORD_WRONG_SETS];
    struct gord_wrong *oldest = &set[0];
    for (size_t i = 0; i < GORD_WRONG_WAYS; i++) {
        if (memcmp(set[i].from, from, 8) == 0) {
            return &set[i];
        }
        oldest = set[i].full_ns < oldest->full_ns ? &set[i] : oldest;
    }
    memset(oldest, 0, sizeof(*oldest));
    memcpy(oldest->from, from, 8);
    return oldest;
}

bool gord_wrongs_note(struct gord_wrongs *wrongs, const char *address, int64_t now_ns,
                      uint64_t *out_unheard)
{
    uint8_t from[8];

    key_of(address, from);
    struct gord_wrong *wrong = slot_of(wrongs, from);
    int64_t full_ns = wrong->full_ns > now_ns ? wrong->full_ns : now_ns;
    wrongs->count++;
    *out_unheard = 0;
    if (full_ns + EACH_NS - now_ns > MOST_NS) {
        wrong->unheard++;
        return false;
    }
    *out_unheard = wrong->unheard;
    wrong->unheard = 0;
    wrong->full_ns = full_ns + EACH_NS;
    return true;
}
