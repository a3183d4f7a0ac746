/* SPDX-License-Identifier: MIT */
/* hooks.c - what the compiler calls for each access of the code under test, in place of
 * ThreadSanitizer; and what that code calls of the runtime's lowest layer, where it waits. */
#include <stdarg.h>
#include <stdio.h>

#include "runtime/base/assert.h"
#include "runtime/base/futex.h"
#include "runtime/base/lock.h"
#include "tests/model/engine.h"

#define SITE __builtin_return_address(0)

bool gor__solo;

static bool inside(void)
{
    return run.current >= 0;
}

/* The compiler names these. NOLINTBEGIN(readability-identifier-naming) */

/* ---- plain accesses */

#define PLAIN(bits)                                      \
    void __tsan_read##bits(char *address);               \
    void __tsan_write##bits(char *address);              \
    void __tsan_unaligned_read##bits(char *address);     \
    void __tsan_unaligned_write##bits(char *address);    \
    void __tsan_read##bits(char *address)                \
    {                                                    \
        memory_plain(run.current, address, bits, false); \
    }                                                    \
    void __tsan_write##bits(char *address)               \
    {                                                    \
        memory_plain(run.current, address, bits, true);  \
    }                                                    \
    void __tsan_unaligned_read##bits(char *address)      \
    {                                                    \
        memory_plain(run.current, address, bits, false); \
    }                                                    \
    void __tsan_unaligned_write##bits(char *address)     \
    {                                                    \
        memory_plain(run.current, address, bits, true);  \
    }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_read_range(char *address, size_t bytes);
void __tsan_write_range(char *address, size_t bytes);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(char *address, size_t bytes)
{
    memory_plain(run.current, address, bytes, false);
}

void __tsan_write_range(char *address, size_t bytes)
{
    memory_plain(run.current, address, bytes, true);
}

/* ---- atomic accesses */

static uint64_t take(struct step step)
{
    mutate_step(&step);
    return run_take(&step);
}

static uint64_t load(char *address, uint8_t size, int order, const void *site)
{
    return take((struct step){.kind = STEP_LOAD,
                              .size = size,
                              .order = (uint8_t)order,
                              .address = address,
                              .site = site});
}

static void store(char *address, uint8_t size, uint64_t value, int order, const void *site)
{
    take((struct step){.kind = STEP_STORE,
                       .size = size,
                       .order = (uint8_t)order,
                       .address = address,
                       .value = value,
                       .site = site});
}

static uint64_t combine(enum rmw_kind kind, uint64_t old, uint64_t value)
{
    switch (kind) {
    case RMW_ADD:
        return old + value;
    case RMW_SUB:
        return old - value;
    case RMW_AND:
        return old & value;
    case RMW_OR:
        return old | value;
    case RMW_XOR:
        return old ^ value;
    default:
        return value;
    }
}

/* The old value; of a CAS too, which has worked if that is what was expected. */
static uint64_t change(struct step step)
{
    step.kind = STEP_RMW;
    if (!mutate_splits(&step)) {
        return take(step);
    }
    uint64_t old = load(step.address, step.size, step.order, step.site);
    if (step.rmw != RMW_CAS || old == step.expected) {
        uint64_t value = combine(step.rmw, old, step.value);
        store(step.address, step.size, value, step.order, step.site);
    }
    return old;
}

#define CHANGE(bits, type, name, kind)                                       \
    type __tsan_atomic##bits##_##name(type *address, type value, int order); \
    type __tsan_atomic##bits##_##name(type *address, type value, int order)  \
    {                                                                        \
        if (!inside()) {                                                     \
            type old = *address;                                             \
            *address = (type)combine(kind, old, value);                      \
            return old;                                                      \
        }                                                                    \
        return (type)change((struct step){.rmw = (kind),                     \
                                          .size = sizeof(type),              \
                                          .order = (uint8_t)order,           \
                                          .address = (char *)address,        \
                                          .value = value,                    \
                                          .site = SITE});                    \
    }

#define ATOMIC(bits, type)                                                                        \
    type __tsan_atomic##bits##_load(type *address, int order);                                    \
    void __tsan_atomic##bits##_store(type *address, type value, int order);                       \
    bool __tsan_atomic##bits##_compare_exchange_strong(type *address, type *expected,             \
                                                       type desired, int order, int fail_order);  \
    bool __tsan_atomic##bits##_compare_exchange_weak(type *address, type *expected, type desired, \
                                                     int order, int fail_order);                  \
    type __tsan_atomic##bits##_load(type *address, int order)                                     \
    {                                                                                             \
        return inside() ? (type)load((char *)address, sizeof(type), order, SITE) : *address;      \
    }                                                                                             \
    void __tsan_atomic##bits##_store(type *address, type value, int order)                        \
    {                                                                                             \
        if (inside()) {                                                                           \
            store((char *)address, sizeof(type), value, order, SITE);                             \
        } else {                                                                                  \
            *address = value;                                                                     \
        }                                                                                         \
    }                                                                                             \
    static bool cas##bits(type *address, type *expected, type desired, int order, int fail_order, \
                          const void *site)                                                       \
    {                                                                                             \
        type old = *address;                                                                      \
        if (inside()) {                                                                           \
            old = (type)change((struct step){.rmw = RMW_CAS,                                      \
                                             .size = sizeof(type),                                \
                                             .order = (uint8_t)order,                             \
                                             .fail_order = (uint8_t)fail_order,                   \
                                             .address = (char *)address,                          \
                                             .value = desired,                                    \
                                             .expected = *expected,                               \
                                             .site = site});                                      \
        } else if (old == *expected) {                                                            \
            *address = desired;                                                                   \
        }                                                                                         \
        bool done = old == *expected;                                                             \
        *expected = old;                                                                          \
        return done;                                                                              \
    }                                                                                             \
    bool __tsan_atomic##bits##_compare_exchange_strong(type *address, type *expected,             \
                                                       type desired, int order, int fail_order)   \
    {                                                                                             \
        return cas##bits(address, expected, desired, order, fail_order, SITE);                    \
    }                                                                                             \
    bool __tsan_atomic##bits##_compare_exchange_weak(type *address, type *expected, type desired, \
                                                     int order, int fail_order)                   \
    {                                                                                             \
        return cas##bits(address, expected, desired, order, fail_order, SITE);                    \
    }                                                                                             \
    CHANGE(bits, type, exchange, RMW_EXCHANGE)                                                    \
    CHANGE(bits, type, fetch_add, RMW_ADD)                                                        \
    CHANGE(bits, type, fetch_sub, RMW_SUB)                                                        \
    CHANGE(bits, type, fetch_and, RMW_AND)                                                        \
    CHANGE(bits, type, fetch_or, RMW_OR)                                                          \
    CHANGE(bits, type, fetch_xor, RMW_XOR)

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

void __tsan_atomic_thread_fence(int order)
{
    if (inside()) {
        take((struct step){.kind = STEP_FENCE, .order = (uint8_t)order, .site = SITE});
    }
}

/* For the compiler only. */
void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}

/* NOLINTEND(readability-identifier-naming) */

/* ---- where the runtime waits */

void model_await(const uint32_t *word, uint32_t value)
{
    run_take(&(struct step){.kind = STEP_AWAIT,
                            .size = sizeof *word,
                            .order = __ATOMIC_ACQUIRE,
                            .address = (char *)(uintptr_t)word,
                            .value = value});
}

void model_fence_all(void)
{
    run_take(&(struct step){.kind = STEP_FENCE, .order = __ATOMIC_SEQ_CST});
    for (int i = 0; i < run.threads; i++) {
        if (i != run.current) {
            run_take(&(struct step){.kind = STEP_FENCE_OTHER, .target = (int8_t)i});
        }
    }
    run_take(&(struct step){.kind = STEP_FENCE, .order = __ATOMIC_SEQ_CST});
}

void gor__spin_wait(struct gor__spin *spin)
{
    struct step step = {.kind = STEP_RMW,
                        .rmw = RMW_EXCHANGE,
                        .size = sizeof spin->held,
                        .order = __ATOMIC_ACQUIRE,
                        .address = (char *)&spin->held,
                        .value = 1};
    do {
        model_await(&spin->held, 1);
    } while (take(step) != 0);
}

void gor__mutex_lock(struct gor__mutex *mutex)
{
    run_take(&(struct step){.kind = STEP_LOCK,
                            .size = sizeof mutex->word,
                            .order = __ATOMIC_ACQUIRE,
                            .address = (char *)&mutex->word});
}

void gor__mutex_unlock(struct gor__mutex *mutex)
{
    take((struct step){.kind = STEP_RMW,
                       .rmw = RMW_EXCHANGE,
                       .size = sizeof mutex->word,
                       .order = __ATOMIC_RELEASE,
                       .address = (char *)&mutex->word});
}

int64_t gor__monotonic(void)
{
    return 0;
}

int64_t gor__monotonic_after(int64_t ns)
{
    return ns;
}

/* Deadlines never pass; a scenario that needs one to pass has a thread for it. */
bool gor__futex_wait(uint32_t *word, uint32_t expected, int64_t deadline)
{
    struct step step = {.kind = STEP_FUTEX_WAIT,
                        .size = sizeof *word,
                        .order = __ATOMIC_RELAXED,
                        .address = (char *)word,
                        .value = expected};
    (void)deadline;
    if (run_take(&step) != 0) {
        step.kind = STEP_FUTEX_SLEEP;
        run_take(&step);
    }
    return true;
}

void gor__futex_wake(uint32_t *word, int count)
{
    run_take(&(struct step){.kind = STEP_FUTEX_WAKE,
                            .size = sizeof *word,
                            .order = __ATOMIC_RELAXED,
                            .address = (char *)word,
                            .value = (uint64_t)count});
}

void gor__die(const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    model_fail("%s", text);
}
