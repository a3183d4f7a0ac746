# SPDX-License-Identifier: MIT
"""gorctl goes on where it was when the daemon is replaced or restarted in the midst of it."""

import os
import re
import subprocess
import tempfile
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from upgrade_test import UpgradedGord

NOTE = "gorctl: gord is away; trying again\n"


class GoingOn(unittest.TestCase):
    """A daemon that is replaced and restarted, and gorctl that goes on meanwhile."""

    def begin(self, *options):
        self.gord, self.client = e2e.begin_gord(self, *options, kind=UpgradedGord)

    def upgrade(self):
        self.client.close()
        self.gord.upgrade()
        self.client = self.gord.client()

    def restart(self, how):
        self.client.close()
        how()
        self.gord.start()
        self.client = self.gord.client()

    def tearDown(self):
        self.client.close()
        self.assertEqual(self.gord.stop(), 0, self.gord.stderr())

    def reach(self):
        """How gorctl is to reach the daemon: its environment."""
        return {"GOR_HOST": self.gord.socket}

    def gorctl(self, *args, **env):
        out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.addCleanup(out.close)
        self.addCleanup(err.close)
        process = subprocess.Popen(ctl.command(*args), env=ctl.environment(**{**self.reach(), **env}),
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        process.texts = (out, err)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def end(self, process):
        code = process.wait(e2e.PATIENCE)
        for file in process.texts:
            file.seek(0)
        out, err = (file.read().decode() for file in process.texts)
        return code, out, err.replace(NOTE, "")  # where the machine is slow

    def seen(self, process, text):
        def there():
            return text.encode() in os.pread(process.texts[0].fileno(), 1 << 20, 0)
        e2e.until(there)

    def gorctl_asks(self, *args, **env):
        """Begin it, and return when the daemon has its first call: none of it is made in vain then."""
        before, looks = self.client.runtime("Stats").calls, 0
        process = self.gorctl(*args, **env)

        def begun():
            nonlocal looks
            looks += 1
            return self.client.runtime("Stats").calls - looks > before
        e2e.until(begun)
        return process

    def counting(self, code=3):
        """A job that counts a step for each line in a file, and its file."""
        steps = os.path.join(self.gord.folder, "steps")
        os.mkfifo(steps)
        job = self.client.exec("sh", "-c", "while read -r x; do echo $x; echo e$x >&2; done "
                               f"< {steps}; exit {code}")
        return job, open(steps, "w", encoding="ascii", buffering=1)


class Onward(GoingOn):
    def test_over_upgrades_no_line_is_lost_or_doubled(self):
        self.begin()
        job, steps = self.counting()
        follow = self.gorctl_asks("logs", "-f", str(job))
        out = self.gorctl_asks("logs", "-f", "--stdout", str(job))
        wait = self.gorctl_asks("wait", str(job))
        watch = self.gorctl_asks("watch", "--from-seq", "1", str(job))
        os.mkfifo(steps.name + ".run")
        run = self.gorctl_asks("run", "--shell", f"cat < {steps.name}.run; exit 4")
        for i in range(3):
            for k in range(10):
                print(10 * i + k, file=steps)
            self.seen(out, f"{10 * i + 9}\n")
            self.upgrade()
        steps.close()
        numbers = "".join(f"{i}\n" for i in range(30))
        self.assertEqual(self.end(out), (3, numbers, ""))
        code, text, err = self.end(follow)
        self.assertEqual((code, text), (3, numbers))
        self.assertEqual(err, "".join(f"e{i}\n" for i in range(30)))
        self.assertEqual(self.end(wait)[0], 3)
        code, text, err = self.end(watch)
        self.assertEqual((code, err), (0, ""))
        seqs = [int(n) for n in re.findall(r"#(\d+)", text)]
        self.assertEqual(seqs, [e.seq for e in self.client.events(job)])
        with open(steps.name + ".run", "w", encoding="ascii") as file:
            file.write("ran\n")
        self.assertEqual(self.end(run), (4, "ran\n", ""))

    def test_only_what_comes_begins_where_it_was_asked(self):
        self.begin()
        job, steps = self.counting()
        print("before", file=steps)
        e2e.until(lambda: self.client.get(job).stdout_bytes == 7)
        follow = self.gorctl_asks("logs", "-n", "0", "-f", str(job))
        watch = self.gorctl_asks("watch")
        self.upgrade()
        print("after", file=steps)
        steps.close()
        code, text, err = self.end(follow)
        self.assertEqual((code, text, err), (3, "after\n", "eafter\n"))
        self.seen(watch, "failed (3)")
        watch.terminate()
        self.assertIn("it goes on", self.end(watch)[1])

    def test_over_restarts(self):
        self.begin()
        job = self.client.native("builtin.echo", "x", held=True)
        watch = self.gorctl_asks("watch", "--from-seq", "1", str(job))
        wait = self.gorctl_asks("wait", str(job))
        for how in (self.gord.kill, self.gord.stop):
            self.seen(watch, "job")
            self.restart(how)
        self.client.jobs("Release", ids=[job])
        self.assertEqual(self.end(wait)[0], 0)
        code, text, _ = self.end(watch)
        seqs = [int(n) for n in re.findall(r"#(\d+)", text)]
        self.assertEqual((code, seqs), (0, [e.seq for e in self.client.events(job)]))

    def test_patience_has_an_end(self):
        self.begin()
        job = self.client.exec("sleep", "1000")
        self.client.wait_process(job)
        short = self.gorctl("watch", "--from-seq", "1", "--patience", "100ms", str(job))
        none = self.gorctl("watch", "--from-seq", "1", str(job), GOR_PATIENCE="0s")
        for process in (short, none):
            self.seen(process, "running")
        self.client.close()
        self.gord.kill()
        code, _, err = self.end(short)
        self.assertEqual((code, "not back within 100ms" in err), (ctl.NO_DAEMON, True), err)
        code, _, err = self.end(none)
        self.assertEqual((code, "the daemon is gone" in err), (ctl.NO_DAEMON, True), err)
        self.gord.start()
        self.client = self.gord.client()
        wrong = self.gorctl("wait", str(job), GOR_PATIENCE="soon")
        code, _, err = self.end(wrong)
        self.assertEqual((code, "$GOR_PATIENCE: 'soon'" in err), (ctl.USAGE, True), err)


if __name__ == "__main__":
    e2e.main()
