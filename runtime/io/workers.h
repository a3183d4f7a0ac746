/* SPDX-License-Identifier: MIT */
/* workers.h - the threads behind gor_blocking, and the work they do.
 *
 * Work takes the thread that became idle last, so that the others may end after ten idle seconds;
 * else a new one; beyond the limit it waits its turn, first come, first served. A thread is reserved
 * before work is handed over, so that below the limit none waits for another. Look-ups of names,
 * which may hang for long and in great numbers, have a lane: only so many are done at once, the
 * others wait in a line of their own.
 *
 * Threads     each function says who may call it.
 */
#ifndef GOR_IO_WORKERS_H
#define GOR_IO_WORKERS_H

#include <stdbool.h>

struct gor__worker;

struct gor__work {
    /* The work proper, on a thread of the pool. */
    void (*run)(struct gor__work *work);
    /* It has run, here on the same thread; not `alive`: the runtime it was begun in has stopped
     * meanwhile, which only detached work can see. */
    void (*done)(struct gor__work *work, bool alive);
    /* It will never be run. -EAGAIN: no thread is to be had. -ECANCELED: the runtime has stopped, and
     * no goroutine will run again. Any thread, outside the door. */
    void (*refuse)(struct gor__work *work, int error);
    bool is_lookup;
    bool detached;          /* `run` touches nothing that belongs to a goroutine or the runtime */
    struct gor__work *next; /* list link of a queue */
};

/* A thread that waits for our work; NULL: there are as many as there may be, or can be. A goroutine,
 * outside the door: threads are made and joined, which takes malloc's lock, and time. */
struct gor__worker *gor__workers_reserve(void);

/* Have `work` done, by `worker` if it is not NULL. -EAGAIN: there is no thread that would ever come
 * to it. A goroutine, inside the door. */
int gor__workers_give(struct gor__work *work, struct gor__worker *worker);

/* Whether none of them is at work, or has some to come. Any thread, outside. */
bool gor__workers_are_idle(void);

/* Keep work that is done until the runtime has stopped; then it is refused. */
void gor__workers_keep(struct gor__work *work);

/* End the threads and join them; called when no M runs any more. Work that still waits is refused;
 * detached work is left behind, and its thread ends by itself. False when a thread is still busy with
 * other work after a second: it may use the stack of the goroutine that called it, so that memory
 * must stay. */
bool gor__workers_stop(void);

#endif
