# SPDX-License-Identifier: MIT
"""A store of the first version is taken over by today's gord, with jobs that go on; a newer one is not."""

import os
import sqlite3
import unittest

import gor_e2e as e2e

FIRST_TABLES = ("meta", "envs", "jobs", "live", "ended", "log")


class Migration(unittest.TestCase):
    def setUp(self):
        self.gord = e2e.Gord()
        self.addCleanup(self.gord.close)
        self.gord.start()
        self.client = self.gord.client()

    def sql(self, *statements):
        with sqlite3.connect(os.path.join(self.gord.state, "gord.db")) as db:
            rows = [db.execute(statement).fetchall() for statement in statements]
        db.close()
        return rows[-1]

    def stop(self):
        self.client.close()
        self.assertEqual(self.gord.stop(), 0)

    def to_first_version(self):
        """Drop all that came later; the rows of the first tables are as they ever were."""
        later = self.sql("SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND "
                         "(type IN ('index', 'trigger') AND name NOT IN "
                         "('envs_by_hash', 'ended_by_outcome') OR type = 'table' AND name NOT IN "
                         f"{FIRST_TABLES}) ORDER BY type = 'table'")
        self.sql(*(f"DROP {kind} {name}" for kind, name in later if kind != "index"))
        left = self.sql("SELECT name FROM sqlite_schema WHERE type = 'index' AND name NOT IN "
                        "('envs_by_hash', 'ended_by_outcome') AND name NOT LIKE 'sqlite_%'")
        self.sql(*(f"DROP INDEX {name}" for (name,) in left), "PRAGMA user_version = 1")

    def test_jobs_of_the_first_version_go_on(self):
        ended = self.client.exec("sh", "-c", "exit 3", labels={"team": "blue"}, env={"A": "b"})
        self.client.wait(ended)
        self.client.jobs("Pause")
        queued = [self.client.exec("true", labels={"team": "blue"}), self.client.native("builtin.echo")]
        events = str(self.client.events(ended))
        self.stop()
        self.to_first_version()
        self.gord.start()
        self.client = self.gord.client()
        self.assertEqual((self.client.get(ended).exit_code, str(self.client.events(ended))), (3, events))
        blue = self.client.message("Selector", labels=[self.client.message(
            "LabelMatch", key="team", value="blue")])
        self.assertEqual(list(self.client.jobs("Select", selector=blue).ids), [queued[0], ended])
        self.client.jobs("Resume")
        self.assertEqual([j.outcome for j in self.client.wait(*queued)], [e2e.SUCCEEDED] * 2)
        self.assertEqual(self.client.exec("true"), queued[-1] + 1)
        self.client.call("Queues", "SetQueue", name="build", fair="owner",
                         shares=[self.client.message("Share", key="1000", weight=3)])
        self.stop()
        self.gord.start()
        self.client = self.gord.client()
        self.assertEqual([(queue.name, share.key, share.weight)
                          for queue in self.client.call("Queues", "List").queues
                          for share in queue.shares], [("build", "1000", 3)])
        self.stop()
        self.assertGreater(self.sql("PRAGMA user_version")[0][0], 1)

    def test_a_newer_store_is_refused_and_left_as_it_is(self):
        self.stop()
        version = self.sql("PRAGMA user_version")[0][0]
        self.sql(f"PRAGMA user_version = {version + 1}")
        with self.assertRaisesRegex(AssertionError, r"code 3(.|\n)*newer gord \(version %d of the "
                                    r"store, this one knows %d\)" % (version + 1, version)):
            self.gord.start()
        self.assertEqual(self.sql("PRAGMA user_version")[0][0], version + 1)


if __name__ == "__main__":
    e2e.main()
