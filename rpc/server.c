/* SPDX-License-Identifier: MIT */
/* server.c - the server object: its methods, its limits, its end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "proto/descriptors.h"
#include "rpc/health.h"
#include "rpc/internal.h"
#include "rpc/linger.h"
#include "rpc/reflection.h"

static const struct rpc_server_opts defaults = {
    .max_request_bytes = 4 * 1024 * 1024,
    .max_header_bytes = 16 * 1024,
    .max_inflight_bytes = 32 * 1024 * 1024,
    .max_input_bytes = 128 * 1024 * 1024,
    .max_queue_bytes = 64 * 1024,
    .max_output_bytes = 64 * 1024 * 1024,
    .max_connections = 1024,
    .max_streams = 1024,
    .max_user_calls = 16384,
    .handshake_ns = 10000000000,
    .stall_ns = 60000000000,
    .ping_min_ns = 8000000000, /* clients that ping every ten seconds jitter */
    .keepalive_ns = 60000000000,
    .keepalive_wait_ns = 20000000000,
    .max_idle_ns = INT64_MAX,
    .max_age_ns = INT64_MAX,
    .max_grace_ns = INT64_MAX,
};

#define TAKE_DEFAULT(field)               \
    do {                                  \
        if (opts->field == 0) {           \
            opts->field = defaults.field; \
        }                                 \
    } while (0)

static void fill_in(struct rpc_server_opts *opts)
{
    TAKE_DEFAULT(max_request_bytes);
    TAKE_DEFAULT(max_header_bytes);
    TAKE_DEFAULT(max_inflight_bytes);
    TAKE_DEFAULT(max_input_bytes);
    TAKE_DEFAULT(max_queue_bytes);
    TAKE_DEFAULT(max_output_bytes);
    TAKE_DEFAULT(max_connections);
    TAKE_DEFAULT(max_streams);
    TAKE_DEFAULT(max_user_calls);
    if (opts->max_user_connections == 0) {
        opts->max_user_connections = opts->max_connections - opts->max_connections / 4;
    }
    TAKE_DEFAULT(handshake_ns);
    TAKE_DEFAULT(stall_ns);
    TAKE_DEFAULT(ping_min_ns);
    TAKE_DEFAULT(keepalive_ns);
    TAKE_DEFAULT(keepalive_wait_ns);
    TAKE_DEFAULT(max_idle_ns);
    TAKE_DEFAULT(max_age_ns);
    TAKE_DEFAULT(max_grace_ns);
}

/* How often the time limits are looked at: a quarter of the shortest. */
static int64_t sweep_interval(const struct rpc_server *server)
{
    const struct rpc_server_opts *opts = &server->opts;
    const int64_t limits[] = {opts->handshake_ns, opts->stall_ns,   opts->keepalive_ns,
                              opts->max_idle_ns,  opts->max_age_ns, opts->keepalive_wait_ns,
                              opts->max_grace_ns};
    int64_t shortest = INT64_MAX;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        shortest = limits[i] < shortest ? limits[i] : shortest;
    }
    return shortest / 4 + 1;
}

void rpc_server_sweep_soon(struct rpc_server *server)
{
    if (server->sweep.slot == 0) {
        /* Without memory the limits are not kept for a while; the next connection tries again. */
        (void)rpc_timer_set(&server->hub.timers, &server->sweep, rpc_after(sweep_interval(server)));
    }
}

static void on_sweep(struct rpc_timer *timer)
{
    struct rpc_server *server = CONTAINER_OF(timer, struct rpc_server, sweep);
    int64_t now = rpc_now();
    for (struct list_link *link = server->sessions.next; link != &server->sessions;
         link = link->next) {
        rpc_session_sweep(CONTAINER_OF(link, struct rpc_session, link), now);
    }
    if (!list_is_empty(&server->sessions)) {
        rpc_server_sweep_soon(server);
    }
}

static unsigned hash(const char *path)
{
    return hash_fnv1a32(HASH_FNV1A32_BASIS, path, strlen(path)) % RPC_ROUTE_BUCKETS;
}

const struct rpc_route *rpc_server_route(const struct rpc_server *server, const char *path)
{
    const struct rpc_route *route = server->routes[hash(path)];
    while (route != NULL && strcmp(route->method->path, path) != 0) {
        route = route->next;
    }
    return route;
}

/* How long "/package.Service/" is in "/package.Service/Method"; 0: there is none. */
static size_t service_size(const char *path)
{
    const char *slash = path[0] == '/' ? strchr(path + 1, '/') : NULL;
    return slash != NULL ? (size_t)(slash + 1 - path) : 0;
}

bool rpc_server_has_service(const struct rpc_server *server, const char *path)
{
    size_t size = service_size(path);
    for (unsigned i = 0; size > 0 && i < RPC_ROUTE_BUCKETS; i++) {
        for (const struct rpc_route *route = server->routes[i]; route != NULL;
             route = route->next) {
            if (strncmp(route->method->path, path, size) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Is the method in the descriptors that reflection serves, and of that kind? */
static bool is_described(const struct rpc_server *server, const struct rpc_method *method)
{
    char name[RPC_MAX_PATH];
    size_t size = service_size(method->path);
    size_t length = strlen(method->path);
    if (size == 0 || length >= sizeof name) {
        return false;
    }
    memcpy(name, method->path + 1, length);
    name[size - 2] = '.';
    const struct rpc_symbol *symbol = rpc_symbols_find(&server->symbols, name);
    return symbol != NULL && symbol->is_method &&
           symbol->client_streams == rpc_kind_streams_in(method->kind) &&
           symbol->server_streams == rpc_kind_streams_out(method->kind);
}

static int add_route(struct rpc_server *server, const struct rpc_method *method, void *user)
{
    size_t size = service_size(method->path);
    if (!is_described(server, method) || rpc_server_route(server, method->path) != NULL) {
        return -EINVAL;
    }
    int error = rpc_health_know(server->health, method->path + 1, size - 2);
    struct rpc_route *route = malloc(sizeof *route);
    if (error != 0 || route == NULL) {
        free(route);
        return -ENOMEM;
    }
    struct rpc_route **bucket = &server->routes[hash(method->path)];
    *route = (struct rpc_route){method, user, *bucket};
    *bucket = route;
    return 0;
}

int rpc_server_add(struct rpc_server *server, const struct rpc_method *methods, size_t count,
                   void *user)
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < count; i++) {
        error = add_route(server, &methods[i], user);
    }
    return error;
}

static void free_routes(struct rpc_server *server)
{
    for (unsigned i = 0; i < RPC_ROUTE_BUCKETS; i++) {
        while (server->routes[i] != NULL) {
            struct rpc_route *next = server->routes[i]->next;
            free(server->routes[i]);
            server->routes[i] = next;
        }
    }
}

/* All but the hub. */
static void free_parts(struct rpc_server *server)
{
    rpc_call_pool_free(server);
    free_routes(server);
    rpc_health_free(server->health);
    rpc_symbols_fini(&server->symbols);
    rpc_tls_context_free(server->tls);
    nghttp2_session_callbacks_del(server->callbacks);
    nghttp2_option_del(server->options[false]);
    nghttp2_option_del(server->options[true]);
    if (server->spare_fd >= 0) {
        close(server->spare_fd);
    }
    free(server);
}

static int init_parts(struct rpc_server *server)
{
    int error = rpc_session_callbacks_new(&server->callbacks);
    if (error == 0) {
        error = rpc_session_options_new(false, &server->options[false]);
    }
    if (error == 0) {
        error = rpc_session_options_new(true, &server->options[true]);
    }
    if (error == 0) {
        bool own = server->opts.descriptors == NULL;
        error = rpc_symbols_init(&server->symbols,
                                 own ? wire_descriptors_begin : server->opts.descriptors,
                                 own ? (size_t)(wire_descriptors_end - wire_descriptors_begin)
                                     : server->opts.descriptors_size);
    }
    if (error == 0) {
        error = rpc_health_new(server, &server->health);
    }
    if (error == 0) {
        error = rpc_reflection_add(server);
    }
    return error;
}

int rpc_server_new(uv_loop_t *loop, const struct rpc_server_opts *opts,
                   struct rpc_server **out_server)
{
    struct rpc_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return -ENOMEM;
    }
    if (opts != NULL) {
        server->opts = *opts;
    }
    fill_in(&server->opts);
    list_init(&server->sessions);
    list_init(&server->shares);
    list_init(&server->orphans);
    list_init(&server->free_calls);
    for (int i = 0; i < RPC_MAX_LISTENERS; i++) {
        server->listeners[i].fd = -1;
    }
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->sweep.fire = on_sweep;
    int error = init_parts(server);
    if (error == 0) {
        error = rpc_hub_init(&server->hub, loop);
    }
    if (error != 0) {
        free_parts(server);
        return error;
    }
    server->hub.before_flush = server->opts.observer.before_sending;
    server->hub.before_arg = server->opts.observer.user;
    server->handles = 1;
    *out_server = server;
    return 0;
}

void rpc_server_use_tls(struct rpc_server *server, struct rpc_tls_context *context)
{
    rpc_tls_context_free(server->tls);
    server->tls = context;
    for (struct list_link *link = server->sessions.next; link != &server->sessions;
         link = link->next) {
        struct rpc_session *session = CONTAINER_OF(link, struct rpc_session, link);
        struct rpc_tls_stream *stream = session->connection.transport.tls;
        if (stream != NULL && rpc_tls_stream_is_revoked(stream, context)) {
            rpc_connection_end(&session->connection, 0);
        }
    }
}

void rpc_server_handle_closed(struct rpc_server *server)
{
    server->handles--;
    if (server->handles == 0) {
        free_parts(server);
    } else {
        rpc_drain_check(server);
    }
}

static void on_hub_closed(struct rpc_hub *hub)
{
    rpc_server_handle_closed(CONTAINER_OF(hub, struct rpc_server, hub));
}

/* Calls that handlers still hold must not lead to the server any more, nor what they share. */
static void let_orphans_go(struct rpc_server *server)
{
    struct list_link *link;
    while ((link = list_pop(&server->orphans)) != NULL) {
        CONTAINER_OF(link, struct rpc_call, link)->server = NULL;
    }
    do {
        link = list_pop(&server->shares);
    } while (link != NULL);
}

void rpc_server_free(struct rpc_server *server)
{
    if (server == NULL || server->freeing) {
        return;
    }
    server->freeing = true;
    rpc_listeners_close(server);
    while (!list_is_empty(&server->sessions)) {
        struct rpc_session *session = CONTAINER_OF(server->sessions.next, struct rpc_session, link);
        rpc_connection_tear_down(&session->connection, -ESHUTDOWN);
    }
    rpc_linger_end_all(&server->hub);
    let_orphans_go(server);
    rpc_timer_clear(&server->hub.timers, &server->sweep);
    rpc_timer_clear(&server->hub.timers, &server->drain_timer);
    rpc_hub_close(&server->hub, on_hub_closed);
}

void rpc_server_stats_get(const struct rpc_server *server, struct rpc_server_stats *out_stats)
{
    *out_stats = server->stats;
}
