# SPDX-License-Identifier: MIT
"""What the numbers were measured on: without it they mean nothing."""

import os
import platform
import subprocess
from pathlib import Path

from . import build


def first_match(path, key):
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "unknown"


def commit():
    def git(*words):
        return subprocess.run(["git", "-C", build.SOURCE, *words], capture_output=True, text=True,
                              check=False).stdout.strip()

    try:
        name = git("rev-parse", "--short", "HEAD") or "unknown"
        return name + "+changes" if git("status", "--porcelain", "--", "runtime", "bench") else name
    except FileNotFoundError:
        return "unknown"


def facts(programs):
    """What is kept with every figure."""
    return {
        "cpu": first_match("/proc/cpuinfo", "model name"),
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "compiler": build.compiler(programs),
        "commit": commit(),
    }


def describe(programs):
    known = facts(programs)
    kib = int(first_match("/proc/meminfo", "MemTotal").split()[0])
    virtual = "hypervisor" in first_match("/proc/cpuinfo", "flags").split()
    print(f"machine   {known['cpu']}, {known['cpus']} CPUs{' (virtual)' if virtual else ''}, "
          f"{kib / 2**20:.1f} GiB")
    print(f"system    Linux {known['kernel']}, {' '.join(platform.libc_ver())}")
    print(f"compiler  {known['compiler']}")
    print(f"peer      {programs.go_version or 'no Go: ' + programs.why.get('go', 'not asked for')}")
    print(f"commit    {known['commit']}")
    describe_load("before")


def describe_load(when):
    print(f"load      {' '.join(f'{x:.2f}' for x in os.getloadavg())} {when}", flush=True)
