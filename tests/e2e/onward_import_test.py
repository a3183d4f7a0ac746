# SPDX-License-Identifier: MIT
"""An import goes on when the daemon that takes it was replaced or restarted in the midst of it, and takes
nothing twice; where that cannot be known it says so."""

import os
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

    def test_killed_it_says_what_was_taken(self):
        self.begin()
        process = self.importing()
        self.feed(process, self.lines[:len(self.lines) // 2])
        e2e.until(lambda: len(process.came) > 10)
        self.restart(self.gord.kill)
        code, err = self.finish(process)
        self.assertEqual(code, ctl.NO_DAEMON, err)
        self.assertIn("the daemon is gone", err)
        self.assertIn("go on with --resume", err)
        taken = os.path.join(self.gord.folder, "taken")
        with open(taken, "wb") as file:
            file.writelines(process.came)
        known = {int(line.split()[1]) for line in process.came}
        self.assertLessEqual(known, set(self.all_jobs()))
        again = self.importing("--resume", taken)
        self.feed(again, self.lines)
        code, err = self.finish(again)
        self.assertEqual(code, 0, err)
        names = sorted(job.spec.name for job in self.all_jobs().values() if job.outcome)
        self.assertEqual(names, sorted(f"n{n}" for n in range(ENDED)))  # none of those twice

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
