# SPDX-License-Identifier: MIT
"""The table on the terminal and the JSON lines."""

import json
import statistics
import sys
import time

# Units of which more is better; of all others less is.
RATES = {"req/s", "jobs/s", "submits/s", "ratio"}


def spread(values):
    """How far the runs lie apart, as a share of their median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def best(unit, values):
    """The run that was disturbed least; on a busy machine it says more than the median."""
    return max(values) if unit in RATES else min(values)


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class Report:
    HEAD = ("workload", "P", "unit", "gor", "±%", "peer", "its", "±%", "times", "goal")
    FORM = "{:<17} {:>2} {:<9} {:>12} {:>5}  {:<14} {:>12} {:>5} {:>7} {:>6}"

    def __init__(self, path, facts, quick):
        self.file = open(path, "a", encoding="utf-8") if path else None
        self.facts = facts
        self.quick = quick
        self.failed = 0
        self.medians = {}
        if quick:
            print("quick     tiny counts: that it runs is all these numbers say")
        print()
        print(self.FORM.format(*self.HEAD), flush=True)

    def row(self, case, figure, procs, ours, peer=None, theirs=None, note=None):
        """One figure of one case, with its peer if there is one."""
        unit, values = ours.units[figure], ours.values[figure]
        mine = statistics.median(values)
        line = {"workload": case.name, "gomaxprocs": procs, "unit": unit, "gor": mine}
        if figure or case.label:
            line["figure"] = ".".join(x for x in (figure, case.label) if x)
        cells = ["", "", "", "", ""]
        if theirs is not None:
            cells = self._compare(case, figure, procs, mine, peer, theirs, line)
        line.update(spread=round(spread(values), 3), best=best(unit, values), runs=len(values),
                    time=int(time.time()), quick=self.quick, **self.facts)
        if note:
            line["durability"] = note
        name = ".".join(x for x in (case.name, figure, case.label) if x)
        self.medians[name, procs] = mine
        print(self.FORM.format(name, procs or "", unit, number(mine),
                               f"{100 * spread(values):.0f}", *cells).rstrip()
              + (f"  {note}" if note else ""), flush=True)
        self._write(line)

    def _compare(self, case, figure, procs, mine, peer, theirs, line):
        yours = statistics.median(theirs.values[figure])
        rate = theirs.units[figure] in RATES
        ratio = (mine / yours if rate else yours / mine) if mine and yours else 0.0
        goal = None if self.quick else case.goal_beside(peer, figure, procs)
        line.update(peer=peer, peer_value=yours, times_faster=round(ratio, 3),
                    peer_spread=round(spread(theirs.values[figure]), 3),
                    peer_best=best(theirs.units[figure], theirs.values[figure]))
        goal_text = "" if goal is None else f"{goal:.2g}" + (" " if ratio >= goal else "!")
        return [peer, number(yours), f"{100 * spread(theirs.values[figure]):.0f}",
                f"{ratio:.2f}x", goal_text]

    def failure(self, case, procs, error):
        self.failed += 1
        print(f"{case.name:<17} {procs or '':>2} failed: {error}", file=sys.stderr, flush=True)

    def skipped(self, case, why):
        print(f"{case.name:<17}    skipped: {why}", flush=True)

    def _write(self, line):
        if self.file:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()

    def close(self):
        print("\n±% is the distance between the slowest and the fastest run, of the median; "
              "! marks a goal missed.")
        switch, floor = self.medians.get(("W2", 1)), self.medians.get(("F1", 1))
        if switch and floor:
            print(f"W2 is {switch / floor:.1f} times a bare register switch (F1); goal 2.")
        one, two = self.medians.get(("W12", 1)), self.medians.get(("W12", 2))
        if one and two:
            print(f"W12 runs {one / two:.2f} times as fast on two Ps as on one; goal 1.9.")
        if self.file:
            self.file.close()
