# SPDX-License-Identifier: MIT
"""What ended is removed when it is too old, too many or too large; what lives and what runs is not."""

import os
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc

NOT_FOUND = grpc.StatusCode.NOT_FOUND if grpc else None
OUT_OF_RANGE = grpc.StatusCode.OUT_OF_RANGE if grpc else None
LONG = bool(os.environ.get("GOR_LONG"))


def files_below(folder):
    return [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]


class ByCount(ctl.GorctlTest):
    options = ("--keep-jobs", "1000")

    def kept(self):
        return self.client.jobs("List", limit=1).total_terminated

    def test_disk_use_is_bounded_and_ids_go_on(self):
        waits = self.client.native("builtin.sleep", "1000s")
        self.client.wait_state(waits, e2e.RUNNING)
        rounds = 200 if LONG else 20
        last = 0
        for _ in range(rounds):
            specs = [self.client.native_spec("builtin.echo", "x", name=f"n{i}")
                     for i in range(1000)]
            reply = self.client.jobs("SubmitMany", specs=specs)
            last = reply.first_id + reply.count - 1
            self.client.wait(*range(reply.first_id, last + 1))
        e2e.until(lambda: self.kept() == 1000)
        self.assertLess(os.stat(os.path.join(self.gord.state, "gord.db")).st_size, 8 << 20)
        self.assertEqual(len(files_below(os.path.join(self.gord.state, "logs"))), 1000)
        self.assertEqual(self.client.get(last).outcome, e2e.SUCCEEDED)
        self.assertIn(self.client.get(waits).state, (e2e.RUNNING, e2e.WAITING))
        self.assertStatus(NOT_FOUND, self.client.get, last - 2000, text=str(last - 2000))
        self.refused(ctl.NOT_FOUND, "there is no job", "show", str(last - 2000))
        self.refused(ctl.NOT_FOUND, "there is no job", "logs", str(last - 2000))
        # Watching from what is gone says so; from the first there is it goes without a gap.
        text = self.assertStatus(OUT_OF_RANGE, self.client.jobs, "Watch", after_seq=10,
                                 text="no longer kept")
        first = int(text.split()[-1])
        seqs = []
        watch = self.client.jobs("Watch", after_seq=first - 1)
        newest = self.client.runtime("Stats").last_seq
        for event in watch:
            seqs.append(event.seq)
            if event.seq >= newest:
                break
        watch.cancel()
        self.assertEqual(seqs, list(range(first, seqs[-1] + 1)))
        watch = self.client.jobs("Watch")
        self.assertGreaterEqual(next(iter(watch)).seq, first)
        watch.cancel()
        # An id is never given twice, though nearly all are gone.
        self.client.jobs("Cancel", ids=[waits])
        self.client.wait(waits)
        self.client.close()
        self.gord.stop()
        self.gord.start()
        type(self).client = self.gord.client()
        self.assertGreater(self.client.native("builtin.echo"), last)


class ByAge(e2e.GordTest):
    options = ("--keep-age", "1s", "--keep-failed", "1h")

    def test_successes_go_and_failures_stay(self):
        good = self.client.exec("echo", "gone soon")
        bad = self.client.exec("sh", "-c", "echo stays; exit 3")
        self.client.wait(good, bad)
        e2e.until(lambda: self.client.jobs("List").total_terminated == 1)
        self.assertStatus(NOT_FOUND, self.client.get, good)
        self.assertEqual(self.client.logs(bad), b"stays\n")
        self.assertEqual(len(files_below(os.path.join(self.gord.state, "logs"))), 1)


class BySize(e2e.GordTest):
    options = ("--keep-size", "3M")

    def test_output_counts_and_the_newest_stay(self):
        ids = []
        for _ in range(40):
            ids.append(self.client.exec("head", "-c", "200000", "/dev/urandom"))
            self.client.wait(ids[-1])
        def size():
            return sum(os.stat(p).st_blocks * 512
                       for p in files_below(os.path.join(self.gord.state, "logs")))
        e2e.until(lambda: size() < 3 << 20)
        self.assertEqual(self.client.get(ids[-1]).outcome, e2e.SUCCEEDED)
        self.assertStatus(NOT_FOUND, self.client.get, ids[0])
        self.assertGreater(self.client.jobs("List").total_terminated, 8)


if __name__ == "__main__":
    e2e.main()
