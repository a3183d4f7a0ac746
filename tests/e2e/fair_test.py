# SPDX-License-Identifier: MIT
"""Shares of a queue: by label, by owner; on and off; their weights; over a restart."""

import os
import pwd

import gor_e2e as e2e
import gorctl_e2e as ctl


class Fair(ctl.GorctlTest):
    options = ("--grace", "500ms", "--exec-slots", "8")

    def hold(self, queue):
        job_id = int(self.ok("submit", "-q", queue, "--", "sleep", "1000").out)
        self.client.wait_state(job_id, e2e.RUNNING)
        return job_id

    def queued(self, queue, *options):
        return int(self.ok("submit", "-q", queue, *options, "--", "true").out)

    def restart(self):
        self.gord.kill()
        self.client.close()
        self.gord.start()
        type(self).client = self.gord.client()

    def order(self, *ids):
        return [job.id for job in sorted(self.client.wait(*ids), key=lambda job: job.started_ns)]

    def fair(self, name):
        return [q for q in self.ok("queues", "--json").json["queues"]
                if q["name"] == name][0].get("fair", "")

    def test_values_of_a_label_take_turns_after_a_kill_too(self):
        self.ok("queue", "create", "shared", "1", "--fair", "label:user")
        self.assertEqual(self.fair("shared"), "label:user")
        run = self.hold("shared")
        many = [self.queued("shared", "--label", "user=ann") for _ in range(5)]
        few = [self.queued("shared", "--label", "user=bob smith") for _ in range(2)]
        self.restart()
        self.assertEqual(self.fair("shared"), "label:user")
        order = self.order(run, *many, *few)
        order.remove(run)
        self.assertEqual(order, [many[0], few[0], many[1], few[1], *many[2:]])

    def test_off_is_first_come_first_served_and_rubbish_is_refused(self):
        self.ok("queue", "create", "plain", "1")
        self.ok("queue", "set", "plain", "--fair", "owner")
        self.assertEqual(self.fair("plain"), "owner")
        self.ok("queue", "set", "plain", "--fair", "off")
        self.assertEqual(self.fair("plain"), "")
        for text in ("people", "label:", "label:" + 80 * "x"):
            result = self.gorctl("queue", "set", "plain", "--fair", text)
            self.assertNotEqual(result.code, 0, result)
            self.assertIn("is not off, owner, or label:KEY", result.err.decode())

    def shares(self, name):
        return {share["key"]: share["weight"] for q in self.ok("queues", "--json").json["queues"]
                if q["name"] == name for share in q["shares"]}

    def test_weights_are_kept_change_at_once_and_are_told(self):
        self.ok("queue", "create", "weighed", "1", "--fair", "label:user", "--share", "ann=3",
                "--share", "bob smith=1000")
        run = self.hold("weighed")
        ann = [self.queued("weighed", "--label", "user=ann") for _ in range(6)]
        bob = [self.queued("weighed", "--label", "user=bob smith") for _ in range(2)]
        self.ok("queue", "set", "weighed", "--share", "bob smith=none", "--share", "=7")
        self.assertEqual(self.shares("weighed"), {"": 7, "ann": 3})
        text = self.ok("queue", "ls").text
        self.assertRegex(text, r"QUEUE +SHARE +WEIGHT +QUEUED\nweighed +- +7 +0\nweighed +ann +3 +6\n")
        self.assertIn("; its share, 'ann' of weight 3, has the next turn", self.ok("why", str(ann[0])).text)
        self.restart()
        self.assertEqual(self.shares("weighed"), {"": 7, "ann": 3})
        order = self.order(run, *ann, *bob)
        order.remove(run)
        self.assertEqual(sorted(order[:4]), sorted([*ann[:3], bob[0]]))
        self.assertEqual(sorted(order[4:]), sorted([*ann[3:], bob[1]]))
        audit = self.ok("audit", "--json").text
        self.assertIn('"shares":[{"key":"bob smith"},{"weight":7}]', audit.replace(" ", "")
                      .replace("bobsmith", "bob smith"))

    def test_weights_stay_while_it_is_not_fair_and_count_for_nothing(self):
        self.ok("queue", "create", "moody", "1", "--fair", "label:user", "--share", "ann=2")
        self.ok("queue", "set", "moody", "--fair", "off")
        self.restart()
        self.assertEqual((self.fair("moody"), self.shares("moody")), ("", {"ann": 2}))
        run = self.hold("moody")
        bob = [self.queued("moody", "--label", "user=bob") for _ in range(2)]
        ann = [self.queued("moody", "--label", "user=ann") for _ in range(4)]
        self.ok("cancel", str(run))
        order = self.order(run, *bob, *ann)
        order.remove(run)
        self.assertEqual(order, bob + ann)
        self.ok("queue", "set", "moody", "--fair", "label:user")
        run = self.hold("moody")
        ann = [self.queued("moody", "--label", "user=ann") for _ in range(4)]
        bob = [self.queued("moody", "--label", "user=bob") for _ in range(2)]
        self.ok("cancel", str(run))
        order = self.order(run, *ann, *bob)
        order.remove(run)
        self.assertEqual(sorted(order), ann + bob)
        self.assertEqual([job in ann for job in order[:3]].count(True), 2)
        self.ok("queue", "set", "moody", "--share", "ann=none")
        self.assertEqual(self.shares("moody"), {})

    def test_weights_of_owners_have_names_and_rubbish_is_refused(self):
        me = pwd.getpwuid(os.getuid()).pw_name
        self.ok("queue", "create", "owned", "1", "--fair", "owner", "--share", f"{me}=4")
        self.ok("queue", "set", "owned", "--share", "4000000000=1000")
        self.assertEqual(self.shares("owned"), {str(os.getuid()): 4, "4000000000": 1000})
        self.assertRegex(self.ok("queue", "ls").text, rf"owned +{me} +4 ")
        for text in ("ann", "ann=0", "ann=1001", "ann=x", "ann=-1"):
            result = self.gorctl("queue", "set", "owned", "--share", text)
            self.assertEqual(result.code, 64, result)
            self.assertIn(f"'{text}' is not KEY=WEIGHT", result.err.decode())
        self.assertIn("is no user of this machine",
                      self.gorctl("queue", "set", "owned", "--share", "no-such=2").err.decode())
        self.assertIn("name: 'Owned' is none: it has 1 to 63",
                      self.gorctl("queue", "create", "Owned").err.decode())
        self.assertIn("queue 'fresh' has none; with --fair owner or --fair label:KEY",
                      self.gorctl("queue", "create", "fresh", "--share", "x=2").err.decode())
        self.assertIn("queue 'default' has none",
                      self.gorctl("queue", "set", "default", "--share", "x=2").err.decode())
        share = lambda key, weight: self.client.message("Share", key=key, weight=weight)
        for key, weight, said in (("ann", 2, "is no user id"), ("007", 2, "is no user id"),
                                  ("7", 1001, "it is 1 to 1000"), (256 * "x", 2, "at most 255")):
            with self.assertRaisesRegex(Exception, said):
                self.client.call("Queues", "SetQueue", name="owned", keep_slots=True,
                                 shares=[share(key, weight)])
        self.ok("queue", "rm", "owned")
        self.ok("queue", "create", "owned", "1")
        self.assertEqual(self.shares("owned"), {})


if __name__ == "__main__":
    e2e.main()
