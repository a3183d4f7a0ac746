/* SPDX-License-Identifier: MIT */
/* scrape.c - see scrape.h.
 *
 * An HTTP server of our own on the loop was rejected: what a parser of somebody else's bytes may get
 * wrong is in well-kept hands, and the loop stays out of it. Keeping connections for further requests
 * was rejected, too: a scraper comes every few seconds at most, and so an old connection is one that
 * dawdles, whom nobody need spare.
 */
#include "daemon/scrape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/inbox.h"
#include "daemon/base/log.h"
#include "daemon/service/figures.h"
#include "runtime/gor.h"

#define FRESH_NS (GOR_SECOND / 4) /* an answer is given again for so long */
#define LOOP_SECONDS 5            /* the loop is waited for */
#define IDLE_SECONDS 10           /* a connection on which nothing moves ends */
#define OLD_NS GOR_SECOND         /* one that lasts longer gives way to others */
#define REQUEST_BYTES ((size_t)16 * 1024)
#define BACKLOG 64

#define TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct connection {
    int fd;           /* libmicrohttpd's; -1: none here */
    int64_t since_ns; /* GOR_NEVER: it was shut, and goes soon */
};

struct gord_scrape {
    struct gord_service *service;
    struct gord_inbox inbox; /* to the loop */
    struct gord_inbox_item question;
    struct MHD_Daemon *http;
    bool local; /* only this machine reaches it */

    /* Between its thread and the loop. */
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool asked; /* the question is on its way */
    bool stopping;
    uint64_t answers;
    struct gord_figures figures;

    /* Its thread's only. */
    struct connection connections[GORD_SCRAPE_CONNECTIONS];
    char *text; /* owned; the last answer */
    size_t text_bytes;
    int64_t text_at; /* gor_now(); with `text` */
};

/* ---- the loop's part */

static void on_question(void *arg, struct gord_inbox_item *item)
{
    struct gord_scrape *scrape = arg;
    struct gord_figures figures;

    (void)item;
    gord_figures_gather(scrape->service, &figures);
    pthread_mutex_lock(&scrape->lock);
    gord_figures_fini(&scrape->figures); /* nobody took them */
    scrape->figures = figures;
    scrape->asked = false;
    scrape->answers++;
    pthread_cond_signal(&scrape->answered);
    pthread_mutex_unlock(&scrape->lock);
}

/* ---- what is answered */

/* Figures of now, from the loop. -ETIMEDOUT: it is stuck; -ECANCELED: the daemon stops. */
static int ask_loop(struct gord_scrape *scrape, struct gord_figures *out_figures)
{
    struct timespec until;
    int result = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOP_SECONDS;
    pthread_mutex_lock(&scrape->lock);
    uint64_t before = scrape->answers;
    if (!scrape->asked && !scrape->stopping) {
        scrape->asked = true;
        gord_inbox_post(&scrape->inbox, &scrape->question);
    }
    while (scrape->answers == before && !scrape->stopping && result == 0) {
        result = pthread_cond_timedwait(&scrape->answered, &scrape->lock, &until);
    }
    if (scrape->answers != before) {
        *out_figures = scrape->figures;
        scrape->figures.queues = NULL; /* they are the caller's */
        result = 0;
    } else {
        result = scrape->stopping ? -ECANCELED : -ETIMEDOUT;
    }
    pthread_mutex_unlock(&scrape->lock);
    return result;
}

static int write_text(const struct gord_figures *figures, char **out_text, size_t *out_bytes)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    if (out == NULL) {
        return -errno;
    }
    int result = gord_figures_write(figures, out);
    if (fclose(out) != 0 && result == 0) {
        result = -ENOMEM;
    }
    if (result != 0) {
        free(text);
        return result;
    }
    *out_text = text;
    *out_bytes = bytes;
    return 0;
}

/* `text` is of now, or nearly. */
static int refresh(struct gord_scrape *scrape)
{
    struct gord_figures figures;
    char *text = NULL;
    size_t bytes = 0;

    if (scrape->text != NULL && gor_now() - scrape->text_at < FRESH_NS) {
        return 0;
    }
    int result = ask_loop(scrape, &figures);
    if (result == 0) {
        result = write_text(&figures, &text, &bytes);
        gord_figures_fini(&figures);
    }
    if (result == 0) {
        free(scrape->text);
        scrape->text = text;
        scrape->text_bytes = bytes;
        scrape->text_at = gor_now();
    }
    return result;
}

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type,
                             const char *text, size_t bytes)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(bytes, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result complain(struct MHD_Connection *connection, unsigned status,
                                const char *text)
{
    return reply(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result reply_metrics(struct gord_scrape *scrape, struct MHD_Connection *connection)
{
    int result = refresh(scrape);

    switch (result) {
    case 0:
        return reply(connection, MHD_HTTP_OK, TEXT_TYPE, scrape->text, scrape->text_bytes);
    case -ETIMEDOUT:
        return complain(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                        "gord's loop has not answered for 5 s; SIGQUIT has gord print what its "
                        "goroutines do\n");
    case -ECANCELED:
    case -ESRCH:
        return complain(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "gord stops\n");
    default:
        return complain(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                        "gord is out of memory for its metrics\n");
    }
}

/* Does the request mean us? A page that a browser on this machine shows may have the name of its own site
 * lead here, and read what we answer as if it were of that site. Such a name has a dot in it; ours have none,
 * or are addresses. */
static bool is_meant(const struct gord_scrape *scrape, struct MHD_Connection *connection)
{
    const char *host =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    char name[256];
    struct in_addr scratch;

    if (!scrape->local || host == NULL || host[0] == '[') {
        return true;
    }
    size_t length = strcspn(host, ":");
    if (length >= sizeof(name)) {
        return false;
    }
    memcpy(name, host, length);
    name[length] = '\0';
    return strchr(name, '.') == NULL || inet_pton(AF_INET, name, &scratch) == 1;
}

/* Called first with the head of a request; we want no more of it. So many parameters are libmicrohttpd's
 * idea. NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_bytes, void **request)
{
    (void)version;
    (void)body;
    (void)body_bytes;
    (void)request;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return complain(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                        "metrics are only to be read: GET /metrics\n");
    }
    if (!is_meant(arg, connection)) {
        return complain(connection, MHD_HTTP_MISDIRECTED_REQUEST,
                        "these metrics are for this machine: ask for them by its address or as "
                        "localhost, not by a name of the internet\n");
    }
    if (strcmp(path, "/metrics") != 0) {
        return complain(connection, MHD_HTTP_NOT_FOUND, "gord's metrics are at /metrics\n");
    }
    return reply_metrics(arg, connection);
}

/* ---- who may come */

/* The oldest but for those that are shut already; NULL: there is none. */
static struct connection *oldest_of(struct gord_scrape *scrape, int *out_free)
{
    struct connection *oldest = NULL;

    *out_free = 0;
    for (int i = 0; i < GORD_SCRAPE_CONNECTIONS; i++) {
        struct connection *connection = &scrape->connections[i];
        if (connection->fd < 0) {
            ++*out_free;
        } else if (connection->since_ns != GOR_NEVER &&
                   (oldest == NULL || connection->since_ns < oldest->since_ns)) {
            oldest = connection;
        }
    }
    return oldest;
}

/* Whoever takes the last place has the oldest shut, for the next one, unless that has just come. */
static enum MHD_Result on_arrival(void *arg, const struct sockaddr *address, socklen_t length)
{
    int free_places = 0;
    struct connection *oldest = oldest_of(arg, &free_places);

    (void)address;
    (void)length;
    if (free_places <= 1 && oldest != NULL && gor_now() - oldest->since_ns >= OLD_NS) {
        (void)shutdown(oldest->fd, SHUT_RDWR); /* libmicrohttpd sees that, and closes it */
        oldest->since_ns = GOR_NEVER;
    }
    return free_places > 0 ? MHD_YES : MHD_NO;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct gord_scrape *scrape = arg;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct connection *gone = *context;
        if (gone != NULL) {
            gone->fd = -1;
        }
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    for (int i = 0; info != NULL && i < GORD_SCRAPE_CONNECTIONS; i++) {
        struct connection *place = &scrape->connections[i];
        if (place->fd < 0) {
            *place = (struct connection){.fd = info->connect_fd, .since_ns = gor_now()};
            *context = place;
            return;
        }
    }
}

static void on_complaint(void *arg, const char *format, va_list args)
{
    char text[256];

    (void)arg;
    (void)vsnprintf(text, sizeof(text), format, args);
    gord_log(GORD_LOG_DEBUG, 0, "metrics: %s", text);
}

/* ---- listening */

static socklen_t make_address(const struct gord_config *config, struct sockaddr_storage *out)
{
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, config->metrics_host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(config->metrics_port);
        return sizeof(*in);
    }
    (void)inet_pton(AF_INET6, config->metrics_host, &in6->sin6_addr);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(config->metrics_port);
    return sizeof(*in6);
}

static int open_listener(const struct gord_config *config)
{
    struct sockaddr_storage address;
    socklen_t length = make_address(config, &address);
    int on = 1;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address.ss_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (bind(fd, (const struct sockaddr *)&address, length) != 0 || listen(fd, BACKLOG) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

/* It lies at the same place in the addresses of both families, of which this is the longer. */
_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
               "port_of takes one for the other");

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 address = {0};
    socklen_t length = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        return 0;
    }
    return ntohs(address.sin6_port);
}

static void announce(const struct gord_config *config, uint16_t port)
{
    const char *host = config->metrics_host;
    bool six = strchr(host, ':') != NULL;

    gord_log(GORD_LOG_NOTICE, 0, "metrics at http://%s%s%s:%u/metrics", six ? "[" : "", host,
             six ? "]" : "", port);
    if (!gord_config_is_loopback(host)) {
        gord_log(
            GORD_LOG_WARNING, 0,
            "whoever reaches %s may read the metrics; give --metrics-listen a loopback address "
            "unless they are to",
            host);
    }
}

/* ---- life */

static int begin_to_answer(struct gord_scrape *scrape, int fd)
{
    scrape->http = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, on_arrival, scrape, on_request,
        scrape, MHD_OPTION_EXTERNAL_LOGGER, on_complaint, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)GORD_SCRAPE_CONNECTIONS + 1,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        REQUEST_BYTES, MHD_OPTION_NOTIFY_CONNECTION, on_connection, scrape, MHD_OPTION_END);
    return scrape->http != NULL ? 0 : -EAGAIN;
}

static void init_waiting(struct gord_scrape *scrape)
{
    pthread_condattr_t attributes;

    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&scrape->lock, NULL);
    (void)pthread_cond_init(&scrape->answered, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    for (int i = 0; i < GORD_SCRAPE_CONNECTIONS; i++) {
        scrape->connections[i].fd = -1;
    }
}

static struct gord_scrape *make(uv_loop_t *loop, struct gord_service *service)
{
    struct gord_scrape *scrape = calloc(1, sizeof(*scrape));

    if (scrape == NULL) {
        return NULL;
    }
    scrape->service = service;
    if (gord_inbox_init(&scrape->inbox, loop, on_question, scrape) != 0) {
        free(scrape);
        return NULL;
    }
    init_waiting(scrape);
    return scrape;
}

int gord_scrape_start(const struct gord_config *config, uv_loop_t *loop,
                      struct gord_service *service, struct gord_scrape **out_scrape)
{
    int fd = open_listener(config);

    if (fd < 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot listen on %s port %u for --metrics-listen: %s",
                 config->metrics_host, config->metrics_port, strerror(-fd));
        return fd;
    }
    uint16_t port = port_of(fd);
    struct gord_scrape *scrape = make(loop, service);
    if (scrape != NULL) {
        scrape->local = gord_config_is_loopback(config->metrics_host);
    }
    int result = scrape != NULL ? begin_to_answer(scrape, fd) : -ENOMEM;
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot serve metrics: %s", strerror(-result));
        close(fd);
    } else {
        announce(config, port);
    }
    *out_scrape = scrape; /* its handle is open in any case */
    return result;
}

void gord_scrape_stop(struct gord_scrape *scrape)
{
    if (scrape == NULL || scrape->stopping) {
        return;
    }
    pthread_mutex_lock(&scrape->lock);
    scrape->stopping = true;
    pthread_cond_signal(&scrape->answered);
    pthread_mutex_unlock(&scrape->lock);
    if (scrape->http != NULL) {
        MHD_stop_daemon(scrape->http);
    }
    gord_inbox_close(&scrape->inbox);
}

void gord_scrape_free(struct gord_scrape *scrape)
{
    if (scrape == NULL) {
        return;
    }
    (void)pthread_cond_destroy(&scrape->answered);
    (void)pthread_mutex_destroy(&scrape->lock);
    gord_figures_fini(&scrape->figures);
    free(scrape->text);
    free(scrape);
}
