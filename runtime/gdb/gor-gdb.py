# SPDX-License-Identifier: MIT
"""gor-gdb.py - teaches gdb (11 or later) about goroutines: info goroutines, goroutine.

    (gdb) source /usr/share/gor/gor-gdb.py

A copy lies where gdb looks by itself when it loads the library. What it does is in the folder gorgdb,
beside this file or, seen from the copy, in share/gor. See docs/debugging.md.
"""
import os
import sys


def folder():
    here = os.path.dirname(os.path.abspath(__file__))
    share, auto_load, _ = here.partition("/gdb/auto-load/")
    return os.path.join(share, "gor") if auto_load else here


if folder() not in sys.path:
    sys.path.insert(0, folder())
WROTE_NONE = sys.dont_write_bytecode
sys.dont_write_bytecode = True  # nothing of ours into /usr/share when root debugs

import gorgdb  # pylint: disable=wrong-import-position

sys.dont_write_bytecode = WROTE_NONE
gorgdb.load()
