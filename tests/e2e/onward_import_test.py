# SPDX-License-Identifier: MIT
"""An import goes on when the daemon that takes it was replaced, restarted or killed in the midst of it, and
takes nothing twice; nor does another that is given its request id."""

import collections
import os
import re
import subprocess
import threading

import gor_e2e as e2e
import gorctl_e2e as ctl
import onward_test

ENDED, LIVE = 60, 60


class Import(onward_test.GoingOn):
    """From a daemon that is left alone to the one that goes and comes back."""

    @classmethod
    def setUpClass(cls):
        cls.source = e2e.Gord().start()
        client = cls.source.client()
        text = "x" * 5000
        jobs = [client.native("builtin.echo", f"{n} {text}", name=f"n{n}") for n in range(ENDED)]
        client.wait(*jobs)
        for n in range(ENDED, ENDED + LIVE):
            client.native("builtin.echo", name=f"n{n}", held=True)
        array = client.native_spec("builtin.echo", name="array", held=True)
        array.array.indices.add(first=0, last=9)
        client.submit(array)
        client.close()
        done = ctl.run("export", "--with-output", host=cls.source.socket)
        assert done.code == 0, done
        cls.lines = done.out.splitlines(keepends=True)

    @classmethod
    def tearDownClass(cls):
        cls.source.stop()
        cls.source.close()

    def importing(self, *options):
        process = subprocess.Popen(ctl.command("import", *options, "-"), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=ctl.environment(**self.reach()))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.came = []
        process.reader = threading.Thread(target=lambda: process.came.extend(process.stdout))
        process.reader.start()
        return process

    def feed(self, process, lines):
        process.stdin.write(b"".join(lines))
        process.stdin.flush()

    def finish(self, process):
        process.stdin.close()
        process.reader.join(e2e.PATIENCE)
        err = process.stderr.read().decode().replace(onward_test.NOTE, "")
        process.stdout.close()
        process.stderr.close()
        return process.wait(e2e.PATIENCE), err

    def all_jobs(self):
        reply = self.client.jobs("List", limit=1000, without_env=True)
        return {job.id: job for job in reply.jobs}

    def test_over_restarts_and_upgrades(self):
        self.begin()
        self.client.wait(self.client.native("builtin.echo"))  # so that others get other ids
        process = self.importing()
        step = len(self.lines) // 5 + 1
        parts = [self.lines[i:i + step] for i in range(0, len(self.lines), step)]
        for i, part in enumerate(parts):
            feeder = threading.Thread(target=self.feed, args=(process, part))
            feeder.start()
            if i < len(parts) - 1:
                e2e.until(lambda: len(process.came) > i)  # pylint: disable=cell-var-from-loop
                if i % 2:
                    self.restart(self.gord.stop)
                else:
                    self.upgrade()
            feeder.join()
        code, err = self.finish(process)
        self.assertEqual(code, 0, err)
        self.assertRegex(err, rf"{ENDED + LIVE + 11} jobs taken, .* 0 refused")
        pairs = dict(map(int, line.split()) for line in process.came)
        self.assertEqual((len(pairs), len(set(pairs.values()))), (ENDED + LIVE + 11,) * 2)
        jobs = self.all_jobs()
        self.assertEqual(len(jobs), ENDED + LIVE + 11 + 1)
        for old, new in list(pairs.items())[:ENDED]:
            self.assertEqual(jobs[new].spec.name, f"n{old - 1}")
            self.assertEqual(len(self.client.logs(new)), 5000 + len(f"{old - 1} ") + 1)
        array, = (job for job in jobs if jobs[job].spec.name == "array" and
                  not jobs[job].spec.HasField("task"))
        self.client.jobs("Release", ids=[array])
        self.assertEqual(self.client.wait(array).outcome, e2e.SUCCEEDED)
        tasks = [job for job in self.all_jobs().values() if job.spec.task.array_id == array]
        self.assertEqual([job.outcome for job in tasks], [e2e.SUCCEEDED] * 10)

    def names(self):
        """How many jobs there are of each name."""
        return collections.Counter(job.spec.name for job in self.all_jobs().values())

    def check_each_is_here_once(self):
        names = [f"n{n}" for n in range(ENDED + LIVE)] + [f"array[{n}]" for n in range(10)]
        self.assertEqual(self.names(), collections.Counter(names + ["array", "other"]))

    def check_store(self):
        self.client.close()
        self.assertEqual(self.gord.stop(), 0, self.gord.stderr())
        done = self.gord.check_store()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.gord.start()
        self.client = self.gord.client()

    def test_over_kills_each_is_taken_once(self):
        self.begin()
        self.client.wait(self.client.native("builtin.echo", name="other"))  # ids are others here
        process = self.importing()
        step = len(self.lines) // 6 + 1
        for at in range(0, len(self.lines), step):
            came = len(process.came)
            feeder = threading.Thread(target=self.feed, args=(process, self.lines[at:at + step]))
            feeder.start()
            e2e.until(lambda: len(process.came) > came)  # pylint: disable=cell-var-from-loop
            self.restart(self.gord.kill)
            feeder.join()
        code, err = self.finish(process)
        self.assertEqual(code, 0, err)
        self.assertIn(" 0 refused", err)
        pairs = dict(map(int, line.split()) for line in process.came)
        self.assertEqual(set(pairs.values()), set(self.all_jobs()) - {1})
        self.check_each_is_here_once()
        self.check_store()
        array, = (job.id for job in self.all_jobs().values() if job.spec.name == "array" and
                  not job.spec.HasField("task"))
        self.client.jobs("Release", ids=[array])
        self.assertEqual(self.client.wait(array).outcome, e2e.SUCCEEDED)

    def test_another_goes_on_by_its_request_id(self):
        self.begin()
        self.client.wait(self.client.native("builtin.echo", name="other"))
        process = self.importing("--patience=0s")
        feeder = threading.Thread(target=self.feed, args=(process, self.lines))
        feeder.start()
        e2e.until(lambda: len(process.came) > ENDED)
        self.restart(self.gord.kill)
        feeder.join()
        code, err = self.finish(process)
        self.assertEqual(code, ctl.NO_DAEMON, err)
        self.assertIn("the daemon is gone", err)
        told = re.search(r"the same command with (--request-id=[0-9a-f]{32}) goes on", err)
        self.assertTrue(told, err)
        # As if nothing had been printed; then with what was, and with all of it.
        for lines in ([], process.came[:ENDED], None):
            taken = os.path.join(self.gord.folder, "taken")
            with open(taken, "wb") as file:
                file.writelines(again.came if lines is None else lines)
            again = self.importing("--resume", taken, told[1])
            self.feed(again, self.lines)
            code, err = self.finish(again)
            self.assertEqual(code, 0, err)
            self.assertIn(" 0 refused", err)
            self.check_each_is_here_once()
        self.check_store()
        other = self.importing()  # has a name of its own, so that its jobs are others
        self.feed(other, [line for line in self.lines if b'"n119"' in line])
        self.assertEqual(self.finish(other)[0], 0)
        self.assertEqual(self.names()["n119"], 2)

    def test_a_dry_run_ends(self):
        self.begin()
        process = self.importing("--dry-run")
        self.feed(process, self.lines[:50])
        e2e.until(lambda: len(process.came) > 10)
        self.restart(self.gord.stop)
        code, err = self.finish(process)
        self.assertEqual(code, ctl.REFUSED, err)
        self.assertIn("the daemon stops", err)


if __name__ == "__main__":
    e2e.main()
