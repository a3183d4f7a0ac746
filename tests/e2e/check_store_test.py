# SPDX-License-Identifier: MIT
"""gord --check-store: a sound store passes, each kind of damage is found, and only what can be is
repaired, and that only when told."""

import os
import shutil
import sqlite3
import subprocess
import unittest

import gor_e2e as e2e

OK, STORE, BUSY, DAMAGED, USAGE = 0, 3, 4, 6, 2


def check(state, *options):
    done = subprocess.run(e2e.gord_command("--state-dir", state, "--check-store", *options),
                          capture_output=True, timeout=e2e.PATIENCE, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class CheckStore(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gord = e2e.Gord("--exec-slots", "2")
        cls.gord.start()
        client = cls.gord.client()
        ids = [client.exec("sh", "-c", f"echo {i}; exit {i % 3}", env={"A": str(i)})
               for i in range(12)]
        client.wait(*ids)
        clause = client.message("AnyOf", of=[client.message("Dependency", id=1, condition=1)])
        client.exec("true", held=True, after=[clause])
        retry = client.message("RetryPolicy", retries=1, backoff_ns=1000 * e2e.SECOND)
        client.wait_state(client.exec("sh", "-c", "echo 14; exit 1", retry=retry), e2e.WAITING)
        entry = client.message("CronSpec", name="nightly", expr=e2e.daily(), job=client.exec_spec("true"))
        client.call("Crons", "Put", spec=entry)
        client.call("Queues", "SetQueue", name="build", slots=3)
        client.jobs("Pause")
        client.jobs("Submit", spec=client.native_spec("builtin.echo", "waits"),
                    request_id=b"0123456789abcdef")
        cls.busy = check(cls.gord.state)
        client.close()
        assert cls.gord.stop() == 0

    @classmethod
    def tearDownClass(cls):
        cls.gord.close()

    def copy(self):
        state = os.path.join(self.gord.folder, self.id().rsplit(".", maxsplit=1)[-1])
        shutil.copytree(self.gord.state, state)
        return state

    def damage(self, sql):
        """A copy in which `sql` was run."""
        state = self.copy()
        with sqlite3.connect(os.path.join(state, "gord.db")) as database:
            database.executescript(sql)
        database.close()
        return state

    def found(self, state, text, repaired):
        code, out, _ = check(state)
        self.assertEqual(code, DAMAGED, out)
        self.assertIn(text, out)
        before = out
        code, out, _ = check(state, "--repair")
        self.assertEqual(code, OK if repaired else DAMAGED, out)
        code, out, _ = check(state)
        self.assertEqual(code, OK if repaired else DAMAGED, before + out)

    def test_sound_store_passes(self):
        code, out, err = check(self.copy())
        self.assertEqual((code, err), (OK, ""))
        self.assertIn("15 jobs (3 live)", out)
        self.assertIn("13 files of output", out)
        self.assertIn("the store is sound", out)

    def test_running_daemon_has_the_store(self):
        code, out, err = self.busy
        self.assertEqual((code, out), (BUSY, ""))
        self.assertIn("another gord", err)

    def test_wrong_counters_are_repaired(self):
        self.found(self.damage("UPDATE meta SET value = value + 5 WHERE key = 'ended.1'"),
                   "counter 'ended.1' is", True)

    def test_job_in_no_table_is_told(self):
        self.found(self.damage("DELETE FROM ended WHERE id = 3; UPDATE meta SET value = value - 1 "
                               "WHERE key = 'ended.2'"), "neither live nor ended", False)

    def test_stray_row_is_told(self):
        self.found(self.damage("DELETE FROM jobs WHERE id = 3"), "of which nothing else is there",
                   False)

    def test_what_jobs_wait_for_is_known_and_stray_rows_are_removed(self):
        state = self.damage("INSERT INTO standing VALUES (900, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)")
        self.found(state, "a row in 'standing' is of job 900", True)
        shutil.rmtree(state)
        state = self.damage("DELETE FROM standing WHERE id = 14")
        self.found(state, "job 14 waits to run again", False)
        shutil.rmtree(state)
        state = self.damage("INSERT INTO awaited VALUES (1, 2); INSERT INTO spared VALUES (15, 1)")
        self.found(state, "a row in 'spared' is of job 15", True)
        shutil.rmtree(state)
        state = self.damage("INSERT INTO lanes VALUES (1, 'q=x'); "
                            "INSERT INTO labels VALUES (900, 'a', 'b'), (900, 'c', 'd')")
        self.found(state, "a row in 'lanes' is of job 1,", True)
        shutil.rmtree(state)

    def test_entries_of_the_calendar_are_looked_at(self):
        state = self.damage("UPDATE crons SET spec = x'ff' WHERE name = 'nightly'")
        self.found(state, "what cron entry 'nightly' is to do cannot be read: user ", True)
        gord = e2e.Gord("--state-dir", state)
        self.addCleanup(gord.close)
        gord.start()  # which it did not before
        self.assertEqual(gord.stop(), 0)
        shutil.rmtree(state)
        state = self.damage("UPDATE crons SET name = 'other'")
        self.found(state, "what cron entry 'other' is to do cannot be read", True)
        shutil.rmtree(state)
        state = self.damage("UPDATE crons SET covered_s = -5, missed = -1, fired = 7")
        self.found(state, "cron entry 'nightly' has a time or a counter that cannot be", True)
        with sqlite3.connect(os.path.join(state, "gord.db")) as database:
            row = database.execute("SELECT fired, missed, covered_s > 1e9 FROM crons").fetchone()
        database.close()
        self.assertEqual(row, (7, 0, 1))

    def test_start_that_fails_leaves_nothing_behind(self):
        gord = e2e.Gord("--state-dir", self.damage("UPDATE crons SET spec = x'ff'"))
        self.addCleanup(gord.close)
        gord.launch()
        self.assertNotEqual(gord.process.wait(e2e.PATIENCE), 0)
        self.assertIn("cannot read the cron entries back", gord.stderr())
        self.assertNotIn("Sanitizer", gord.stderr())

    def test_what_people_have_set_is_told_and_not_guessed(self):
        for sql, text in (
                ("UPDATE resources SET capacity = -9", "queue 'build' has a number that cannot be"),
                ("UPDATE resources SET rate_count = 5", "`gorctl queue set` gives it another"),
                ("UPDATE resources SET what = 3", "of no queue, pool or rate: 'build', of kind 3"),
                ("UPDATE resources SET name = 'no such'", "of no queue, pool or rate: 'no such'")):
            state = self.damage(sql)
            self.found(state, text, False)
            shutil.rmtree(state)

    def test_weights_that_cannot_be_are_removed(self):
        for name, weight in (("build", 70000), ("build", 0), ("gone", 3)):
            state = self.damage(f"INSERT INTO shares VALUES (1, '{name}', 'ann', {weight})")
            self.found(state, f"the weight of share 'ann' of queue '{name}' cannot be: {weight}", True)
            shutil.rmtree(state)
        state = self.damage("INSERT INTO shares VALUES (1, 'build', 'ann', 70000)")
        self.found(state, "the weight of share 'ann'", True)
        gord = e2e.Gord("--state-dir", state)
        self.addCleanup(gord.close)
        gord.start()  # which it did not before
        self.assertEqual(gord.stop(), 0)

    def test_notes_of_the_store_are_mended(self):
        for sql, text in (
                ("UPDATE requests SET first_id = 900", "stands for 1 job from 900 on, which there has not"),
                ("INSERT INTO leftovers VALUES (3, 1)", "job 3 is there, but noted as removed"),
                ("UPDATE meta SET value = 4 WHERE key = 'next_id'; DELETE FROM requests",
                 "the next job would get id 4, but there is a job 15")):
            state = self.damage(sql)
            self.found(state, text, True)
            shutil.rmtree(state)

    def test_lost_events_are_told(self):
        self.found(self.damage("DELETE FROM log WHERE first_seq = "
                               "(SELECT max(first_seq) FROM log)"), "the log ends before", False)

    def test_unread_events_are_told(self):
        self.found(self.damage("UPDATE log SET events = x'ffffffff' WHERE first_seq = 1"),
                   "cannot be read", False)

    def test_lost_and_unused_environments(self):
        state = self.damage("UPDATE jobs SET env_id = NULL WHERE id = 2")
        self.found(state, "is of no job", True)
        shutil.rmtree(state)
        self.found(self.damage("DELETE FROM envs WHERE id = 1"),
                   "the environment of job 1 is not there", False)

    def test_output_of_no_job_is_removed_when_told(self):
        state = self.copy()
        for name in ("0/900.log", "0/900.tail"):
            with open(os.path.join(state, "logs", name), "w", encoding="ascii") as file:
                file.write("lost")
        self.found(state, "900.tail is the output of a job that is not there", True)
        self.assertFalse(os.path.exists(os.path.join(state, "logs/0/900.log")))
        self.assertTrue(os.path.exists(os.path.join(state, "logs/0/1.log")))

    def test_torn_page_is_found(self):
        state = self.copy()
        path = os.path.join(state, "gord.db")
        with open(path, "r+b") as file:
            file.seek(4 * 4096)
            file.write(b"\x77" * 4096)
        code, out, err = check(state)
        self.assertEqual(code, DAMAGED, out + err)

    def test_nothing_to_look_at_and_wrong_words(self):
        code, _, err = check(os.path.join(self.gord.folder, "nowhere"))
        self.assertEqual(code, STORE)
        self.assertIn("there is no store", err)
        done = subprocess.run(e2e.gord_command("--repair"), capture_output=True, check=False)
        self.assertEqual(done.returncode, USAGE)


if __name__ == "__main__":
    e2e.main()
