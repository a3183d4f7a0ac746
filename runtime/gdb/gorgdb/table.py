# SPDX-License-Identifier: MIT
"""table.py - what `info goroutines` prints."""
import collections
import heapq

import gdb

from gorgdb import view
from gorgdb.places import Names, frame_text, users_frame

HEAD = (" ", "Id", "State", "For", "Name", "Function", "At", "Created by")


def duration(ns):
    """As Go writes it: 85ms, 12.3s, 3m12s, 5h02m, 3d04h."""
    ms = ns // 1_000_000
    seconds = ms // 1000
    if seconds < 1:
        return f"{ms}ms"
    if seconds < 60:
        return f"{seconds}.{ms % 1000 // 100}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02}s"
    if seconds < 86400:
        return f"{seconds // 3600}h{seconds // 60 % 60:02}m"
    return f"{seconds // 86400}d{seconds // 3600 % 24:02}h"


class Table:
    """Some of the goroutines, one a line."""

    def __init__(self, world, words, limit):
        self._world = world
        self._words = words.lower()
        self._limit = limit  # None: all
        self._names = Names()
        self._count = 0
        self._kinds = collections.Counter()  # by state and reason

    def _matches(self, g):
        texts = (self._world.states[g.state], self._world.state_text(g), self._world.name(g),
                 self._names.function(g.fn))
        return any(self._words in text.lower() for text in texts)

    def _wanted(self):
        for g in self._world.goroutines():
            self._count += 1
            if not self._words or self._matches(g):
                self._kinds[g.state, g.reason] += 1
                yield g

    def _chosen(self):
        if self._limit is None:
            return sorted(self._wanted(), key=lambda g: g.id)
        return heapq.nsmallest(self._limit, self._wanted(), key=lambda g: g.id)

    def _at(self, spot, g):
        try:
            if spot.thread is not None:
                view.hide()
                spot.thread.switch()
            elif spot.registers is not None:
                view.show(g, spot.registers)
            else:
                return f"({spot.why})"
            return frame_text(users_frame(self._world.library, view.first_frame()))
        except (gdb.error, gdb.GdbError) as error:
            return f"({error})"

    def _row(self, g, current):
        spot = self._world.spot(g)
        state = self._world.state_text(g)
        if spot.thread is not None:
            state += f" (thread {spot.thread.num})"
        if g.thread_locks:
            state += ", locked"
        waited = duration(self._world.waited_ns(g)) if g.state == self._world.waiting else ""
        return ("*" if g.address == current else "", str(g.id), state, waited, self._world.name(g),
                self._names.function(g.fn), self._at(spot, g), self._names.call(g.created_at))

    def _print_summary(self, shown):
        matching = sum(self._kinds.values())
        each = ", ".join(f"{count} {self._world.kind_text(*kind)}"
                         for kind, count in self._kinds.most_common())
        if self._words:
            print(f"{matching} of {self._count} goroutines match \"{self._words}\": {each}"
                  if matching else f"None of {self._count} goroutines matches \"{self._words}\".")
        else:
            print(f"{matching} goroutine{'s' if matching != 1 else ''}: {each}")
        if shown < matching:
            print(f"The {shown} with the lowest numbers are shown; -n COUNT shows as many, -all all "
                  "of them.")

    def show(self):
        """Print it."""
        chosen = self._chosen()
        if not self._count:
            print(self._world.absence())
            return
        current = self._world.current()
        with view.kept_selection():
            rows = [self._row(g, current) for g in chosen]
        if rows:
            widths = [max(map(len, column)) for column in zip(HEAD, *rows)]
            for row in (HEAD, *rows):
                print(" ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
        self._print_summary(len(rows))
