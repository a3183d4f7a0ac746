/* SPDX-License-Identifier: MIT */
/* header.c - fuzz target: HPACK blocks, one after the other on one connection as their table wants it, and
 * what a request takes from their fields. Each block is a length and so many bytes. */
#include <assert.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "rpc/request.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_HEADER_BYTES = 16384 };

static void check_request(struct rpc_request *request)
{
    const char *text = NULL;
    int http = 0;
    assert(memchr(request->path, '\0', sizeof request->path) != NULL);
    assert(memchr(request->bearer, '\0', sizeof request->bearer) != NULL);
    if (rpc_request_is_well_formed(request)) {
        enum wire_status status = rpc_request_judge(request, &http, &text);
        assert(http == 200 || http == 405 || http == 415);
        assert(status == WIRE_OK || text != NULL);
        (void)status;
    }
    rpc_metadata_fini(&request->metadata);
}

/* False: the block was none, and the connection would be over. */
static bool read_block(nghttp2_hd_inflater *inflater, const uint8_t *data, size_t size,
                       bool trailer)
{
    struct rpc_request request = {0};
    rpc_request_begin(&request, MAX_HEADER_BYTES);
    bool good = true;
    int flags = 0;
    while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
        nghttp2_nv field;
        flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, data, size, 1);
        if (used < 0) {
            good = false;
            break;
        }
        data += used;
        size -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0) {
            continue;
        }
        if (trailer) {
            rpc_request_add_trailer(&request, (const char *)field.name, field.namelen,
                                    field.valuelen);
        } else {
            rpc_request_add(&request, (const char *)field.name, field.namelen,
                            (const char *)field.value, field.valuelen);
        }
    }
    (void)nghttp2_hd_inflate_end_headers(inflater);
    check_request(&request);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nghttp2_hd_inflater *inflater;
    int error = nghttp2_hd_inflate_new(&inflater);
    assert(error == 0);
    (void)error;
    while (size > 0) {
        size_t block = data[0] & 0x7fU;
        bool trailer = (data[0] & 0x80U) != 0;
        data++;
        size--;
        block = block == 0x7f || block > size ? size : block;
        if (!read_block(inflater, data, block, trailer)) {
            break;
        }
        data += block;
        size -= block;
    }
    nghttp2_hd_inflate_del(inflater);
    return 0;
}
