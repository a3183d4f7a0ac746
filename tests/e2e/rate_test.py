# SPDX-License-Identifier: MIT
"""Rates: how often jobs start, by name, by key, by queue; over a restart; what is refused."""

import time

import gor_e2e as e2e
import gorctl_e2e as ctl

USAGE = 64


class Rates(ctl.GorctlTest):
    options = ("--grace", "500ms", "--exec-slots", "50")

    def tearDown(self):
        self.gorctl("cancel", "--all")

    def says_no(self, text, *args, code=None):
        result = self.gorctl(*args)
        self.assertNotEqual(result.code, 0, result)
        self.assertEqual(result.out, b"", result)
        self.assertIn(text, result.err.decode())
        if code is not None:
            self.assertEqual(result.code, code, result)

    def queued(self, *options):
        return int(self.ok("submit", *options, "--", "true").out)

    def why(self, job_id):
        return self.ok("why", "--json", str(job_id)).json

    def rate(self, name):
        return [r for r in self.ok("queues", "--json").json["rates"] if r["name"] == name][0]

    def ends(self, *ids):
        for job in self.client.wait(*ids) if len(ids) > 1 else [self.client.wait(*ids)]:
            self.assertEqual(job.outcome, e2e.SUCCEEDED)

    def test_starts_are_spread(self):
        self.ok("rate", "create", "fast", "20/s", "--burst", "3")
        ids = [self.queued("--rate", "fast") for _ in range(9)]
        starts = sorted(job.started_ns for job in self.client.wait(*ids))
        # Nine starts, three of them at once: the last has waited for six tokens that come one in 50 ms.
        self.assertGreaterEqual(starts[-1] - starts[0], 6 * 50_000_000 - 60_000_000)
        for first, fifth in zip(starts, starts[4:]):  # of any five, one has waited at least
            self.assertGreater(fifth - first, 1_000_000)

    def test_job_without_a_token_says_when_it_comes_and_lets_others_pass(self):
        self.ok("rate", "create", "daily", "2/d", "--burst", "2")
        self.ends(self.queued("--rate", "daily=2"))
        waits = self.queued("--rate", "daily")
        self.ends(self.queued())
        job = self.client.get(waits)
        self.assertEqual(job.state, e2e.RUNNABLE)
        self.assertIn("rate: waits for 1 of rate 'daily' (2/d, burst 2)", job.reason)
        why = self.why(waits)
        self.assertEqual((why["state"], why["resource"], why["wants"]), ("RUNNABLE", "daily", 1))
        left = int(why["ready_ns"]) / 1e9 - time.time()
        self.assertTrue(43200 - 300 < left <= 43200, left)
        self.assertRegex(self.ok("queues").text, r"daily +2/d burst 2 +0 +1 +0")
        row = self.rate("daily")
        self.assertEqual((row["limit"]["count"], row["limit"]["burst"], row["queued"]), (2, 2, 1))
        dry = self.ok("submit", "--dry-run", "--rate", "daily", "--", "true").text
        self.assertIn("rate: waits for 1 of rate 'daily'", dry)
        self.ok("rate", "set", "daily", "1000000/s")
        self.ends(waits)

    def test_keys_count_apart(self):
        self.ok("rate", "create", "mail", "1/d")
        self.ends(self.queued("--rate", "mail/Ann@example.org"))
        waits = self.queued("--rate", "mail/Ann@example.org")
        self.ends(self.queued("--rate", "mail/bob"))
        self.assertIn("of rate 'mail/Ann@example.org'", self.why(waits)["text"])
        self.assertEqual(self.rate("mail")["queued"], 1)
        self.says_no("rate 'mail' is in use", "rate", "rm", "mail")
        self.ok("cancel", str(waits))
        self.client.wait(waits)
        self.ok("rate", "rm", "mail")
        self.says_no("there is no rate 'mail'", "submit", "--rate", "mail/bob", "true")

    def test_rate_of_a_queue(self):
        self.ok("queue", "create", "slow", "7", "--rate", "1/d")
        self.ends(self.queued("-q", "slow"))
        waits = self.queued("-q", "slow")
        self.ends(self.queued())
        self.assertIn("rate: waits for the rate of queue 'slow' (1/d, burst 1)",
                      self.why(waits)["text"])
        self.ok("queue", "set", "slow", "8")
        self.assertEqual(self.client.get(waits).state, e2e.RUNNABLE)
        self.assertRegex(self.ok("queues").text, r"slow +8 +0 +1 +0 +1/d +0")
        self.ok("queue", "set", "slow", "--rate", "none")
        self.ends(waits)
        self.assertRegex(self.ok("queues").text, r"slow +8 +0 +0 +0 +- +-")

    def test_update_moves_a_job_to_another_rate(self):
        self.ok("rate", "create", "none-left", "1/d")
        self.ends(self.queued("--rate", "none-left"))
        waits = self.queued("--rate", "none-left")
        self.assertEqual(self.client.get(waits).state, e2e.RUNNABLE)
        self.ok("update", str(waits), "--no-rates")
        self.ends(waits)

    def test_what_is_refused(self):
        self.ok("rate", "create", "small", "10/m")
        self.says_no("5 is more than rate 'small' has at once, which is 1; `gorctl rate set small "
                     "... --burst 5`", "submit", "--rate", "small=5", "true")
        self.says_no("there is a rate 'small' already", "rate", "create", "small", "1/s")
        self.says_no("there is no rate 'nowhere'", "rate", "set", "nowhere", "1/s")
        self.says_no("there is no rate 'nowhere'; there are:", "submit", "--rate", "nowhere", "true")
        self.says_no("names rate 'small' twice", "submit", "--rate", "small", "--rate", "small", "true")
        self.says_no("NAME or NAME/KEY", "submit", "--rate", "small/", "true")
        self.says_no("ten years to fill", "rate", "create", "huge", "1/d", "--burst", "1000000")
        for text in ("10", "10/", "/s", "0/s", "10/w", "1000001/s", "-1/s", "10/0s", "ten/s"):
            self.says_no(f"'{text}' is no rate", "queue", "create", "x", "--rate", text, code=USAGE)
        self.says_no("say rm", "rate", "set", "small", "none", code=USAGE)
        self.says_no("--burst goes with --rate", "queue", "set", "default", "0", "--burst", "2",
                     code=USAGE)


class Restart(ctl.GorctlTest):
    def test_rates_survive_a_kill_and_waiting_jobs_too(self):
        self.ok("rate", "create", "kept", "3/2h", "--burst", "4")
        self.ok("queue", "create", "held", "--rate", "5/m")
        waits = int(self.ok("submit", "--hold", "-q", "held", "--rate", "kept/key=2",
                            "true").out)
        self.gord.kill()
        self.client.close()
        self.gord.start()
        client = self.gord.client()
        self.assertRegex(self.ok("rate", "ls").text, r"kept +3/2h burst 4 +4 +0 +0")
        self.assertRegex(self.ok("queues").text, r"held +- +0 +0 +0 +5/m +1")
        self.ok("release", str(waits))
        self.assertEqual(client.wait(waits).outcome, e2e.SUCCEEDED)
        client.close()


if __name__ == "__main__":
    e2e.main()
