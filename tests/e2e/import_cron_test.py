# SPDX-License-Identifier: MIT
"""gorctl export and import: entries of the calendar, and the queues, pools and rates that jobs ask for."""

import json
import time

import gor_e2e as e2e
import gorctl_e2e as ctl
from import_e2e import ImportTest

HOUR = 3600 * e2e.SECOND


class ImportCron(ImportTest):
    def cron(self, *args):
        return self.ok("cron", "add", *args)

    def entries(self, host=None):
        """Exported lines by name."""
        done = ctl.run("export", "--reveal", host=host or self.gord.socket)
        return {x["cron"]["spec"]["name"]: x for x in done.lines if "cron" in x}

    def tearDown(self):
        for name in self.entries():
            self.ok("cron", "rm", name)
        super().tearDown()

    def test_entries_come_as_they_were_and_once(self):
        self.client.call("Crons", "Put", spec=self.client.message(
            "CronSpec", name="nightly", expr=e2e.daily(), zone="Europe/Berlin", overlap=1, missed=2, gap=1,
            repeat=1, jitter_ns=HOUR, end_ns=2 ** 62,
            job=self.client.exec_spec("backup", "--all", labels={"a": "b"}, env={"A": "1"})))
        self.cron("rests", "every 90s", "--paused", "--", "true")
        run = self.client.call("Crons", "Run", name="rests").id
        self.client.wait(run)
        lines = self.ok("export", "--reveal").lines
        before = self.entries()
        self.assertEqual(list(before), ["nightly", "rests"])
        self.assertEqual([x for x in lines if "cron" in x], lines[-2:])
        gord, client = self.other()
        done = self.into(gord, self.file(lines), "--live=submit")
        self.assertIn(b"2 queues, pools, rates and entries of the calendar taken", done.err)
        self.assertEqual(self.entries(gord.socket), before)
        client = self.checked(gord, client)
        self.assertEqual(self.entries(gord.socket), before)
        self.assertEqual(before["rests"]["cron"]["last_job"], run)
        # The next job goes on from there.
        job = client.call("Crons", "Run", name="rests").id
        self.assertGreater(job, run)
        self.assertEqual(client.call("Crons", "Show", name="rests").fired, 2)
        done = self.into(gord, self.file(lines), "--live=submit")
        self.assertIn(b"0 queues, pools, rates and entries of the calendar taken; 2 are here already",
                      done.err)
        self.assertEqual(client.call("Crons", "Show", name="rests").fired, 2)

    def test_they_are_held_or_left_out_or_only_looked_at(self):
        self.cron("each", "@yearly", "--", "true")
        path = self.file(self.entries().values())
        gord, client = self.other()
        self.assertIn(b"1 entry was left out", self.into(gord, path, "--live=skip").err)
        self.into(gord, path, "--dry-run")
        self.assertEqual(len(client.call("Crons", "List").crons), 0)
        self.assertIn(b"the entries are paused", self.into(gord, path).err)
        entry = client.call("Crons", "Show", name="each")
        self.assertEqual((entry.paused, entry.next_ns), (True, 0))
        self.assertGreater(client.call("Crons", "Resume", name="each").next_ns, 0)

    def test_what_was_due_before_is_not_made_up_for(self):
        self.cron("all", "* * * * *", "--missed", "all", "--", "true")
        self.cron("asleep", "* * * * *", "--missed", "all", "--paused", "--", "true")
        entries = self.entries()
        now = time.time_ns()
        for line in entries.values():
            line["cron"].update(made_ns=now - 10 * HOUR, covered_ns=now - 2 * HOUR,
                                last_ns=now - 2 * HOUR, fired=7)
        # One that is over is kept as it is.
        over = json.loads(json.dumps(entries["all"]))
        over["cron"]["spec"].update(name="over", end_ns=now - HOUR)
        gord, client = self.other()
        self.into(gord, self.file([*entries.values(), over]), "--live=submit")
        for name, least in (("all", 119), ("over", 59)):
            entry = client.call("Crons", "Show", name=name)
            self.assertEqual(entry.fired, 7)
            self.assertIn(entry.missed, range(least, least + 3))
            self.assertEqual(entry.next_ns == 0, name == "over")
        self.assertEqual(client.call("Crons", "Show", name="asleep").missed, 0)
        self.assertEqual(client.jobs("Count").total, 0)
        client.call("Crons", "Resume", name="asleep")
        client = self.checked(gord, client)
        self.assertEqual(client.jobs("Count").total, 0)

    def hidden_export(self):
        told = self.gorctl("export")
        self.assertIn(b"(jobs: 0, entries of the calendar: 1)", told.err)
        return told.lines

    def test_another_of_that_name_stays_and_bad_lines_are_told(self):
        self.cron("one", "@daily", "--env", "MY_TOKEN=s3cret", "--", "true")
        hidden = next(x for x in self.hidden_export() if "cron" in x)
        line = self.entries()["one"]

        def changed(spec=None, **fields):
            return {"cron": {**line["cron"], **fields, "spec": {**line["cron"]["spec"], **(spec or {})}}}

        bad = [
            (hidden, "the value of MY_TOKEN was hidden"),
            ({"cron": {}}, "spec is missing"),
            (changed({"expr": "61 * * * *"}), "spec.expr"),
            (changed({"zone": "Nowhere/Land"}), "there is no time zone"),
            (changed({"name": "a b"}), "holds a blank"),
            (changed({"job": {}}), "spec.job"),
            (changed(made_ns=0), "made_ns is missing"),
            (changed(covered_ns=-1), "a time is out of range"),
            (changed({"overlap": "SOMETIMES"}), "has a value that is not known"),
        ]
        gord, client = self.other()
        done = self.into(gord, self.file([text for text, _ in bad] + [line]), code=ctl.USAGE)
        said = done.err.decode().splitlines()
        for number, (_, why) in enumerate(bad, 1):
            self.assertTrue(any(f"line {number}: " in s and why in s for s in said), (number, why, said))
        self.assertEqual(len(client.call("Crons", "List").crons), 1)
        done = self.into(gord, self.file([changed(made_ns=line["cron"]["made_ns"] + 1)]), code=ctl.USAGE)
        self.assertIn(b"line 1: there is another cron entry 'one' here", done.err)
        done = ctl.run("--json", "import", self.file([line]), host=gord.socket)
        self.assertEqual([(x["what"], x["status"]) for x in done.lines if x.get("what")],
                         [("cron one", "EXISTS")])


class ImportQueues(ImportTest):
    def test_queues_pools_and_rates_come_before_the_jobs_that_want_them(self):
        self.ok("queue", "create", "build", "3", "--rate", "5/1m", "--fair", "label:team")
        self.ok("pause", "--queue", "build")
        self.ok("pool", "create", "gpu", "2")
        self.ok("rate", "create", "api", "10/1h")
        self.ok("queue", "set", "default", "--fair", "owner")
        job = self.client.exec("true", queue="build", tokens={"gpu": 1}, rates={"api": 1}, held=True)
        self.addCleanup(self.client.jobs, "Cancel", ids=[job])
        lines = self.ok("export", "--reveal").lines
        kinds = [next(iter(x)) for x in lines if "job" not in x]
        self.assertEqual(kinds, ["queue", "queue", "pool", "rate"])
        gord, client = self.other()
        path = self.file(lines)
        done = self.into(gord, path, "--dry-run")
        self.assertEqual(done.text, f"{job} {job}\n")
        self.assertEqual(len(client.call("Queues", "List").queues), 1)
        done = self.into(gord, path)
        self.assertIn(b"4 queues, pools, rates and entries of the calendar taken", done.err)
        client = self.checked(gord, client)
        again = ctl.run("export", "--reveal", host=gord.socket).lines
        self.assertEqual(again[:4], lines[:4])
        done = self.into(gord, self.file(lines[:4], "again"))
        self.assertIn(b"; 4 are here already", done.err)
        lines[0]["queue"]["slots"] = 9
        lines[1]["queue"]["fair"] = ""
        lines[2]["pool"]["tokens"] = 5
        lines[3]["rate"]["limit"]["count"] = 5
        bad = [{"queue": {"name": "no such"}}, {"pool": {"name": "p", "tokens": 1 << 40}},
               {"rate": {"name": "r"}}, {"queue": {"name": "q", "fair": "often"}}]
        done = self.into(gord, self.file(lines[:4] + bad, "other"), code=ctl.USAGE)
        for number, why in enumerate(["queue 'build' is here already", "queue 'default' is here already",
                                      "pool 'gpu' is here", "rate 'api' is here", "name: it has",
                                      "tokens is out of range", "limit is missing",
                                      "fair is not empty"], 1):
            self.assertIn(f"line {number}: {why}".replace("line 8: ", ""), done.err.decode())
        self.assertEqual(ctl.run("export", "--reveal", host=gord.socket).lines[:4], again[:4])

    def test_queues_bring_the_weights_of_their_shares(self):
        self.ok("queue", "create", "q", "1", "--fair", "label:user", "--share", "ann=3", "--share", "=2")
        self.ok("queue", "create", "was", "--fair", "owner", "--share", "0=5")
        self.ok("queue", "set", "was", "--fair", "off")
        self.ok("queue", "set", "default", "--fair", "owner", "--share", "0=7")
        self.addCleanup(self.ok, "queue", "set", "default", "--fair", "off", "--share", "0=none")
        self.addCleanup(self.ok, "queue", "rm", "was")
        self.addCleanup(self.ok, "queue", "rm", "q")
        lines = self.ok("export").lines[:3]
        self.assertEqual([len(x["queue"]["shares"]) for x in lines], [1, 2, 1])
        gord, client = self.other()
        path = self.file(lines)
        self.assertIn(b"3 queues, pools, rates and entries of the calendar would be taken",
                      self.into(gord, path, "--dry-run").err)
        self.into(gord, path)
        client = self.checked(gord, client)
        self.assertEqual(ctl.run("export", host=gord.socket).lines[:3], lines)
        self.assertIn(b"; 3 are here already", self.into(gord, path).err)
        lines[1]["queue"]["shares"][1]["weight"] = 4
        bad = [{"queue": {"name": "r", "fair": "owner", "shares": [{"key": "k" * n, "weight": weight}]}}
               for n, weight in ((1, 0), (1, 1001), (256, 1))]
        done = self.into(gord, self.file(lines[1:2] + bad, "other"), code=ctl.USAGE)
        for number, why in enumerate(["queue 'q' is here already with other settings",
                                      "shares: the weight of 'k' is 0; it is 1 to 1000",
                                      "shares: the weight of 'k' is 1001", "shares: 'kkk"], 1):
            self.assertIn(f"line {number}: {why}", done.err.decode())


if __name__ == "__main__":
    e2e.main()
