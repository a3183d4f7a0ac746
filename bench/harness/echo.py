# SPDX-License-Identifier: MIT
"""W11: the same load against an echo server on libgor, on Go and on a bare libuv loop."""

import os
import subprocess
from contextlib import contextmanager

from . import measure


@contextmanager
def server(command, procs):
    """The port of a server that lives as long as the block."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True,
                               env=dict(os.environ, GOMAXPROCS=str(procs)))
    try:
        words = process.stdout.readline().split()
        if len(words) != 2 or words[0] != "listening":
            raise measure.RunError(f"{command[0]} does not say where it listens")
        yield words[1]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def run_once(programs, command, procs, quick):
    connections, seconds = (20, 0.4) if quick else (1000, 4)
    with server(command, procs) as port:
        return measure.run_program(programs.load, [port, connections, 64, seconds], procs,
                                   measure.time_limit(quick))


def servers(programs, procs):
    found = {"gor": [programs.gor, "W11"]}
    if programs.go is not None:
        found[programs.go_version] = [programs.go, "W11"]
    # One loop is one core; beside two Ps it would be no comparison.
    if programs.uv is not None and procs == 1:
        found["libuv"] = [programs.uv]
    return found


def run_case(case, programs, arguments, out):
    for procs in measure.chosen_procs(case, arguments):
        found = servers(programs, procs)
        samples = {name: measure.Samples() for name in found}
        try:
            for pair in range(arguments.pairs):
                order = list(found) if pair % 2 == 0 else list(reversed(found))
                for name in order:
                    samples[name].add(run_once(programs, found[name], procs, arguments.quick))
        except measure.RunError as error:
            out.failure(case, procs, error)
            continue
        ours = samples.pop("gor")
        for figure in ours.values:
            if not samples:
                out.row(case, figure, procs, ours)
            for peer, theirs in samples.items():
                out.row(case, figure, procs, ours, peer, theirs)
