/* SPDX-License-Identifier: MIT */
/* byid.h - from the id of a goroutine to its G, without a table that every birth and death would
 * pay for.
 *
 * A small cache holds hints, which a G confirms by its id; what is in no hint is searched for among
 * all Gs. Those who ask for the id at birth get a hint then: they are the ones who look it up.
 *
 * Threads     any; hints are single atomic words.
 */
#ifndef GOR_SCHED_BYID_H
#define GOR_SCHED_BYID_H

#include "runtime/gor.h"

struct gor__g;

/* `g` carries this id now. */
void gor__byid_note(struct gor__g *g, gor_id_t id);

/* The G that carries this id now; NULL: none. It may end, and become another, at any moment. */
struct gor__g *gor__byid_find(gor_id_t id);

/* Forget all hints: the Gs are about to be unmapped. */
void gor__byid_fini(void);

#endif
