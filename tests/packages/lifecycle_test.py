#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The packages' life over a copy-on-write view of this machine, which has what they need: no network,
a few seconds. systemd-sysusers makes the user here; where it is missing, see clean_root_test."""

import subprocess
import unittest

import clean_root
import lifecycle


class OnThisMachine(lifecycle.Lifecycle, unittest.TestCase):
    pass


def reason():
    installed = subprocess.run(["dpkg-query", "-W", "gord"], capture_output=True, check=False)
    if installed.returncode == 0:
        return "gord is installed here, or was; this wants to see a first installation"
    return clean_root.missing()


if __name__ == "__main__":
    lifecycle.skip_or_run(reason())
