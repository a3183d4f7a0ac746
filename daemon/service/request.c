/* SPDX-License-Identifier: MIT */
/* request.c - see request.h. */
#include "daemon/service/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/runner/text.h"
#include "daemon/service/differ.h"
#include "daemon/service/view.h"
#include "rpc/digest.h"

/* A submission on its way to the disk. */
struct gord_underway {
    uint8_t id[GORD_REQUEST_BYTES];
    uint32_t uid;
    struct gord_request_known known;
    struct gord_underway *next; /* list link of the service, in the order of seq */
    struct gord_underway *same; /* list link of its bucket */
};

/* Ids are random or digests, so any byte spreads them; those that people choose are few. */
static struct gord_underway **bucket_of(struct gord_service *service, const uint8_t *id)
{
    return &service->underway_by_id[id[0]];
}

static const struct gord_underway *find_underway(struct gord_service *service, const uint8_t *id,
                                                 uint32_t uid)
{
    const struct gord_underway *at = *bucket_of(service, id);

    while (at != NULL && (at->uid != uid || memcmp(at->id, id, sizeof(at->id)) != 0)) {
        at = at->same;
    }
    return at;
}

int gord_request_find(struct gord_service *service, const ProtobufCBinaryData *id, uint32_t uid,
                      struct gord_request_known *out_known, struct gord_refusal *out_why)
{
    if (id->len == 0) {
        return 0;
    }
    if (id->len != GORD_REQUEST_BYTES) {
        snprintf(out_why->text, sizeof(out_why->text),
                 "request_id has %zu bytes; it is %d, or none", id->len, GORD_REQUEST_BYTES);
        out_why->status = WIRE_INVALID_ARGUMENT;
        return -EINVAL;
    }
    const struct gord_underway *underway = find_underway(service, id->data, uid);
    if (underway != NULL) {
        *out_known = underway->known;
        return 1;
    }
    struct gord_request_known known = {0};
    struct gord_request found = {0};
    int result =
        gord_reader_request(gord_bus_reader(service->bus), id->data, uid, &known.first_id, &found);
    if (result == -ENOENT) {
        return 0;
    }
    if (result != 0) {
        snprintf(out_why->text, sizeof(out_why->text), "request_id: cannot look it up: %s",
                 strerror(-result));
        out_why->status = wire_status_from_errno(result);
        return -EINVAL;
    }
    known.count = found.count;
    known.digest = found.digest;
    *out_known = known;
    return 1;
}

/* What a newer gord would know is packed behind all else here, and in its place there. */
static bool has_unknown(const Gor__V1__JobSpec *spec)
{
    return spec->base.n_unknown_fields > 0 || (spec->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC &&
                                               spec->exec->base.n_unknown_fields > 0);
}

/* A spec without what may differ in a repetition; borrows from it. */
struct bare {
    Gor__V1__JobSpec spec;
    Gor__V1__ExecSpec exec;
};

/* The directory stays: it is where the program finds its files, so the same words elsewhere are another
 * thing to do. */
static void make_bare(const Gor__V1__JobSpec *spec, struct bare *out)
{
    out->spec = *spec;
    out->spec.not_before_ns = 0;
    out->spec.start_before_ns = 0;
    out->spec.deadline_ns = 0;
    if (spec->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC) {
        out->exec = *spec->exec;
        out->exec.n_env = 0;
        out->exec.umask_plus_1 = 0;
        out->exec.n_rlimits = 0;
        out->spec.exec = &out->exec;
    }
}

/* The digest before, and this spec behind it. False: out of memory. */
static bool add_spec(const Gor__V1__JobSpec *spec, uint8_t digest[RPC_DIGEST_BYTES])
{
    struct bare bare;

    make_bare(spec, &bare);
    size_t bytes = gor__v1__job_spec__get_packed_size(&bare.spec);
    uint8_t *packed = malloc(RPC_DIGEST_BYTES + bytes);
    if (packed == NULL) {
        return false;
    }
    memcpy(packed, digest, RPC_DIGEST_BYTES);
    gor__v1__job_spec__pack(&bare.spec, packed + RPC_DIGEST_BYTES);
    rpc_digest(packed, RPC_DIGEST_BYTES + bytes, digest);
    free(packed);
    return true;
}

static uint64_t number_of(const uint8_t digest[RPC_DIGEST_BYTES])
{
    uint64_t number = 0;

    memcpy(&number, digest, sizeof(number));
    return number != 0 ? number : 1;
}

uint64_t gord_request_digest(const ProtobufCBinaryData *id, Gor__V1__JobSpec *const *specs,
                             size_t count)
{
    uint8_t digest[RPC_DIGEST_BYTES] = {0};

    if (id->len == 0) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (specs[i] == NULL || has_unknown(specs[i]) || !add_spec(specs[i], digest)) {
            return 0;
        }
    }
    return number_of(digest);
}

/* ------------------------------------------------------------------ what differs */

/* More jobs than that are not looked at, nor are so many fields told. */
enum { LOOKED_AT_MAX = 100, FIELDS_BYTES = 160, FOLDER_BYTES = 100 };

struct difference {
    char fields[FIELDS_BYTES]; /* "": none was found */
    char folder[FOLDER_BYTES]; /* where the program that is known runs, if it is that; else "" */
};

static bool is_exec(const struct bare *bare)
{
    return bare->spec.kind_case == GOR__V1__JOB_SPEC__KIND_EXEC;
}

static void compare(const Gor__V1__JobSpec *known, const Gor__V1__JobSpec *now,
                    struct difference *out)
{
    struct bare there;
    struct bare here;

    make_bare(known, &there);
    make_bare(now, &here);
    gord_differ(&there.spec.base, &here.spec.base, out->fields, sizeof(out->fields));
    if (is_exec(&there) && is_exec(&here)) {
        const ProtobufCBinaryData *cwd = &there.exec.cwd;
        if (cwd->len != here.exec.cwd.len ||
            (cwd->len > 0 && memcmp(cwd->data, here.exec.cwd.data, cwd->len) != 0)) {
            gord_text_clean((const char *)cwd->data, cwd->len, out->folder, sizeof(out->folder));
        }
    }
}

/* What the first job that differs is to do otherwise. Only if all are still as they were handed in, by the
 * digest: else what has been changed since would be told as well. */
static void find_difference(struct gord_service *service, const struct gord_request_known *known,
                            const struct gord_request_what *what, struct difference *out)
{
    uint8_t digest[RPC_DIGEST_BYTES] = {0};
    struct gord_view view;
    bool all = known->count == what->count && what->count <= LOOKED_AT_MAX;

    for (size_t i = 0; i < what->count && all; i++) {
        all = gord_view_make(service, known->first_id + i, true, &view) == 0;
        if (all) {
            Gor__V1__JobSpec spec = *view.spec;
            spec.share = (char *)(uintptr_t)protobuf_c_empty_string; /* which we have set */
            all = add_spec(&spec, digest);
            if (out->fields[0] == '\0') {
                compare(&spec, what->specs[i], out);
            }
            gord_view_fini(&view);
        }
    }
    if (!all || number_of(digest) != known->digest) {
        *out = (struct difference){.fields = ""};
    }
}

bool gord_request_is_same(struct gord_service *service, const struct gord_request_known *known,
                          const struct gord_request_what *what, struct gord_refusal *out_why)
{
    struct difference difference = {.fields = ""};

    if (known->digest == 0 || what->digest == 0 || known->digest == what->digest) {
        return true;
    }
    find_difference(service, known, what, &difference);
    return gord_refuse(out_why, WIRE_ALREADY_EXISTS,
                       "this request id is that of job %" PRIu64
                       ", which was to do something else%s%s%s%s%s%s: give each job an id of its "
                       "own, or repeat it as it was",
                       known->first_id, difference.fields[0] != '\0' ? " (what differs: " : "",
                       difference.fields, difference.folder[0] != '\0' ? "; that one runs in " : "",
                       difference.folder, difference.fields[0] != '\0' ? ")" : "",
                       known->count != what->count ? ", and not as many jobs" : "");
}

/* ------------------------------------------------------------------ those on their way */

struct gord_request *gord_request_new(const ProtobufCBinaryData *id, uint64_t count,
                                      uint64_t digest, int *out_error)
{
    *out_error = 0;
    if (id->len == 0) {
        return NULL;
    }
    struct gord_request *request = malloc(sizeof(*request));
    if (request == NULL) {
        *out_error = -ENOMEM;
        return NULL;
    }
    *request = (struct gord_request){.count = count, .digest = digest};
    memcpy(request->id, id->data, sizeof(request->id));
    return request;
}

void gord_request_add(struct gord_service *service, const ProtobufCBinaryData *id, uint32_t uid,
                      const struct gord_request_known *known)
{
    if (id->len == 0 || known->seq <= gord_bus_committed(service->bus)) {
        return;
    }
    struct gord_underway *underway = calloc(1, sizeof(*underway));
    if (underway == NULL) {
        return;
    }
    memcpy(underway->id, id->data, sizeof(underway->id));
    underway->uid = uid;
    underway->known = *known;
    *(service->underway_last != NULL ? &service->underway_last->next : &service->underway) =
        underway;
    service->underway_last = underway;
    underway->same = *bucket_of(service, underway->id);
    *bucket_of(service, underway->id) = underway;
}

static void forget_first(struct gord_service *service)
{
    struct gord_underway *underway = service->underway;
    struct gord_underway **link = bucket_of(service, underway->id);

    while (*link != underway) {
        link = &(*link)->same;
    }
    *link = underway->same;
    service->underway = underway->next;
    if (service->underway == NULL) {
        service->underway_last = NULL;
    }
    free(underway);
}

void gord_requests_settle(struct gord_service *service, int error)
{
    while (service->underway != NULL &&
           (error != 0 || service->underway->known.seq <= gord_bus_committed(service->bus))) {
        forget_first(service);
    }
}
