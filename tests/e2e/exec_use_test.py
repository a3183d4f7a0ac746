# SPDX-License-Identifier: MIT
"""What programs used is recorded, and all their processes end with their job."""

import gor_e2e as e2e
import gorctl_e2e as ctl

MIB = 1 << 20


def lives(pid):
    """Is there such a process, and not only what is left of it until it is reaped?"""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Use(ctl.GorctlTest):
    options = ("--grace", "300ms")

    def test_cpu_time_and_memory_of_a_program(self):
        job_id = self.client.exec(
            "/usr/bin/python3", "-c",
            "import time\nblock = b'x' * (200 << 20)\nend = time.process_time() + 0.2\n"
            "while time.process_time() < end: pass")
        job = self.client.wait(job_id)
        self.assertEqual(job.outcome, e2e.SUCCEEDED)
        use = self.client.get(job_id).use
        self.assertGreaterEqual(use.user_ns + use.system_ns, 200_000_000)
        self.assertGreaterEqual(use.peak_memory_bytes, 200 * MIB)
        self.assertLess(use.peak_memory_bytes, 400 * MIB)
        self.assertFalse(use.peak_is_bound)
        self.assertGreater(use.minor_faults, 100)
        self.assertGreater(use.voluntary_switches + use.involuntary_switches, 0)

    def test_small_program_has_a_bound_not_our_own_peak(self):
        job_id = self.client.exec("true")
        self.client.wait(job_id)
        use = self.client.get(job_id).use
        self.assertTrue(use.peak_is_bound)
        self.assertGreater(use.peak_memory_bytes, 0)

    def test_use_is_an_event_right_before_the_end(self):
        job_id = self.client.exec("sh", "-c", "exit 3")
        self.client.wait(job_id)
        events = self.client.events(job_id)
        self.assertEqual(events[-1].state, e2e.TERMINATED)
        self.assertEqual(events[-2].state, e2e.RUNNING)
        self.assertTrue(events[-2].HasField("use"))
        self.assertRegex(events[-2].reason, r"^used [\d.e+-]+ s user, [\d.e+-]+ s system, peak ")
        self.assertEqual(sum(e.HasField("use") for e in events), 1)

    def test_children_that_the_program_waited_for_count(self):
        job_id = self.client.exec(
            "sh", "-c", "/usr/bin/python3 -c 'import time\n"
            "end = time.process_time() + 0.2\nwhile time.process_time() < end: pass'; true")
        self.client.wait(job_id)
        use = self.client.get(job_id).use
        self.assertGreaterEqual(use.user_ns + use.system_ns, 200_000_000)

    def test_native_and_unstarted_jobs_have_none(self):
        for job_id in (self.client.native("builtin.echo", "x"), self.client.exec("/no/such")):
            self.client.wait(job_id)
            self.assertFalse(self.client.get(job_id).HasField("use"))

    def test_gorctl_shows_it(self):
        job_id = self.submit("--name", "used", "true")
        self.client.wait(job_id)
        text = self.ok("show", str(job_id)).text
        for word in ("CPU time", "Peak mem.", "Faults", "Switches"):
            self.assertIn(word, text)
        table = self.ok("history", "--long", "--name", "used").text
        for word in ("USER", "SYSTEM", "MEMORY", "FAULTS", "VOL", "INVOL", "true"):
            self.assertIn(word, table)
        table = self.ok("history", "-o", "id,memory,user", "--name", "used").text.splitlines()
        self.assertEqual(table[0].split(), ["ID", "MEMORY", "USER"])
        self.assertEqual(table[1].split()[0], str(job_id))
        self.assertIn("<", table[1])
        job = self.ok("history", "--json", "--name", "used").json["jobs"][0]
        self.assertIn("user_ns", job["use"])
        self.assertIn("memory", self.ok("history", "-o", "help").text)
        self.refused(ctl.USAGE, "no column 'memry'", "history", "-o", "id,memry")
        self.refused(ctl.USAGE, "no column 'id'", "history", "-o", "id,id")

    def test_use_survives_a_restart(self):
        with_store = e2e.Gord()
        try:
            client = with_store.start().client()
            job_id = client.exec("sh", "-c", "exit 0")
            client.wait(job_id)
            before = str(client.get(job_id).use)
            client.close()
            with_store.stop()
            client = with_store.start().client()
            self.assertEqual(str(client.get(job_id).use), before)
            jobs = client.jobs("List", with_use=True).jobs
            self.assertEqual([str(job.use) for job in jobs], [before])
            self.assertFalse(client.jobs("List").jobs[0].HasField("use"))
            client.close()
            self.assertEqual(with_store.stop(), 0)
        finally:
            with_store.close()


class Left(e2e.GordTest):
    options = ("--grace", "60s")

    def test_children_that_the_program_left_count(self):
        job_id = self.client.exec(
            "sh", "-c", "setsid /usr/bin/python3 -c 'import os, time\n"
            "end = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"
            "os.close(1); os.close(2)\ntime.sleep(1000)' & exit 0")
        # The program is over at once; the job is when its pipes are closed, long before the grace is over.
        self.client.wait(job_id)
        use = self.client.get(job_id).use
        self.assertEqual(use.left_processes, 1)
        self.assertGreaterEqual(use.user_ns + use.system_ns, 200_000_000)


class Trees(e2e.GordTest):
    options = ("--grace", "300ms")

    def started(self, job_id, count):
        """The numbers that the job's processes print, once there are so many."""
        out = b""
        for chunk in self.client.jobs("Logs", id=job_id, follow=True):
            if chunk.stream == 1:
                out += chunk.data
            if out.count(b"\n") >= count:
                return [int(word) for word in out.split()]
        raise AssertionError(f"the job ended before {count} lines: {out!r}")

    def test_double_fork_that_ignores_term_ends_with_its_job(self):
        # Twice away from its parent, in a session of its own, deaf, and with the pipes closed.
        script = ("import os, signal, time\n"
                  "if os.fork() == 0:\n"
                  "    os.setsid()\n"
                  "    if os.fork() != 0:\n"
                  "        os._exit(0)\n"
                  "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                  "    print(os.getpid(), flush=True)\n"
                  "    os.close(1); os.close(2)\n"
                  "    time.sleep(1000)\n"
                  "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                  "print(os.getpid(), flush=True)\n"
                  "time.sleep(1000)\n")
        job_id = self.client.exec("/usr/bin/python3", "-c", script)
        pids = self.started(job_id, 2)
        self.client.jobs("Cancel", ids=[job_id])
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal), (e2e.CANCELLED, 9))
        self.assertEqual([pid for pid in pids if lives(pid)], [])
        self.assertEqual(self.client.get(job_id).use.left_processes, 1)

    def test_chain_of_sessions_ends_with_its_job(self):
        # Each in a session of its own below the other: found one after the other.
        script = "echo $$; [ $1 -eq 0 ] || setsid sh -c \"$2\" x $(($1 - 1)) \"$2\" & sleep 1000"
        job_id = self.client.exec("sh", "-c", script, "x", "4", script)
        pids = self.started(job_id, 5)
        self.client.jobs("Cancel", ids=[job_id])
        self.client.wait(job_id)
        self.assertEqual([pid for pid in pids if lives(pid)], [])

    def test_what_a_program_leaves_ends_with_it(self):
        # Many at once: some are seen while they become another program, and nothing tells whose they are.
        jobs = [self.client.exec("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!")
                for _ in range(300)]
        for job_id in jobs:
            job = self.client.wait(job_id)
            self.assertEqual(job.outcome, e2e.SUCCEEDED)
            self.assertFalse(lives(int(self.client.logs(job_id, 1))))

    def test_other_jobs_processes_are_left_alone(self):
        other = self.client.exec("sh", "-c", "setsid sleep 1000 & echo $!; wait")
        pid = self.started(other, 1)[0]
        # Reparented to the daemon while its job lives.
        orphan = self.client.exec("sh", "-c", "(setsid sh -c 'echo $$; exec sleep 1000' &); "
                                  "sleep 1000")
        orphan_pid = self.started(orphan, 1)[0]
        self.client.wait(self.client.exec("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &"))
        self.assertTrue(lives(pid))
        self.assertTrue(lives(orphan_pid))
        self.client.jobs("Cancel", ids=[other, orphan])
        self.client.wait(other, orphan)
        self.assertFalse(lives(pid))
        self.assertFalse(lives(orphan_pid))


if __name__ == "__main__":
    e2e.main()
