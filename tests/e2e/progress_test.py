# SPDX-License-Identifier: MIT
"""How far jobs are, and what came out of them: told, shown, and kept."""

import os
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl

# Tells, then waits until somebody opens the other end of the pipe named $1.
TELL_AND_WAIT = 'echo "17/40 halfway" >&$GOR_PROGRESS_FD; cat "$1"'
LIMIT = 64 * 1024


class Progress(ctl.GorctlTest):
    options = ("--grace", "500ms")

    def gate(self):
        """A named pipe that holds a job until it is opened for writing and closed."""
        path = os.path.join(self.gord.folder, "gate-" + self.id().rsplit(".", 1)[1])
        os.mkfifo(path)
        self.addCleanup(os.unlink, path)
        return path

    def open_gate(self, path):
        with open(path, "wb"):
            pass

    def shell(self, script, *args, **fields):
        return self.client.exec("/bin/sh", "-c", script, "sh", *args, **fields)

    def progress_of(self, job_id):
        """The first progress of a running job."""
        watch = self.client.jobs("Watch", ids=[job_id], with_progress=True)
        for event in watch:
            if event.HasField("progress"):
                watch.cancel()
                return event
        raise AssertionError(f"job {job_id} told nothing")

    def test_told_by_a_program_while_it_runs_and_after(self):
        gate = self.gate()
        job_id = self.shell(TELL_AND_WAIT, gate)
        event = self.progress_of(job_id)
        self.assertEqual((event.seq, event.job_id), (0, job_id))
        self.assertEqual((event.progress.done, event.progress.total, event.progress.text),
                         (17, 40, "halfway"))
        for job in (self.client.get(job_id),
                    next(j for j in self.client.jobs("List").jobs if j.id == job_id)):
            self.assertEqual((job.progress.done, job.progress.text), (17, "halfway"))
        self.assertIn("42% halfway", self.ok("ls").text)
        self.assertIn("PROGRESS", self.ok("ls").text.splitlines()[0])
        self.assertIn("Progress    42% halfway", self.ok("show", str(job_id)).text)
        self.open_gate(gate)
        job = self.client.wait(job_id)
        self.assertEqual((job.progress.done, job.has_result), (17, False))
        self.assertEqual(self.client.get(job_id).progress.text, "halfway")
        self.assertNotIn("PROGRESS", self.ok("history").text.splitlines()[0])

    def test_no_column_without_any(self):
        self.client.wait(self.shell("true"))
        self.assertNotIn("PROGRESS", self.ok("ls").text)

    def test_progress_is_no_event(self):
        job_id = self.shell('for i in 1 2 3; do echo $i >&3; done')
        self.client.wait(job_id)
        watch = list(self.client.jobs("Watch", ids=[job_id], until_terminated=True))
        self.assertFalse([e for e in watch if e.HasField("progress") or e.seq == 0])
        self.assertEqual(self.client.get(job_id).progress.done, 3)

    def test_the_last_line_counts_even_without_an_end(self):
        job_id = self.shell('printf "1 a\\n2 b\\n3 c" >&3')
        self.assertEqual(self.client.wait(job_id).progress.text, "c")

    def test_a_flood_of_lines_is_no_burden(self):
        job_id = self.shell('yes "5 busy" | head -c 20000000 >&3; echo >&3; echo "99 done" >&3')
        self.assertEqual(self.client.wait(job_id).progress.text, "done")

    def test_a_line_without_end_is_cut(self):
        job_id = self.shell('head -c 1000000 /dev/zero | tr "\\0" x >&3; echo >&3; echo "7 y" >&3')
        self.assertEqual(self.client.wait(job_id).progress.text, "y")

    def test_what_is_left_behind_with_the_pipes_does_not_keep_the_job(self):
        job_id = self.shell("sleep 1000 </dev/null >/dev/null 2>&1 & echo 5 >&3", grace_ns=100 * e2e.SECOND)
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.progress.done), (e2e.SUCCEEDED, 5))

    def test_gorctl_progress_in_a_job(self):
        job_id = self.client.exec(*ctl.command("progress", "3/4", "almost", "there"))
        job = self.client.wait(job_id)
        self.assertEqual((job.progress.done, job.progress.total, job.progress.text),
                         (3, 4, "almost there"), self.client.logs(job_id))
        self.refused(ctl.USAGE, "GOR_PROGRESS_FD", "progress", "42")
        self.refused(ctl.USAGE, "how far", "progress")

    def test_gorctl_progress_takes_shares_only_for_numbers(self):
        for words, shown in ((("2",), (2, 100, "")), (("0.5", "x"), (5, 1000, "x")),
                             (("100%",), (100, 100, "")), (("0/7",), (0, 7, "")),
                             (("half", "2024"), (0, 0, "half 2024")), (("-",), (0, 0, "-"))):
            job = self.client.wait(self.client.exec(*ctl.command("progress", "--", *words)))
            self.assertEqual((job.progress.done, job.progress.total, job.progress.text), shown,
                             self.client.logs(job.id))
        for word in ("2024", "100.5", "101%", "-1", "8/7", "1/0", "1.5/2", "1/2/3", "5%%"):
            job = self.client.wait(self.client.exec(*ctl.command("progress", "--", word)))
            self.assertEqual(job.exit_code, ctl.USAGE, word)
            self.assertFalse(job.HasField("progress"), word)
            self.assertIn(f"'{word}' is no share".encode(), self.client.logs(job.id))

    def test_watch_shows_it_when_asked(self):
        gate = self.gate()
        job_id = self.shell(TELL_AND_WAIT, gate)
        with self.start("watch", "--progress", str(job_id), stdout=-1) as watch:
            line = watch.stdout.readline().decode()
            while "progress" not in line:
                line = watch.stdout.readline().decode()
            self.assertIn("42% halfway", line)
            self.open_gate(gate)
            self.assertIn("succeeded", watch.stdout.read().decode())

    def test_a_bar_on_a_terminal_only(self):
        gate = self.gate()
        job_id = self.shell(TELL_AND_WAIT, gate)
        self.progress_of(job_id)
        process, screen = ctl.begin_on_terminal("wait", str(job_id), host=self.gord.socket)
        seen = b""
        while b"42% halfway" not in seen:
            seen += os.read(screen, 4096)
        self.assertIn(b"[###", seen)
        self.open_gate(gate)
        self.assertEqual(process.wait(e2e.PATIENCE), 0)
        os.close(screen)
        self.assertEqual(self.ok("wait", str(job_id)).err, b"")


class Result(ctl.GorctlTest):
    def shell(self, script):
        job_id = self.client.exec("/bin/sh", "-c", script)
        return job_id, self.client.wait(job_id)

    def test_bytes_come_out_as_they_went_in(self):
        job_id, job = self.shell(r'printf "a\000\377\n" >&$GOR_RESULT_FD; printf b >&4')
        self.assertEqual((job.has_result, job.result_bytes, job.result), (True, 5, b""))
        self.assertEqual(self.client.get(job_id, with_result=True).result, b"a\0\xff\nb")
        self.assertEqual(self.ok("result", str(job_id)).out, b"a\0\xff\nb")
        self.assertIn("Result      5 B", self.ok("show", str(job_id)).text)
        self.assertEqual(self.ok("show", "--json", str(job_id)).json["job"]["result_bytes"], 5)

    def test_as_much_as_there_is_room_for(self):
        job_id, job = self.shell(f"head -c {LIMIT} /dev/zero >&4")
        self.assertEqual(job.result_bytes, LIMIT)
        self.assertEqual(self.ok("result", str(job_id)).out, b"\0" * LIMIT)

    def test_more_is_not_kept_and_said(self):
        job_id, job = self.shell(f"head -c {LIMIT + 1} /dev/zero >&4")
        self.assertEqual((job.outcome, job.has_result), (e2e.SUCCEEDED, False))
        self.assertIn(b"more than 65536 bytes", self.client.logs(job_id, stream=3))
        self.refused(ctl.NOT_FOUND, "without a result", "result", str(job_id))

    def test_none(self):
        job_id, job = self.shell("true")
        self.assertFalse(job.has_result or job.HasField("progress"))
        self.refused(ctl.NOT_FOUND, "without a result", "result", str(job_id))
        self.refused(ctl.NOT_FOUND, "no job 9999", "result", "9999")
        self.refused(ctl.USAGE, "of which job", "result")
        running = self.client.native("builtin.sleep", "1h")
        self.refused(ctl.NOT_FOUND, "has not ended", "result", str(running))
        self.client.jobs("Cancel", ids=[running])

    def test_of_a_failed_job(self):
        job_id, job = self.shell("echo why >&4; echo 50 >&3; exit 3")
        self.assertEqual((job.exit_code, job.progress.done), (3, 50))
        self.assertEqual(self.ok("result", str(job_id)).out, b"why\n")


class Crash(unittest.TestCase):
    def test_results_outlive_the_daemon(self):
        gord = e2e.Gord().start()
        self.addCleanup(gord.close)
        client = gord.client()
        kept = [client.exec("/bin/sh", "-c", f"echo {n} >&4; echo '{n}/20 part' >&3")
                for n in range(1, 21)]
        client.wait(*kept)
        lost = client.exec("/bin/sh", "-c", "echo early >&4; echo 1 >&3; exec sleep 1000")
        client.wait_process(lost)
        client.close()
        gord.kill()
        gord.start()
        client = gord.client()
        for n, job_id in enumerate(kept, 1):
            job = client.get(job_id, with_result=True)
            self.assertEqual((job.result, job.progress.done, job.progress.total, job.progress.text),
                             (b"%d\n" % n, n, 20, "part"))
        job = client.get(lost)
        self.assertEqual((job.outcome, job.has_result), (e2e.LOST, False))
        client.close()
        self.assertEqual(gord.stop(), 0)


if __name__ == "__main__":
    e2e.main()
