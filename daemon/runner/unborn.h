/* SPDX-License-Identifier: MIT */
/* unborn.h - processes that we made and that have not become their programs.
 *
 * A start may hang, as where the program lies on a mount that does not answer. Such a process outlives us,
 * also where we are replaced by another binary, and would become its program whenever the hang is over,
 * though its job was settled meanwhile.
 */
#ifndef GORD_RUNNER_UNBORN_H
#define GORD_RUNNER_UNBORN_H

struct gord_handed;

/* SIGKILL those, but for programs of `handed` (NULL: none): what they are to run they never do, whenever the kernel lets
 * go of them. [any thread] */
void gord_unborn_kill(const struct gord_handed *handed);

#endif
