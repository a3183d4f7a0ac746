#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands that make gdb know goroutines, on core files: those that gdb writes, with and without all
stacks, and those of the kernel."""

import os
import re
import resource
import subprocess

from gor_gdb import SANITIZE, ZOO, Case, main


class Cores(Case):
    """Core files."""

    def write(self, command, arguments="", halt=True, **environment):
        """One that gdb writes."""
        path = os.path.join(self.folder(), "core.zoo")
        gdb = self.session(ZOO, **environment)
        if halt:
            gdb.halt_in_zoo(arguments)
        else:
            self.assertIn("SIGABRT", gdb.do(f"run {arguments}"))
        self.assertIn("aved core", gdb.do(f"{command} {path}"))
        return path

    def check(self, path):
        """All are in it, and looking at it ends where it began."""
        gdb = self.session(ZOO, path)
        self.check_animals(gdb)
        self.check_on_threads(gdb)
        before = gdb.do("bt")
        gdb.do(f"goroutine {gdb.ids()['receive_for_ever']}")
        self.assertEqual(gdb.do("info locals"), "secret = 4711\n")
        self.assert_whole(gdb.do("bt"), "receive_for_ever")
        gdb.do("goroutine 0")
        self.assertEqual(gdb.do("bt"), before)
        return gdb

    def check_victim(self, gdb):
        """The one that has aborted is the current one."""
        self.assertRegex(gdb.do("goroutine"),
                         r'^\[goroutine \d+ \[running, "victim"\] is on the selected thread\]\n')
        number = gdb.ids()["victim"]
        self.assertIn("why = 13", gdb.do(f"goroutine {number} info locals"))
        self.assert_whole(gdb.do("bt"), "die")

    def test_written_with_all_stacks(self):
        self.check(self.write("goroutine core"))

    def test_written_while_all_hibernate(self):
        self.check(self.write("goroutine core", GOR_HIBERNATE="always"))

    def test_written_to_the_home_folder_or_nowhere(self):
        home = self.folder()
        gdb = self.session(ZOO, HOME=home)
        gdb.halt_in_zoo()
        self.assertIn("No core file was written: Failed to open", gdb.do("goroutine core /nowhere/core.zoo"))
        self.assertIn(f"Saved core file {home}/core.zoo", gdb.do("goroutine core ~/core.zoo"))
        self.check(os.path.join(home, "core.zoo"))

    def test_written_by_gdb_alone_where_guards_are_mappings(self):
        self.check(self.write("generate-core-file", GOR_MEMORY="mprotect"))

    def test_after_abort(self):
        gdb = self.check(self.write("goroutine core", "abort", halt=False))
        self.check_victim(gdb)

    def test_stacks_are_missing(self):
        path = self.write("generate-core-file")
        gdb = self.session(ZOO, path)
        number = gdb.ids()["receive_for_ever"]
        said = gdb.do(f"goroutine {number} bt")
        if "its stack is missing" not in said:  # before Linux 6.13 they are not
            self.assert_whole(said, "receive_for_ever")
            return
        self.assertIn("(its stack is missing in the core file)", gdb.do("info goroutines"))
        self.assertIn("`goroutine core FILE' writes all of them", said)

    def test_written_by_the_kernel(self):
        folder = self.folder()
        with open("/proc/sys/kernel/core_pattern", encoding="ascii") as file:
            pattern = file.read().strip()
        if not re.fullmatch(r"\w+", pattern):
            self.skipTest(f"the kernel writes no core file into the folder: core_pattern is {pattern}")
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        if hard != resource.RLIM_INFINITY:
            self.skipTest("the kernel writes no core files of any size: ulimit -H -c")
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CORE, (soft, hard))
        result = subprocess.run([ZOO, "abort"], cwd=folder, capture_output=True, check=False)
        self.assertLess(result.returncode, 0)
        files = os.listdir(folder)
        self.assertEqual(len(files), 1, files)
        self.check_victim(self.check(os.path.join(folder, files[0])))


if __name__ == "__main__":
    main("gdb would write the shadow memory of the sanitizer as well" if SANITIZE else None)
