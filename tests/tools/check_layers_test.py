#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_layers: what it lets pass and what it names, on small trees made for the purpose."""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "tools", "check_layers")


class CheckLayers(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.TemporaryDirectory()
        self.addCleanup(self.tree.cleanup)

    def write(self, path, *lines):
        full = os.path.join(self.tree.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def check(self, *options):
        return subprocess.run([sys.executable, TOOL, "--root", self.tree.name, *options],
                              capture_output=True, text=True, check=False)

    def assert_refused(self, place, *words):
        result = self.check()
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        complaint = [line for line in result.stdout.splitlines() if line.startswith(place + ":")]
        self.assertEqual(len(complaint), 1, result.stdout)
        for word in words:
            self.assertIn(word, complaint[0])

    def test_own_room_and_rooms_below_pass(self):
        self.write("runtime/base/list.h", "")
        self.write("runtime/sched/proc.h", '#include "runtime/base/list.h"')
        self.write("runtime/sched/proc.c", '#include "runtime/sched/proc.h"', "#include <errno.h>",
                   '#  include "proc.h"')
        result = self.check()
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_room_above_is_refused_with_file_line_and_rule(self):
        self.write("runtime/sched/proc.h", "")
        self.write("runtime/base/list.c", "", '#include "runtime/sched/proc.h"')
        self.assert_refused("runtime/base/list.c:2", "runtime/base may not include runtime/sched")

    def test_equal_rooms_are_strangers(self):
        self.write("runtime/io/fd.h", "")
        self.write("runtime/sync/chan.c", '#include "runtime/io/fd.h"')
        self.assert_refused("runtime/sync/chan.c:1", "runtime/io")

    def test_daemon_sees_only_the_public_header_of_libgor(self):
        self.write("runtime/gor.h", "")
        self.write("runtime/sched/proc.h", "")
        self.write("daemon/runner/run.c", '#include "runtime/gor.h"',
                   '#include "runtime/sched/proc.h"')
        self.assert_refused("daemon/runner/run.c:2", "runtime/sched")

    def test_relative_include_counts_as_where_it_leads(self):
        self.write("daemon/service/jobs.h", "")
        self.write("daemon/store/store.c", '#include "../service/jobs.h"')
        self.assert_refused("daemon/store/store.c:1", "daemon/service")

    def test_library_only_behind_its_border(self):
        self.write("daemon/store/store.c", "#include <sqlite3.h>")
        self.write("daemon/job/job.c", "#include <sqlite3.h>")
        self.assert_refused("daemon/job/job.c:1", "<sqlite3.h>", "daemon/store")

    def test_generated_header_counts_as_the_contract(self):
        self.write("rpc/server.c", '#include "gor/v1/jobs.pb-c.h"')
        self.write("runtime/sched/proc.c", '#include "gor/v1/jobs.pb-c.h"')
        self.assert_refused("runtime/sched/proc.c:1", "may not include proto")

    def test_quoted_include_of_nothing_is_refused(self):
        self.write("rpc/server.c", '#include "nowhere.h"')
        self.assert_refused("rpc/server.c:1", "no file of ours")

    def test_headers_in_a_circle_are_refused(self):
        self.write("rpc/a.h", '#include "rpc/b.h"')
        self.write("rpc/b.h", '#include "rpc/a.h"')
        result = self.check()
        self.assertEqual(result.returncode, 1)
        self.assertIn("rpc/a.h -> rpc/b.h -> rpc/a.h", result.stdout)

    def test_table_that_names_an_unknown_room_ends_2(self):
        self.write("rpc/a.h", "")
        self.write("layers", "[rooms]", "rpc : nosuch")
        result = self.check("--table", os.path.join(self.tree.name, "layers"))
        self.assertEqual(result.returncode, 2)
        self.assertIn("nosuch", result.stderr)


if __name__ == "__main__":
    unittest.main()
