# SPDX-License-Identifier: MIT
"""The calendar: entries that hand in jobs, each fire once, whatever happens to the daemon."""

import datetime
import os
import re
import sqlite3
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc

CRASHING = os.environ.get("GORD_CRASHING", "")
ONCE, SKIP, ALL = 0, 1, 2  # missed
ALLOW, NOT_BESIDE, QUEUE, REPLACE = 0, 1, 2, 3  # overlap
DAY = 86400
INVALID = grpc.StatusCode.INVALID_ARGUMENT if grpc else None


class Calendar:
    """What the tests do with the entries of one gord."""

    def __init__(self, client):
        self.client = client

    def call(self, method, **fields):
        return self.client.call("Crons", method, **fields)

    def spec(self, name, expr, job=None, **fields):
        return self.client.message("CronSpec", name=name, expr=expr,
                                   job=job or self.client.native_spec("builtin.echo", "x"),
                                   **fields)

    def put(self, name, expr, job=None, replace=False, paused=False, **fields):
        return self.call("Put", spec=self.spec(name, expr, job, **fields), replace=replace,
                         paused=paused)

    def show(self, name):
        return self.call("Show", name=name)

    def run(self, name, **fields):
        return self.call("Run", name=name, **fields).id

    def jobs_of(self, name):
        """The jobs that an entry has made, oldest first."""
        jobs, before = [], 0
        while True:
            reply = self.client.jobs("List", before_id=before, limit=1000)
            jobs += [j for j in reply.jobs if j.spec.cron.name == name]
            before = reply.next_before_id
            if not before:
                return jobs[::-1]

    def wait_fires(self, name, count):
        """Until the entry has made so many jobs, told by what has happened and happens to jobs."""
        watch = self.client.jobs("Watch")
        try:
            while len(self.jobs_of(name)) < count:
                next(watch)
        finally:
            watch.cancel()
        return self.jobs_of(name)


class Crons(e2e.GordTest):
    def setUp(self):
        self.calendar = Calendar(self.client)

    def tearDown(self):
        for cron in self.calendar.call("List").crons:
            self.calendar.call("Delete", name=cron.spec.name)
        self.client.jobs("Cancel", all=True)

    def test_entry_fires_and_its_jobs_say_so(self):
        job = self.client.exec_spec("sh", "-c", "echo $GOR_CRON $GOR_CRON_TIME")
        made = self.calendar.put("tick", "* * * * * *", job)
        self.assertGreater(made.next_ns, made.made_ns)
        first, second = self.calendar.wait_fires("tick", 2)[:2]
        self.assertEqual(second.spec.cron.at_ns - first.spec.cron.at_ns, e2e.SECOND)
        self.assertGreaterEqual(first.created_ns, first.spec.cron.at_ns)
        self.assertEqual(self.client.wait(first.id).outcome, e2e.SUCCEEDED)
        at = datetime.datetime.utcfromtimestamp(first.spec.cron.at_ns // e2e.SECOND)
        self.assertEqual(self.client.logs(first.id).decode(), f"tick {at.isoformat()}Z\n")
        shown = self.calendar.show("tick")
        self.assertGreaterEqual(shown.fired, 2)
        self.assertGreaterEqual(shown.last_job, second.id)
        self.assertEqual((shown.skipped, shown.missed, shown.why), (0, 0, ""))

    def test_list_show_and_delete(self):
        job = self.client.exec_spec("true", env={"PATH": "/bin", "MY_PASSWORD": "hush"})
        self.calendar.put("b", "@daily", job, zone="Europe/Berlin")
        self.calendar.put("a", "0 3 * * *")
        listed = self.calendar.call("List").crons
        self.assertEqual([c.spec.name for c in listed], ["a", "b"])
        self.assertFalse(any(c.spec.job.exec.env for c in listed))
        env = self.calendar.show("b").spec.job.exec.env
        self.assertIn(b"PATH=/bin", list(env))
        self.assertNotIn(b"hush", b"".join(env))
        self.calendar.call("Delete", name="a")
        self.assertStatus(grpc.StatusCode.NOT_FOUND, self.calendar.show, "a", text="'a'")
        for method in ("Delete", "Pause", "Resume", "Run"):
            self.assertStatus(grpc.StatusCode.NOT_FOUND, self.calendar.call, method, name="a")

    def test_taken_name_is_refused_unless_it_is_replaced(self):
        self.calendar.put("x", e2e.daily())
        self.calendar.run("x")
        self.assertStatus(grpc.StatusCode.ALREADY_EXISTS, self.calendar.put, "x", "@yearly",
                          text="--replace")
        new = self.calendar.put("x", "@yearly", replace=True)
        self.assertEqual((new.spec.expr, new.fired), ("@yearly", 1))

    def test_paused_entry_fires_by_hand_only(self):
        self.calendar.put("p", "* * * * * *", paused=True)
        self.calendar.put("q", "* * * * * *")
        self.calendar.wait_fires("q", 2)
        self.assertEqual(self.calendar.jobs_of("p"), [])
        job = self.client.get(self.calendar.run("p"))
        self.assertTrue(job.spec.cron.by_hand)
        self.assertTrue(self.calendar.show("p").paused)
        self.assertFalse(self.calendar.call("Resume", name="p").paused)
        self.calendar.wait_fires("p", 2)
        self.assertEqual(self.calendar.show("p").missed, 0)
        self.assertTrue(self.calendar.call("Pause", name="p").paused)
        self.assertTrue(self.calendar.call("Pause", name="p").paused)

    def test_repeated_run_makes_no_second_job(self):
        self.calendar.put("r", "@yearly")
        name = bytes(range(16))
        first = self.calendar.run("r", request_id=name)
        self.assertEqual(self.calendar.run("r", request_id=name), first)
        self.assertNotEqual(self.calendar.run("r"), first)
        self.assertStatus(INVALID, self.calendar.run, "r", request_id=b"x", text="request_id")

    def test_overlap_is_as_asked(self):
        sleeps = self.client.native_spec("builtin.sleep", "1000s")
        self.calendar.put("allow", "@yearly", sleeps)
        one, two = self.calendar.run("allow"), self.calendar.run("allow")
        for job in (one, two):
            self.client.wait_state(job, e2e.RUNNING)

        self.calendar.put("skip", "@yearly", sleeps, overlap=NOT_BESIDE)
        one = self.calendar.run("skip")
        self.assertStatus(grpc.StatusCode.FAILED_PRECONDITION, self.calendar.run, "skip",
                          text=f"job {one} has not ended")
        shown = self.calendar.show("skip")
        self.assertEqual((shown.fired, shown.skipped), (1, 1))
        self.assertIn(f"job {one}", shown.why)

        self.calendar.put("queue", "@yearly", sleeps, overlap=QUEUE)
        one, two = self.calendar.run("queue"), self.calendar.run("queue")
        self.assertEqual(self.client.get(two).state, e2e.CREATED)
        self.client.jobs("Cancel", ids=[one])
        self.client.wait_state(two, e2e.RUNNING)

        self.calendar.put("replace", "@yearly", sleeps, overlap=REPLACE)
        one, two = self.calendar.run("replace"), self.calendar.run("replace")
        self.assertEqual(self.client.wait(one).outcome, e2e.CANCELLED)
        self.client.wait_state(two, e2e.RUNNING)

    def test_refused_job_is_a_skipped_fire(self):
        self.calendar.put("d", "@yearly")
        drain = self.client.jobs("Drain", cause="maintenance")
        next(drain)
        drain.cancel()
        try:
            self.assertStatus(grpc.StatusCode.UNAVAILABLE, self.calendar.run, "d", text="drained")
            shown = self.calendar.show("d")
            self.assertEqual(shown.skipped, 1)
            self.assertIn("drained", shown.why)
        finally:
            self.client.jobs("Undrain")

    def preview(self, **fields):
        return [t.at_ns // e2e.SECOND for t in self.calendar.call("Preview", **fields).times]

    def test_preview_knows_clock_changes(self):
        def moment(*parts):
            return int(datetime.datetime(*parts, tzinfo=datetime.timezone.utc).timestamp())

        def ask(expr, begin, count=2, **fields):
            spec = self.client.message("CronSpec", expr=expr, zone="Europe/Berlin", **fields)
            return self.preview(spec=spec, from_ns=begin * e2e.SECOND, count=count)

        # 2026-03-29 02:00 becomes 03:00; 2026-10-25 03:00 becomes 02:00.
        spring, autumn = moment(2026, 3, 28, 12), moment(2026, 10, 24, 12)
        self.assertEqual(ask("30 2 * * *", spring), [moment(2026, 3, 29, 1), moment(2026, 3, 30, 0, 30)])
        self.assertEqual(ask("30 2 * * *", spring, gap=1, count=1), [moment(2026, 3, 30, 0, 30)])
        self.assertEqual(ask("30 2 * * *", autumn),
                         [moment(2026, 10, 25, 0, 30), moment(2026, 10, 26, 1, 30)])
        self.assertEqual(ask("30 2 * * *", autumn, repeat=1),
                         [moment(2026, 10, 25, 0, 30), moment(2026, 10, 25, 1, 30)])
        self.assertEqual(len(self.preview(spec=self.client.message("CronSpec", expr="@daily"))), 5)
        self.calendar.put("e", "@daily", end_ns=moment(2100, 1, 3) * e2e.SECOND)
        begin = moment(2100, 1, 1, 1) * e2e.SECOND
        self.assertEqual(self.preview(name="e", from_ns=begin, count=9),
                         [moment(2100, 1, 2), moment(2100, 1, 3)])

    def test_bad_fields_are_named(self):
        good = {"name": "n", "expr": "@daily"}
        message = self.client.message
        after = [message("AnyOf", of=[message("Dependency", id=1)])]
        for text, fields in (
                ("spec.name has 0", {"name": ""}), ("spec.name has 101", {"name": "x" * 101}),
                ("blank", {"name": "a b"}), ("control", {"name": "a\x01"}), ("'@'", {"name": "@a"}),
                ("'-'", {"name": "-a"}), ("5 fields", {"expr": ""}),
                ("minute: '60'", {"expr": "60 * * * *"}), ("hour: ", {"expr": "* x * * *"}),
                ("nine years", {"expr": "0 0 31 2 *"}), ("at most 255", {"expr": "* " * 300}),
                ("spec.zone", {"zone": "Mars/Olympus"}), ("spec.zone", {"zone": "../../etc/passwd"}),
                ("spec.zone", {"zone": "/etc/localtime"}), ("spec.zone", {"zone": "x" * 100}),
                ("spec.missed 9", {"missed": 9}), ("spec.gap 9", {"gap": 9}),
                ("spec.repeat 9", {"repeat": 9}), ("spec.overlap 9", {"overlap": 9}),
                ("spec.jitter_ns", {"jitter_ns": -1}), ("spec.jitter_ns", {"jitter_ns": 2 ** 62}),
                ("spec.start_ns", {"start_ns": -1}), ("spec.end_ns", {"end_ns": 2 ** 63 - 1}),
                ("not after spec.start_ns", {"start_ns": 9, "end_ns": 9}),
                ("before its first fire", {"end_ns": 9}),
                ("spec.job.parent_id", {"job": message("JobSpec", parent_id=1)}),
                ("spec.job.after", {"job": message("JobSpec", after=after)}),
                ("spec.job.not_before_ns", {"job": message("JobSpec", not_before_ns=1)}),
                ("spec.job.start_before_ns", {"job": message("JobSpec", start_before_ns=1)}),
                ("spec.job.deadline_ns", {"job": message("JobSpec", deadline_ns=2 ** 62)}),
                ("spec.job.kind", {"job": message("JobSpec", name="x")}),
                ("spec.job.cron", {"job": self.client.native_spec(
                    "builtin.echo", cron=message("CronFire", name="x"))}),
                ("exclude each other", {"overlap": QUEUE, "job": self.client.native_spec(
                    "builtin.echo", unique_key="k")})):
            with self.subTest(text=text):
                self.assertStatus(INVALID, self.calendar.put, **{**good, **fields}, text=text)
        self.assertStatus(INVALID, self.calendar.call, "Put", text="spec is missing")
        self.assertStatus(INVALID, self.calendar.call, "Put", spec=message("CronSpec", **good),
                          text="spec.job is missing")
        self.assertStatus(INVALID, self.calendar.call, "Preview", text="what")
        self.assertStatus(INVALID, self.calendar.call, "Preview", name="x", count=1001, text="1001")
        self.assertStatus(INVALID, self.calendar.call, "Preview", name="x", from_ns=-1, text="from_ns")
        self.assertStatus(INVALID, self.client.submit, self.client.native_spec(
            "builtin.echo", cron=message("CronFire", name="x")), text="spec.cron")
        self.assertEqual(list(self.calendar.call("List").crons), [])

    def test_rerun_of_its_job_is_no_fire(self):
        self.calendar.put("o", "@yearly")
        job = self.calendar.run("o")
        self.client.wait(job)
        again = self.client.jobs("Rerun", ids=[job]).results[0].new_id
        self.assertEqual(self.client.get(again).spec.cron.name, "")
        self.assertEqual(self.client.get(again).spec.rerun_of, job)

    # ------------------------------------------------------------------ gorctl

    def gorctl(self, *args, **more):
        return ctl.run("cron", *args, host=self.gord.target, **more)

    def test_gorctl_makes_shows_and_steers(self):
        added = self.gorctl("add", "g", "0 3 * * *", "--zone", "Europe/Berlin", "--overlap", "skip",
                            "--missed", "all", "-n", "backup", "--", "sh", "-c", "exit 3")
        self.assertEqual(added.code, 0, added)
        for word in ("Europe/Berlin", "skip", "all", "sh -c 'exit 3'", "active"):
            self.assertIn(word, added.text)
        self.assertIn("0 3 * * *", self.gorctl("ls").text)
        self.assertIn("+0", self.gorctl("next", "g", "-n", "2").text)
        job = self.gorctl("run", "g").text.strip()
        self.assertEqual(ctl.run("wait", job, host=self.gord.target).code, 3)
        shown = ctl.run("show", job, host=self.gord.target).text
        self.assertRegex(shown, r"Cron +g\n")
        self.assertRegex(shown, r"By hand +2")
        self.assertIn("paused", self.gorctl("pause", "g").text)
        self.assertIn("active", self.gorctl("resume", "g").text)
        self.assertEqual(self.gorctl("show", "g", "--json").json["spec"]["name"], "g")
        again = self.gorctl("add", "g", "@daily", "--", "true")
        self.assertNotEqual(again.code, 0)
        self.assertIn(b"--replace", again.err)
        self.assertEqual(self.gorctl("add", "g", "@daily", "--replace", "true").code, 0)
        self.assertEqual(self.gorctl("add", "g", "@daily", "--replace", "--jitter", "10m", "--retries", "2",
                                     "--jitter", "20", "true").code, 0)
        spec = self.gorctl("show", "g", "--json").json["spec"]
        self.assertEqual((spec["jitter_ns"], spec["job"]["retry"]["jitter_percent"]),
                         (600 * e2e.SECOND, 20))
        self.assertEqual(self.gorctl("rm", "g").code, 0)
        self.assertEqual(self.gorctl("show", "g").code, ctl.NOT_FOUND)
        self.assertIn(b"no cron entries", self.gorctl().err)

    def test_gorctl_previews_an_expression(self):
        shown = self.gorctl("next", "30 2 * * sun", "--zone", "Europe/Berlin", "-n", "3")
        self.assertEqual(len(shown.text.splitlines()), 4, shown)
        self.assertIn("Sun ", shown.text)
        by_tz = self.gorctl("next", "30 2 * * sun", "--tz", "Europe/Berlin", "-n", "3")
        self.assertEqual(re.findall(r"\d{4}-.*?\+\d{4}", by_tz.text),
                         re.findall(r"\d{4}-.*?\+\d{4}", shown.text))
        for words in (("0 0 31 2 *",), ("@daily", "--end", "2026-01-01 00:00")):
            told = [self.gorctl(*how, *words, *rest)
                    for how, rest in ((("next",), ()), (("add", "never"), ("--", "true")))]
            self.assertEqual([result.code for result in told], [ctl.USAGE] * 2)
            self.assertEqual(told[0].err, told[1].err)
            self.assertRegex(told[0].err, b"no such day|would never fire")
        self.assertIn("DUE", self.gorctl("next", "@daily", "--jitter", "1h").text)
        self.assertEqual(len(self.gorctl("next", "@daily", "--json").json["times"]), 5)

    def test_gorctl_names_what_is_wrong(self):
        for text, args in (
                ("a name, an expression", ("add",)), ("a name, an expression", ("add", "x")),
                ("nothing to run", ("add", "x", "@daily")),
                ("minute", ("add", "x", "61 * * * *", "true")), ("5 fields", ("add", "x", "0", "3")),
                ("write every 15m", ("add", "x", "@every 90s", "true")),
                ("time zone", ("add", "x", "@daily", "--zone", "No/Where", "true")),
                ("once, skip, all", ("add", "x", "@daily", "--missed", "no", "true")),
                ("allow, skip", ("add", "x", "@daily", "--overlap", "no", "true")),
                ("after, skip", ("add", "x", "@daily", "--gap", "no", "true")),
                ("once, twice", ("next", "@daily", "--repeat", "no")),
                ("is no time", ("add", "x", "@daily", "--start", "soon", "true")),
                ("--jitter", ("add", "x", "@daily", "--jitter", "much", "true")),
                ("--at is set", ("add", "x", "@daily", "--at", "23:59", "true")),
                ("--deadline is set", ("add", "x", "@daily", "--deadline", "1h", "true")),
                ("--request-id", ("add", "x", "@daily", "--request-id", "0" * 32, "true")),
                ("in quotes", ("next", "0", "3")), ("1 to 1000", ("next", "x", "-n", "0")),
                ("name of an entry", ("rm",)), ("one name", ("rm", "a", "b")),
                ("no `cron foo`", ("foo",))):
            with self.subTest(args=args):
                done = self.gorctl(*args)
                self.assertEqual(done.code, ctl.USAGE, done)
                self.assertIn(text, done.err.decode())
        self.assertEqual(self.gorctl("--help").code, 0)
        self.assertEqual(self.gorctl("add", "--help").code, 0)


class Restarts(e2e.KillTest):
    def test_missed_fires_follow_the_policy(self):
        calendar = Calendar(self.client)
        for name, policy in (("skip", SKIP), ("once", ONCE), ("all", ALL)):
            calendar.put(name, e2e.daily(), missed=policy)
        calendar.put("paused", e2e.daily(), missed=ALL, paused=True)
        self.gord.kill()
        # As if nobody had been there for five days.
        with sqlite3.connect(os.path.join(self.gord.state, "gord.db")) as database:
            database.execute("UPDATE crons SET covered_s = covered_s - ?", (5 * DAY,))
        database.close()
        self.restart()
        calendar = Calendar(self.client)
        for name, fired, missed in (("skip", 0, 5), ("once", 1, 4), ("all", 5, 0), ("paused", 0, 0)):
            shown = calendar.show(name)
            self.assertEqual((shown.fired, shown.missed), (fired, missed), name)
            # The entry knows that it has fired before its jobs are stored.
            times = [j.spec.cron.at_ns for j in calendar.wait_fires(name, fired)]
            self.assertEqual(len(times), fired)
            self.assertTrue(all(b - a == DAY * e2e.SECOND for a, b in zip(times, times[1:])), times)
        self.restart()  # nothing is made up for twice
        self.assertEqual([c.fired for c in Calendar(self.client).call("List").crons], [5, 1, 0, 0])

    def test_every_second_has_its_job_over_restarts(self):
        Calendar(self.client).put("tick", "* * * * * *", missed=ALL)
        for count in (2, 4, 6):
            jobs = Calendar(self.client).wait_fires("tick", count)
            self.restart()
        times = [j.spec.cron.at_ns // e2e.SECOND for j in jobs]
        self.assertEqual(times, list(range(times[0], times[0] + len(times))))

    def test_what_was_promised_is_there_after_a_kill(self):
        calendar = Calendar(self.client)
        calendar.put("a", "@daily")
        calendar.put("b", "@daily", zone="Asia/Tokyo", jitter_ns=5)
        calendar.call("Pause", name="b")
        calendar.call("Delete", name="a")
        self.restart()
        crons = Calendar(self.client).call("List").crons
        self.assertEqual([(c.spec.name, c.spec.zone, c.paused) for c in crons],
                         [("b", "Asia/Tokyo", True)])


class CrashingGord(e2e.Gord):
    """A gord that dies at a place; afterwards a plain one on the same state."""

    def __init__(self, place):
        super().__init__(env={"GORD_CRASHPOINT": place})
        self.crashing = True

    def command(self):
        command = super().command()
        if self.crashing:
            command[command.index(e2e.GORD)] = CRASHING
        return command


@unittest.skipIf(not CRASHING, "GORD_CRASHING does not name a program")
class Crashes(unittest.TestCase):
    """kill -9 between a fire and its record, and all around it."""

    def die(self, place):
        gord = CrashingGord(place)
        self.addCleanup(gord.close)
        gord.start()
        client = gord.client()
        try:
            calendar = Calendar(client)
            calendar.put("tick", "* * * * * *", missed=ALL)
            calendar.wait_fires("tick", 30)
            self.fail(f"{place} is never met")
        except grpc.RpcError:
            pass  # it died
        client.close()
        gord.process.wait(e2e.PATIENCE)
        gord.crashing = False
        gord.start()
        return gord

    def test_each_fire_has_one_job(self):
        for place in ("cron.fired:1", "cron.fired:2", "commit.rows:5", "commit.ready:6",
                      "commit.done:5"):
            with self.subTest(place=place):
                gord = self.die(place)
                client = gord.client()
                calendar = Calendar(client)
                found = [c.spec.name for c in calendar.call("List").crons]
                if found:
                    jobs = calendar.wait_fires("tick", 3)
                    times = [j.spec.cron.at_ns // e2e.SECOND for j in jobs]
                    self.assertEqual(times, list(range(times[0], times[0] + len(times))))
                    shown = calendar.show("tick")
                    self.assertGreaterEqual(shown.fired, len(times))
                    self.assertEqual((shown.missed, shown.skipped), (0, 0))
                client.close()
                self.assertEqual(gord.stop(), 0)


if __name__ == "__main__":
    e2e.main()
