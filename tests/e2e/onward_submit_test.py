# SPDX-License-Identifier: MIT
"""gorctl hands in each job once, whatever becomes of the daemon meanwhile."""

import json
import os
import subprocess
import threading

import gor_e2e as e2e
import gorctl_e2e as ctl
import onward_test
from crash_points_test import CRASHING, CrashingGord

LINES = 1000


class Submit(onward_test.GoingOn):
    def line(self, n):
        return json.dumps({"native": "builtin.echo", "name": f"n{n}", "hold": True}) + "\n"

    def feed(self, *args):
        """`submit --stream` that gets all lines, and what becomes of it."""
        process = subprocess.Popen(ctl.command("submit", "--from", "-", "--stream", *args), text=True,
                                   env=ctl.environment(**self.reach()), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.came = []

        def write():
            for n in range(LINES):
                process.stdin.write(self.line(n))
            process.stdin.close()

        def read():
            process.came.extend(process.stdout)
        process.threads = [threading.Thread(target=fn) for fn in (write, read)]
        for thread in process.threads:
            thread.start()
        return process

    def came(self, process, count):
        e2e.until(lambda: len(process.came) >= count or process.poll() is not None)

    def all_once(self, process):
        """Every line has its job, no other is there, and each was told in its turn."""
        for thread in process.threads:
            thread.join(e2e.PATIENCE)
        err = process.stderr.read().replace(onward_test.NOTE, "")
        self.assertEqual((process.wait(e2e.PATIENCE), err), (0, ""))
        process.stdout.close()
        process.stderr.close()
        names, last = {}, 0
        while True:
            jobs = self.client.jobs("List", limit=1000, before_id=last, without_env=True).jobs
            if not jobs:
                break
            names.update((job.id, job.spec.name) for job in jobs)
            last = jobs[-1].id
        self.assertEqual(len(names), LINES)
        ids = [int(line) for line in process.came]
        self.assertEqual([names[job] for job in ids], [f"n{n}" for n in range(LINES)])

    def test_a_stream_over_restarts_of_every_kind(self):
        self.begin()
        process = self.feed()
        for i, how in enumerate((self.gord.kill, self.gord.stop, None, self.gord.kill, None)):
            self.came(process, 1 + LINES * i // 6)
            if how is not None:
                self.restart(how)
            else:
                self.upgrade()
        self.all_once(process)

    def test_what_was_taken_and_not_answered_is_not_taken_again(self):
        if not CRASHING:
            self.skipTest("GORD_CRASHING names no program")
        for place in ("ack.before:20", "ack.after:100"):
            with self.subTest(place=place):
                self.gord = CrashingGord(place)
                self.addCleanup(self.gord.close)
                self.gord.start()
                process = self.feed()
                self.gord.process.wait(e2e.PATIENCE)
                self.gord.crashing = False
                self.gord.start()
                self.client = self.gord.client()
                self.all_once(process)
                self.client.close()
                self.assertEqual(self.gord.stop(), 0)

    def test_numbers_of_answers_go_on(self):
        self.begin()
        process = subprocess.Popen(ctl.command("submit", "--from", "-", "--stream", "--json"),
                                   env=ctl.environment(**self.reach()), text=True, bufsize=1,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        answers = []
        for n, how in enumerate((self.gord.kill, self.gord.stop, None)):
            process.stdin.write(self.line(n))
            answers.append(json.loads(process.stdout.readline()))
            if how is not None:
                self.restart(how)
        process.stdin.write("no json\n")
        process.stdin.close()
        self.assertEqual(process.wait(e2e.PATIENCE), ctl.USAGE)
        process.stdout.close()
        self.assertEqual([answer["index"] for answer in answers], [0, 1, 2])
        self.assertEqual(len({answer["id"] for answer in answers}), 3)

    def test_patience_ends_and_says_where(self):
        self.begin()
        process = subprocess.Popen(
            ctl.command("submit", "--from", "-", "--stream", "--patience", "100ms"),
            env=ctl.environment(**self.reach()), text=True, bufsize=1, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.stdin.write(self.line(0))
        process.stdout.readline()
        self.client.close()
        self.gord.kill()
        process.stdin.write("\n" + self.line(1) + self.line(2))
        process.stdin.flush()
        err = process.communicate(timeout=e2e.PATIENCE)[1]
        self.assertEqual(process.returncode, ctl.NO_DAEMON, err)
        self.assertIn("not back within 100ms", err)
        self.gord.start()
        self.client = self.gord.client()

    def test_one_and_many_in_one_transaction(self):
        if not CRASHING:
            self.skipTest("GORD_CRASHING names no program")
        many = os.path.join("/tmp", f"many-{os.getpid()}")
        with open(many, "w", encoding="ascii") as file:
            file.writelines(self.line(n) for n in range(100))
        self.addCleanup(os.unlink, many)
        for args, count in ((("submit", "--hold", "true"), 1), (("submit", "--from", many), 100),
                            (("run", "true"), 1)):
            with self.subTest(args=args):
                self.gord = CrashingGord("ack.before:1")
                self.addCleanup(self.gord.close)
                self.gord.start()
                process = self.gorctl(*args)
                self.gord.process.wait(e2e.PATIENCE)
                self.gord.crashing = False
                self.gord.start()
                self.client = self.gord.client()
                code, out, err = self.end(process)
                self.assertEqual((code, err), (0, ""))
                if args[0] == "submit":
                    self.assertEqual(len(out.split()), count)
                self.assertEqual(len(self.client.jobs("List", limit=1000).jobs), count)
                self.client.close()
                self.assertEqual(self.gord.stop(), 0)

    def tearDown(self):
        if self.gord.alive():
            super().tearDown()


if __name__ == "__main__":
    e2e.main()
