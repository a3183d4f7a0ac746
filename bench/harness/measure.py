# SPDX-License-Identifier: MIT
"""Run the two sides of one workload alternately."""

import os
import subprocess

# A run that takes longer hangs.
TIME_LIMIT_S = 300
QUICK_LIMIT_S = 60


class RunError(Exception):
    pass


def parse_figures(text):
    """{figure: (value, unit, extras)} of lines "<workload>[.<figure>] <value> <unit> [k=v]..."."""
    figures = {}
    for line in text.splitlines():
        name, value, unit, *extras = line.split()
        figure = name.partition(".")[2]
        figures[figure] = (float(value), unit, dict(e.split("=", 1) for e in extras))
    return figures


def time_limit(quick):
    return QUICK_LIMIT_S if quick else TIME_LIMIT_S


def run_program(program, arguments, procs, limit_s, environment=None):
    command = [str(program), *map(str, arguments)]
    environment = dict(environment or os.environ, GOMAXPROCS=str(procs))
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True,
                              timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise RunError(f"GOMAXPROCS={procs} {' '.join(command)}: no end after {limit_s} s")
    if done.returncode != 0 or not done.stdout:
        raise RunError(f"GOMAXPROCS={procs} {' '.join(command)}: ended with {done.returncode}\n"
                       f"{done.stdout}{done.stderr}".rstrip())
    return parse_figures(done.stdout)


def case_arguments(case, quick):
    if not quick:
        return [case.name, *case.args]
    return ["-d", case.divide, case.name, *(case.quick_args or case.args)]


def chosen_procs(case, arguments):
    return [p for p in arguments.procs if not case.procs or p in case.procs]


class Samples:
    """The values of one side, figure by figure."""

    def __init__(self):
        self.units = {}
        self.values = {}
        self.extras = {}

    def add(self, figures):
        for figure, (value, unit, extras) in figures.items():
            self.units[figure] = unit
            self.values.setdefault(figure, []).append(value)
            self.extras[figure] = extras


def same_work(ours, theirs):
    """Both sides must have done the same: equal counts, equal checks."""
    for figure in ours.extras.keys() & theirs.extras.keys():
        for key in ("count", "check"):
            a, b = ours.extras[figure].get(key), theirs.extras[figure].get(key)
            if a != b:
                raise RunError(f"the sides did not do the same work: {key} {a} here, {b} there")


def run_pairs(case, programs, arguments, procs):
    """(ours, theirs) after as many runs of each side as asked; theirs is None without a peer."""
    words = case_arguments(case, arguments.quick)
    ours, theirs = Samples(), Samples()
    sides = [(programs.gor, ours)]
    if programs.go is not None and not case.name.startswith("F"):
        sides.append((programs.go, theirs))
    for pair in range(arguments.pairs):
        # Who comes first alternates too: the machine's clock and caches favour neither.
        for program, samples in sides if pair % 2 == 0 else reversed(sides):
            samples.add(run_program(program, words, procs, time_limit(arguments.quick)))
    same_work(ours, theirs)
    return ours, theirs if theirs.values else None


def run_case(case, programs, arguments, out):
    for procs in chosen_procs(case, arguments):
        try:
            ours, theirs = run_pairs(case, programs, arguments, procs)
        except RunError as error:
            out.failure(case, procs, error)
            continue
        for figure in ours.values:
            out.row(case, figure, procs, ours, programs.go_version, theirs)
