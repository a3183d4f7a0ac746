/* SPDX-License-Identifier: MIT */
/* health.c - see health.h. */
#include "rpc/health.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/health/v1/health.pb-c.h"
#include "rpc/internal.h"

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus serving_status;

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

struct service {
    struct service *next; /* list link of health->services */
    bool serving;
    char name[];
};

struct watch {
    struct list_link link; /* list link of health->watches */
    struct rpc_health *health;
    struct rpc_call *call; /* borrowed; ends before the watch is freed */
    serving_status told;
    char name[];
};

struct rpc_health {
    struct service *services; /* owned */
    struct list_link watches; /* owned entries */
    bool drained;
};

static struct service *find(const struct rpc_health *health, const char *name, size_t size)
{
    for (struct service *service = health->services; service != NULL; service = service->next) {
        if (strlen(service->name) == size && memcmp(service->name, name, size) == 0) {
            return service;
        }
    }
    return NULL;
}

static serving_status status_of(const struct rpc_health *health, const char *name)
{
    const struct service *service = find(health, name, strlen(name));
    if (service == NULL) {
        return SERVICE_UNKNOWN;
    }
    return service->serving && !health->drained ? SERVING : NOT_SERVING;
}

static void on_check(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    const struct rpc_server *server = user;
    const Grpc__Health__V1__HealthCheckRequest *request = (const void *)message;
    Grpc__Health__V1__HealthCheckResponse reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    reply.status = status_of(server->health, request->service);
    if (reply.status == SERVICE_UNKNOWN) {
        rpc_call_finish(call, WIRE_NOT_FOUND, "unknown service: %s", request->service);
        return;
    }
    rpc_call_reply(call, &reply.base);
}

static unsigned count_services(const struct rpc_health *health)
{
    unsigned count = 0;
    for (const struct service *service = health->services; service != NULL;
         service = service->next) {
        count++;
    }
    return count;
}

typedef Grpc__Health__V1__HealthListResponse__StatusesEntry list_entry;

/* Of a reply to List: one row for each service. */
struct row {
    list_entry entry;
    Grpc__Health__V1__HealthCheckResponse status;
};

static void on_list(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    const struct rpc_health *health = ((const struct rpc_server *)user)->health;
    Grpc__Health__V1__HealthListResponse reply = GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__INIT;
    unsigned count = count_services(health);
    struct row *rows = calloc(count, sizeof *rows);
    list_entry **entries = calloc(count, sizeof(list_entry *));
    (void)message;
    if (rows == NULL || entries == NULL) {
        rpc_call_finish(call, WIRE_RESOURCE_EXHAUSTED, "no memory for the list of services");
        goto free_lists;
    }
    for (struct service *service = health->services; service != NULL; service = service->next) {
        struct row *row = &rows[reply.n_statuses];
        grpc__health__v1__health_list_response__statuses_entry__init(&row->entry);
        grpc__health__v1__health_check_response__init(&row->status);
        row->entry.key = service->name;
        row->entry.value = &row->status;
        row->status.status = status_of(health, service->name);
        entries[reply.n_statuses++] = &row->entry;
    }
    reply.statuses = entries;
    rpc_call_reply(call, &reply.base);

free_lists:
    free(entries);
    free(rows);
}

static void free_watch(struct watch *watch)
{
    list_remove(&watch->link);
    free(watch);
}

static void tell(struct watch *watch)
{
    Grpc__Health__V1__HealthCheckResponse reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    reply.status = status_of(watch->health, watch->name);
    if (reply.status != watch->told && rpc_call_send(watch->call, &reply.base) >= 0) {
        watch->told = reply.status;
    }
}

static void on_writable(struct rpc_call *call, void *user)
{
    (void)call;
    tell(user);
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    free_watch(user);
}

static void on_watch(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    const struct rpc_server *server = user;
    const Grpc__Health__V1__HealthCheckRequest *request = (const void *)message;
    struct rpc_health *health = server->health;
    size_t size = strlen(request->service) + 1;
    if (health->drained) {
        rpc_call_finish(call, WIRE_UNAVAILABLE, "the server is shutting down");
        return;
    }
    struct watch *watch = malloc(sizeof *watch + size);
    if (watch == NULL) {
        rpc_call_finish(call, WIRE_RESOURCE_EXHAUSTED, "no memory for a watch");
        return;
    }
    *watch = (struct watch){.health = health, .call = call, .told = (serving_status)-1};
    memcpy(watch->name, request->service, size);
    list_append(&health->watches, &watch->link);
    rpc_call_on(call, on_writable, on_end, watch);
    tell(watch);
}

int rpc_health_know(struct rpc_health *health, const char *service, size_t size)
{
    if (find(health, service, size) != NULL) {
        return 0;
    }
    struct service *known = malloc(sizeof *known + size + 1);
    if (known == NULL) {
        return -ENOMEM;
    }
    known->serving = true;
    memcpy(known->name, service, size);
    known->name[size] = '\0';
    known->next = health->services;
    health->services = known;
    return 0;
}

static void tell_all(struct rpc_health *health)
{
    for (struct list_link *link = health->watches.next; link != &health->watches;
         link = link->next) {
        tell(CONTAINER_OF(link, struct watch, link));
    }
}

int rpc_health_set(struct rpc_server *server, const char *service, bool serving)
{
    struct rpc_health *health = server->health;
    int error = rpc_health_know(health, service, strlen(service));
    if (error == 0) {
        find(health, service, strlen(service))->serving = serving;
        tell_all(health);
    }
    return error;
}

void rpc_health_drain(struct rpc_health *health)
{
    health->drained = true;
    tell_all(health);
    struct list_link *link = health->watches.next;
    while (link != &health->watches) {
        struct watch *watch = CONTAINER_OF(link, struct watch, link);
        link = link->next;
        rpc_call_finish(watch->call, WIRE_UNAVAILABLE, "the server is shutting down");
        free_watch(watch);
    }
}

static const struct rpc_method methods[] = {
    {
        .path = "/grpc.health.v1.Health/Check",
        .kind = RPC_UNARY,
        .request = &grpc__health__v1__health_check_request__descriptor,
        .reply = &grpc__health__v1__health_check_response__descriptor,
        .max_request_bytes = 4096,
        .begin = on_check,
    },
    {
        .path = "/grpc.health.v1.Health/List",
        .kind = RPC_UNARY,
        .request = &grpc__health__v1__health_list_request__descriptor,
        .reply = &grpc__health__v1__health_list_response__descriptor,
        .max_request_bytes = 4096,
        .begin = on_list,
    },
    {
        .path = "/grpc.health.v1.Health/Watch",
        .kind = RPC_SERVER_STREAM,
        .request = &grpc__health__v1__health_check_request__descriptor,
        .reply = &grpc__health__v1__health_check_response__descriptor,
        .max_request_bytes = 4096,
        .begin = on_watch,
    },
};

int rpc_health_new(struct rpc_server *server, struct rpc_health **out_health)
{
    struct rpc_health *health = calloc(1, sizeof *health);
    if (health == NULL) {
        return -ENOMEM;
    }
    list_init(&health->watches);
    *out_health = health; /* rpc_server_add() makes services known in it */
    int error = rpc_health_know(health, "", 0);
    if (error == 0) {
        error = rpc_server_add(server, methods, sizeof methods / sizeof methods[0], server);
    }
    return error;
}

void rpc_health_free(struct rpc_health *health)
{
    if (health == NULL) {
        return;
    }
    while (health->services != NULL) {
        struct service *next = health->services->next;
        free(health->services);
        health->services = next;
    }
    free(health);
}
