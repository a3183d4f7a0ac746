#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands that make gdb know goroutines, on a program that is halted: in the middle of its life,
before, after, and where gdb knows too little."""

import os
import re
import subprocess

from gor_gdb import SANITIZE, ZOO, ZOO_SHARED, Case, Session, main


class Live(Case):
    """The program stands at a breakpoint, in goroutine 1."""
    program = ZOO

    @classmethod
    def setUpClass(cls):
        cls.gdb = Session(cls.program)
        cls.addClassCleanup(cls.gdb.close)
        cls.gdb.halt_in_zoo()

    def tearDown(self):
        self.gdb.do("goroutine 0")

    def test_all_that_wait(self):
        self.check_animals(self.gdb)

    def test_all_that_run(self):
        self.check_on_threads(self.gdb)

    def test_current_one_is_marked(self):
        listed = self.gdb.do("info goroutines")
        self.assertRegex(listed, r"(?m)^\* 1 +running \(thread \d+\) +main +run_root +"
                         r"all_there zoo\.c:\d+ +main zoo\.c:\d+$")
        self.assertRegex(listed, r"(?m)^14 goroutines: 3 running, 2 chan receive, ")
        self.assertEqual(listed.count("*"), 1)
        self.assertRegex(self.gdb.do("goroutine"),
                         r'^\[goroutine 1 \[running, "main"\] is on the selected thread\]\n'
                         r"created by main zoo\.c:\d+\n$")

    def test_filter_and_limit(self):
        listed = self.gdb.do("info goroutines CHAN")
        self.assertIn('\n3 of 14 goroutines match "chan": 2 chan receive, 1 chan send\n', listed)
        self.assertEqual(len(listed.splitlines()), 5)
        self.assertIn("1 of 14 goroutines match", self.gdb.do("info goroutines sleeper"))
        self.assertIn("1 of 14 goroutines match", self.gdb.do("info goroutines want_tickets"))
        self.assertEqual(self.gdb.do("info goroutines dodo"),
                         'None of 14 goroutines matches "dodo".\n')
        limited = self.gdb.do("info goroutines -n 2 waiting")
        self.assertEqual(len(limited.splitlines()), 5)
        self.assertIn('11 of 14 goroutines match "waiting"', limited)
        self.assertIn("The 2 with the lowest numbers are shown", limited)

    def test_selecting_one(self):
        gdb = self.gdb
        here = gdb.do("frame")
        number = gdb.ids()["receive_for_ever"]
        said = gdb.do(f"goroutine {number}")
        self.assertRegex(said, rf"\[Switched to goroutine {number} \[chan receive, \"receiver\"\], "
                         r"seen through thread \d+\]\n#\d+ .* receive_for_ever \(arg=")
        self.assertIn("gor_chan_recv(arg, NULL);", said)
        self.assertEqual(gdb.do("info locals"), "secret = 4711\n")
        self.assert_whole(gdb.do("bt"), "receive_for_ever")
        self.assertIn("gor__entry_c ()", gdb.do("up"))
        self.assertIn("receive_for_ever (arg=", gdb.do("down"))
        self.assertRegex(gdb.do("info goroutines receiver"), rf"(?m)^\* {number} ")
        self.assertRegex(gdb.do("goroutine"),
                         rf'^\[goroutine {number} \[chan receive, "receiver"\] is selected\]\n'
                         r"created by start zoo\.c:\d+ in goroutine 1\n$")
        # While another one is looked at, it stays.
        gdb.do(f"goroutine {gdb.ids()['spin']} bt")
        self.assertEqual(gdb.do("info locals"), "secret = 4711\n")
        self.assertEqual(gdb.do("goroutine 0"), here)

    def test_selecting_one_after_the_other(self):
        gdb = self.gdb
        here, ids = gdb.do("frame"), gdb.ids()
        gdb.do(f"goroutine {ids['send_for_ever']}")
        self.assertRegex(gdb.do(f"goroutine {ids['spin']}"),
                         r"\[Switched to goroutine \d+ \[running, \"spinner\"\], on thread \d+\]")
        self.assert_whole(gdb.do("bt"), "spin")
        gdb.do(f"goroutine {ids['receive_for_ever']}")
        self.assertEqual(gdb.do("info locals"), "secret = 4711\n")
        self.assertEqual(gdb.do("goroutine 0"), here)

    def test_selecting_a_thread_ends_the_view(self):
        gdb = self.gdb
        home = re.search(r"\d+", gdb.do("thread"))[0]
        before = gdb.do("bt")
        gdb.do(f"goroutine {gdb.ids()['receive_for_ever']}")
        gdb.do("thread 1")
        gdb.do(f"thread {home}")
        self.assertEqual(gdb.do("bt"), before)

    def test_in_all(self):
        said = self.gdb.do("goroutine all bt")
        titles = re.findall(r"(?m)^goroutine \d+ \[.*\]:$", said)
        self.assertEqual(len(titles), 14)
        self.assertEqual(said.count(" gor__entry ()"), 14)
        self.assertRegex(said, r'(?m)^goroutine \d+ \[chan receive, locked to thread, "bound"\]:$')
        self.assertIn("all_there ()", self.gdb.do("frame"))

    def test_what_cannot_be(self):
        for command, answer in (
                ("goroutine 999", "There is no goroutine 999; `info goroutines' lists those there are."),
                ("goroutine nobody", "`nobody' is no number of a goroutine"),
                ("goroutine all", "In all goroutines, which command? For example: goroutine all bt"),
                ("info goroutines -x", "There is no option -x; there are -n COUNT and -all."),
                ("info goroutines -n many", "-n wants a number"),
                ("goroutine 1 nonsense", "Undefined command: \"nonsense\"")):
            with self.subTest(command):
                self.assertIn(answer, self.gdb.do(command))
        self.assertIn("all_there ()", self.gdb.do("frame"))

    def test_durations(self):
        self.gdb.do("python from gorgdb.table import duration")
        for seconds, text in ((0.0859, "85ms"), (12.39, "12.3s"), (59.99, "59.9s"), (192, "3m12s"),
                              (3599, "59m59s"), (18120, "5h02m"), (86399, "23h59m"), (273700, "3d04h")):
            self.assertEqual(self.gdb.do(f"python print(duration({int(seconds * 1e9)}))"), text + "\n")

    def test_help(self):
        self.assertIn("Usage: info goroutines [-n COUNT | -all] [TEXT]",
                      self.gdb.do("help info goroutines"))
        self.assertIn("goroutine ID COMMAND", self.gdb.do("help goroutine"))

    def test_printers(self):
        ids = self.gdb.ids()

        def who(function):
            return f"goroutine {ids[function]}"
        for value, text in (
                ("*full", "{channel of 4-byte elements, 1 of 1 buffered, 2 waiting senders: "
                 f"goroutines {ids['send_for_ever']} {ids['choose_for_ever']}}}"),
                ("lock", f"{{mutex, locked, 1 waiting goroutine: {who('want_lock')}}}"),
                ("condition_lock", "{mutex, unlocked}"),
                ("readers_lock", "{read-write mutex, a writer inside, 1 waiting reader: "
                 f"{who('want_to_read')}}}"),
                ("group", "{wait group, 2 to be done, 1 waiting goroutine: "
                 f"{who('want_all_done')}}}"),
                ("condition", f"{{condition, 1 waiting goroutine: {who('want_news')}}}"),
                ("tickets", "{semaphore, 2 free, 1 waiting goroutine: "
                 f"{who('want_tickets')} (for 3)}}"),
                ("first_time", "{once, done}")):
            with self.subTest(value):
                self.assertEqual(self.gdb.do(f"output {value}"), text)
        self.assertRegex(self.gdb.do("output *empty"),
                         r"^\{channel of 4-byte elements, 0 of 0 buffered, 3 waiting receivers: "
                         r"goroutines( \d+){3}\}$")


class LiveShared(Live):
    """The same with the shared library."""
    program = ZOO_SHARED


class GoingOn(Case):
    """Looking changes nothing: the program goes on as if nobody had."""

    def test_to_the_end(self):
        gdb = self.session(ZOO)
        gdb.halt_in_zoo()
        gdb.do(f"goroutine {gdb.ids()['receive_for_ever']}")
        said = gdb.do("continue")
        self.assertIn("done", said)
        self.assertIn("exited normally", said)

    def test_all_stop_where_a_command_lets_it_go_on(self):
        gdb = self.session(ZOO)
        gdb.halt_in_zoo()
        self.assertIn("The program has gone on meanwhile", gdb.do("goroutine all continue"))

    def test_step_goes_on_with_the_thread(self):
        gdb = self.session(ZOO)
        gdb.halt_in_zoo()
        gdb.do("set scheduler-locking on")
        gdb.do(f"goroutine {gdb.ids()['receive_for_ever']}")
        gdb.do("next")
        backtrace = gdb.do("bt")
        self.assertTrue(backtrace.startswith("#0 "), backtrace)
        self.assert_whole(backtrace, "one_of_each")
        gdb.do("set scheduler-locking off")
        self.assertIn("exited normally", gdb.do("continue"))


class Times(Case):
    """Before, in the middle of, and after the life of the runtime."""
    NONE = "No goroutines: the runtime does not run."

    def test_no_program(self):
        gdb = self.session(ZOO)
        for command in ("info goroutines", "goroutine 1", "goroutine all bt", "goroutine"):
            self.assertIn("There is no program: `run' one, `attach' to one, or open its core file.",
                          gdb.do(command))

    def test_no_runtime_yet_and_any_more(self):
        gdb = self.session(ZOO)
        gdb.halt_in_zoo(place="not_yet")
        self.assertIn(self.NONE, gdb.do("info goroutines"))
        self.assertIn("No goroutine is selected", gdb.do("goroutine"))
        self.assertIn("There is no goroutine 1", gdb.do("goroutine 1 bt"))
        gdb.do("break all_gone")
        self.assertIn("all_gone ()", gdb.do("continue"))
        self.assertIn(self.NONE, gdb.do("info goroutines"))

    def test_in_the_middle_of_switches(self):
        gdb = self.session(ZOO)
        gdb.halt_in_zoo(place="not_yet")
        gdb.do("break gor__switch")
        gdb.do("continue")
        gdb.do("set scheduler-locking step")
        for _ in range(3):
            for _ in range(24):
                listed = gdb.do("info goroutines")
                self.assertRegex(listed, r"(?m)^\d+ goroutines?: |^No goroutines: ")
                self.assertNotRegex(listed, "Traceback|Python Exception")
                # Of the one that is half switched, gdb may fail to print what it was called with.
                self.assertNotIn("Traceback", gdb.do("goroutine all bt"))
                gdb.do("stepi")
            gdb.do("continue")

    def test_fresh_ones(self):
        gdb = self.session(ZOO)
        gdb.halt_in_zoo("fresh")
        listed = gdb.do("info goroutines fresh")
        self.assertRegex(listed, r"(?m)^  \d+ +runnable +fresh +count_run +\(it has not run yet\) +"
                         r"start zoo\.c:\d+$")
        number = int(re.search(r"(?m)^ +(\d+) .*has not run yet", listed)[1])
        for command in (f"goroutine {number}", f"goroutine {number} bt"):
            self.assertRegex(gdb.do(command), rf"^Goroutine {number} has no stack to look at: it has not "
                             r"run yet; it will begin in count_run, and was made by start zoo\.c:\d+\.$")
        self.assertIn("all_there ()", gdb.do("frame"))
        self.assertIn("it will begin in count_run", gdb.do("goroutine all bt"))

    def asleep(self, gdb):
        """Functions of those that hibernate, of some that may."""
        listed = gdb.do("info goroutines")
        return [name for name in ("receive_for_ever", "send_for_ever", "want_tickets", "want_news")
                if re.search(rf"(?m)^  \d+ .* {name} +\(it hibernates\) ", listed)]

    def test_those_that_hibernate(self):
        gdb = self.session(ZOO, GOR_HIBERNATE="always")
        gdb.halt_in_zoo()
        here, asleep = gdb.do("bt"), self.asleep(gdb)
        if not asleep and gdb.do("print hibernate.off") != "$1 = false\n":
            self.skipTest("nobody hibernates here")
        self.assertTrue(asleep)
        ids = gdb.ids()
        locking = gdb.do("show scheduler-locking")
        for name in asleep:
            self.assert_whole(gdb.do(f"goroutine {ids[name]} bt"), name)
        self.assertEqual(self.asleep(gdb), [])
        self.assertEqual(gdb.do("bt"), here)
        self.assertEqual(gdb.do("show scheduler-locking"), locking)
        if not SANITIZE:
            self.assertEqual(gdb.do(f"goroutine {ids['receive_for_ever']} info locals"), "secret = 4711\n")
        said = gdb.do("continue")
        self.assertIn("done", said)
        self.assertIn("exited normally", said)

    def test_all_that_hibernate(self):
        gdb = self.session(ZOO, GOR_HIBERNATE="always")
        gdb.halt_in_zoo()
        said = gdb.do("goroutine all bt")
        self.assertEqual(said.count(" gor__entry ()"), 14, said)
        self.assertIn("exited normally", gdb.do("continue"))

    def test_whoever_hibernates_and_cannot_be_brought_back(self):
        gdb = self.session(ZOO, GOR_HIBERNATE="always")
        gdb.halt_in_zoo()
        asleep = self.asleep(gdb)
        if not asleep:
            self.skipTest("nobody hibernates here")
        number = gdb.ids()[asleep[0]]
        gdb.do("set may-call-functions off")
        said = gdb.do(f"goroutine {number} bt")
        self.assertIn("has no stack to look at: it hibernates; what was on its stack lies elsewhere", said)
        self.assertIn("`goroutine core FILE' writes it where it belongs", said)

    def test_crowd(self):
        gdb = self.session(ZOO)
        gdb.halt_in_zoo("crowd 2000" if SANITIZE else "crowd 50000")
        count = 2000 if SANITIZE else 50000
        listed = gdb.do("info goroutines")
        self.assertIn(f"\n{count + 1} goroutines: {count} chan receive, 1 running\n", listed)
        self.assertIn("The 100 with the lowest numbers are shown; -n COUNT shows as many, -all all "
                      "of them.", listed)
        self.assertEqual(len(listed.splitlines()), 103)
        self.assertRegex(gdb.do("info goroutines last"), r"(?m)^  \d+ +chan receive +\S+ +last ")
        self.assertIn("1000+ waiting receivers: goroutines ", gdb.do("output *empty"))


class Symbols(Case):
    """What is said where gdb knows too little."""

    def stripped(self, *options, program=ZOO):
        """A copy of the program, without some of its symbols."""
        copy = os.path.join(self.folder(), "zoo")
        subprocess.run(["strip", *options, "-o", copy, program], check=True)
        return copy

    def test_no_debug_information(self):
        program = self.stripped("-g")
        gdb = self.session(program)
        gdb.do("break all_there")
        gdb.do("run")
        for command in ("info goroutines", "goroutine 1 bt"):
            said = gdb.do(command)
            self.assertIn(f"libgor is here ({program}), but gdb has no debug information for it", said)
            self.assertIn("build libgor with -g", said)

    def test_no_symbols(self):
        gdb = self.session(self.stripped())
        gdb.do("starti")
        self.assertIn("This program has no libgor that gdb knows of.", gdb.do("info goroutines"))

    def test_another_program(self):
        gdb = self.session("/bin/true")
        gdb.do("starti")
        self.assertIn("This program has no libgor that gdb knows of.", gdb.do("info goroutines"))


if __name__ == "__main__":
    main()
