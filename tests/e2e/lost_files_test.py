# SPDX-License-Identifier: MIT
"""Files that somebody takes away from under gord, or that it cannot write: it says so."""

import os
import shutil
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl

STORE_EXIT = 3


class Logs(ctl.GorctlTest):
    def log_path(self, job_id):
        return os.path.join(self.gord.state, "logs", str(job_id // 1024), f"{job_id}.log")

    def ended(self, *args):
        job_id = self.submit(*args)
        self.ok("wait", "--quiet", str(job_id))
        return job_id

    def test_a_removed_log_is_told(self):
        job_id = self.ended("echo", "hello")
        os.unlink(self.log_path(job_id))
        for args in ((), ("-f",)):
            result = self.gorctl("logs", *args, str(job_id))
            self.assertEqual((result.code, result.out), (0, b""), result)
            self.assertEqual(
                result.err, b"gord: 6 bytes of output are not here: the log file is missing\n")

    def test_a_silent_job_misses_nothing(self):
        self.ok("logs", str(self.ended("true")))

    def test_a_damaged_log_is_told(self):
        job_id = self.ended("echo", "hello")
        with open(self.log_path(job_id), "r+b") as file:
            file.seek(8)
            file.write(b"\xff" * 24)
        result = self.refused(70, "damaged", "logs", str(job_id))
        self.assertIn(f"job {job_id}", result.err.decode())
        self.refused(ctl.USAGE, "next_offset", "logs", "--offset", "9", str(self.ended("echo", "x")))

    def test_a_folder_that_cannot_be_written(self):
        folder = os.path.join(self.gord.state, "logs")
        shutil.move(folder, folder + ".kept")
        try:
            with open(folder, "wb"):
                pass
            result = self.gorctl("run", "--shell", "echo hello; exit 7")
        finally:
            os.unlink(folder)
            shutil.move(folder + ".kept", folder)
        self.assertEqual((result.code, result.out), (7, b""), "the job's own code")
        self.assertIn("cannot read the log", result.err.decode())
        self.assertIn("its output cannot be kept in " + folder, self.gord.stderr())
        self.assertEqual(self.ok("run", "echo", "again").out, b"again\n")


class Database(unittest.TestCase):
    def test_a_removed_database_takes_nothing(self):
        gord = e2e.Gord().start()
        self.addCleanup(gord.close)
        self.assertEqual(ctl.run("run", "true", host=gord.socket).code, 0)
        os.unlink(os.path.join(gord.state, "gord.db"))
        result = ctl.run("submit", "true", host=gord.socket)
        self.assertEqual((result.code, result.out), (ctl.REFUSED, b""), result)
        self.assertIn("no longer the file that was opened", result.err.decode())
        self.assertIn("REFUSES", ctl.run("stats", host=gord.socket).text)
        self.assertEqual(gord.stop(), 1, gord.stderr())


class Starting(unittest.TestCase):
    def test_logs_that_are_no_folder(self):
        gord = e2e.Gord()
        self.addCleanup(gord.close)
        os.makedirs(gord.state)
        path = os.path.join(gord.state, "logs")
        with open(path, "wb"):
            pass
        gord.launch()
        self.assertEqual(gord.process.wait(e2e.PATIENCE), STORE_EXIT, gord.stderr())
        self.assertIn(f"cannot use the folder {path}: Not a directory", gord.stderr())


if __name__ == "__main__":
    e2e.main()
