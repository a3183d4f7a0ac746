# SPDX-License-Identifier: MIT
"""Shares of a queue: by label, by owner; on and off; over a restart."""

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

    def order(self, client, *ids):
        return [job.id for job in sorted(client.wait(*ids), key=lambda job: job.started_ns)]

    def fair(self, name):
        return [q for q in self.ok("queues", "--json").json["queues"]
                if q["name"] == name][0].get("fair", "")

    def test_values_of_a_label_take_turns_after_a_kill_too(self):
        self.ok("queue", "create", "shared", "1", "--fair", "label:user")
        self.assertEqual(self.fair("shared"), "label:user")
        run = self.hold("shared")
        many = [self.queued("shared", "--label", "user=ann") for _ in range(5)]
        few = [self.queued("shared", "--label", "user=bob smith") for _ in range(2)]
        self.gord.kill()
        self.client.close()
        self.gord.start()
        client = self.gord.client()
        self.assertEqual(self.fair("shared"), "label:user")
        order = self.order(client, run, *many, *few)
        order.remove(run)
        self.assertEqual(order, [many[0], few[0], many[1], few[1], *many[2:]])
        client.close()

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


if __name__ == "__main__":
    e2e.main()
