/* SPDX-License-Identifier: MIT */
/* post.c - see post.h.
 *
 * Its multi interface is used for one request at a time, since only that can be woken. Connections are
 * kept from one to the next, as libcurl does.
 */
#include "daemon/otlp/post.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/gor.h"

#define MILLISECOND INT64_C(1000000)
#define SECOND (1000 * MILLISECOND)

enum { POLL_MS = 10000 }; /* it wakes by itself for whatever there is to do */

struct gord_post {
    CURLM *multi;
    CURL *easy;
    char error[CURL_ERROR_SIZE];
};

int gord_post_init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

void gord_post_fini(void)
{
    curl_global_cleanup();
}

struct gord_post *gord_post_new(void)
{
    struct gord_post *post = calloc(1, sizeof(*post));

    if (post == NULL) {
        return NULL;
    }
    post->multi = curl_multi_init();
    post->easy = curl_easy_init();
    if (post->multi == NULL || post->easy == NULL) {
        gord_post_free(post);
        return NULL;
    }
    return post;
}

void gord_post_free(struct gord_post *post)
{
    if (post == NULL) {
        return;
    }
    curl_easy_cleanup(post->easy);
    (void)curl_multi_cleanup(post->multi);
    free(post);
}

void gord_post_wake(struct gord_post *post)
{
    (void)curl_multi_wakeup(post->multi);
}

/* ---- what libcurl calls */

/* Jobs are not to have it. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)arg;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* What is too much is read, and forgotten. */
static size_t take_reply(char *data, size_t size, size_t count, void *arg)
{
    struct gord_post_answer *answer = arg;
    size_t room = sizeof(answer->reply) - answer->reply_bytes;
    size_t bytes = size * count;

    memcpy(answer->reply + answer->reply_bytes, data, bytes < room ? bytes : room);
    answer->reply_bytes += bytes < room ? bytes : room;
    return bytes;
}

/* ---- a request */

static struct curl_slist *make_headers(const struct gord_otlp_target *target)
{
    static const char *const own[] = {"Content-Type: application/x-protobuf", "Expect:"};
    struct curl_slist *list = NULL;
    size_t count = sizeof(own) / sizeof(own[0]);

    for (size_t i = 0; i < count + target->header_count; i++) {
        struct curl_slist *longer =
            curl_slist_append(list, i < count ? own[i] : target->headers[i - count]);
        if (longer == NULL) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

static bool set_up(struct gord_post *post, const struct gord_otlp_target *target,
                   const struct gord_post_body *body, struct curl_slist *headers,
                   struct gord_post_answer *answer)
{
    CURL *easy = post->easy;
    long timeout_ms = (long)(body->timeout_ns / MILLISECOND);

    curl_easy_reset(easy);
    bool ok =
        curl_easy_setopt(easy, CURLOPT_URL, target->url) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "gord/" GOR_VERSION) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
        (target->ca == NULL || curl_easy_setopt(easy, CURLOPT_CAINFO, target->ca) == CURLE_OK);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* no waiting for a name server */
    (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body->message);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->bytes);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms > 0 ? timeout_ms : 1L);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_reply);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, post->error);
    return ok;
}

static void read_answer(const struct gord_post *post, CURLcode code,
                        struct gord_post_answer *answer)
{
    curl_off_t wait_s = 0;

    if (code != CURLE_OK) {
        answer->status = 0;
        snprintf(answer->text, sizeof(answer->text), "%s",
                 post->error[0] != '\0' ? post->error : curl_easy_strerror(code));
        return;
    }
    (void)curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &answer->status);
    (void)curl_easy_getinfo(post->easy, CURLINFO_RETRY_AFTER, &wait_s);
    answer->asked_ns = wait_s > 0 && wait_s < INT32_MAX ? (int64_t)wait_s * SECOND : 0;
    snprintf(answer->text, sizeof(answer->text), "it answers with HTTP status %ld", answer->status);
}

/* 0 once it is over. */
static int perform(struct gord_post *post, const struct gord_post_body *body,
                   struct gord_post_answer *answer)
{
    int running = 1;
    int left;

    while (true) {
        if (body->gives_up(body->arg)) {
            return -ECANCELED;
        }
        if (curl_multi_perform(post->multi, &running) != CURLM_OK) {
            return -ENOMEM;
        }
        const CURLMsg *message = curl_multi_info_read(post->multi, &left);
        if (message != NULL && message->msg == CURLMSG_DONE) {
            read_answer(post, message->data.result, answer);
            return 0;
        }
        if (running == 0 || curl_multi_poll(post->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK) {
            return -ENOMEM;
        }
    }
}

int gord_post_send(struct gord_post *post, const struct gord_otlp_target *target,
                   const struct gord_post_body *body, struct gord_post_answer *out_answer)
{
    struct curl_slist *headers = make_headers(target);
    int result = -ENOMEM;

    out_answer->status = 0;
    out_answer->asked_ns = 0;
    out_answer->text[0] = '\0';
    out_answer->reply_bytes = 0;
    post->error[0] = '\0';
    if (headers != NULL && set_up(post, target, body, headers, out_answer) &&
        curl_multi_add_handle(post->multi, post->easy) == CURLM_OK) {
        result = perform(post, body, out_answer);
        (void)curl_multi_remove_handle(post->multi, post->easy);
    }
    curl_slist_free_all(headers);
    return result;
}
