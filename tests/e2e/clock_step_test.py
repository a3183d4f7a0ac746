# SPDX-License-Identifier: MIT
"""The wall clock is set while gord runs: what goes by real time goes on, and the calendar does as it says.

gord has tests/fault/clock_shim.c preloaded, which sets the clock for it alone. `set` returns once gord has
been told, and whatever is asked afterwards is answered by a gord that has done what there was to do.
"""

import calendar
import datetime
import os
import sys
import time
import unittest

import gor_e2e as e2e
from cron_test import ALL, ONCE, SKIP, Calendar
from gor_e2e import grpc
from webhook_e2e import receiver_for
from webhook_sign_test import SECRETS, signed_by, write_secrets

SHIM = os.environ.get("GORD_CLOCK_SHIM_SO", "")
MINUTE, HOUR, DAY = 60, 3600, 86400
NOT_FOUND = grpc.StatusCode.NOT_FOUND if grpc else None


def utc(*parts):
    return calendar.timegm(datetime.datetime(*parts).timetuple())


class ClockedGord(e2e.Gord):
    """One whose clock can be set; `at`, in seconds since 1970, is what it shows at first."""

    def __init__(self, *options, at):
        super().__init__(*options)
        self.fifo = os.path.join(self.folder, "clock")
        self.offset_ns = int((at - time.time()) * e2e.SECOND)
        self.ends = []
        self.answered = None  # a call to its loop
        for path in (self.fifo, self.fifo + ".done"):
            os.mkfifo(path)
            self.ends.append(os.open(path, os.O_RDWR | os.O_CLOEXEC))

    def environment(self):
        return {**super().environment(), "LD_PRELOAD": SHIM,
                "GORD_CLOCK_SHIM": f"{self.offset_ns} {self.fifo}"}

    def step(self, seconds):
        self.offset_ns += int(seconds * e2e.SECOND)
        os.write(self.ends[0], b"%d\n" % self.offset_ns)
        os.read(self.ends[1], 1)
        self.answered()  # it knows that the clock was set; now it has looked at it, too

    def set(self, at):
        self.step(at - self.now())

    def now(self):
        return time.time() + self.offset_ns / e2e.SECOND

    def close(self):
        super().close()
        while self.ends:
            os.close(self.ends.pop())


class Clock(unittest.TestCase):
    def begin(self, *options, at=utc(2027, 5, 12, 12, 0, 30)):
        self.gord = ClockedGord(*options, at=at)
        self.addCleanup(self.gord.close)
        self.gord.start()
        self.client = self.gord.client()
        self.addCleanup(self.client.close)
        self.gord.answered = lambda: self.client.runtime("Stats")
        self.calendar = Calendar(self.client)
        self.addCleanup(self.stops)

    def stops(self):
        self.client.jobs("Cancel", all=True)
        self.assertEqual(self.gord.stop(), 0, self.gord.stderr())

    def fires(self, name):
        """The times that an entry has made jobs for, by now: this job is on record after them."""
        self.client.native("builtin.echo", "x")
        return [job.spec.cron.at_ns // e2e.SECOND for job in self.calendar.jobs_of(name)]

    # ---------------------------------------------------------------- real time

    def test_delays_keep_real_time(self):
        self.begin()
        for step in (HOUR, -HOUR, DAY, -DAY):
            before = time.monotonic()
            job = self.client.native("builtin.echo", "x", delay_ns=e2e.SECOND // 4)
            long = self.client.native("builtin.echo", "x", delay_ns=1000 * e2e.SECOND)
            self.gord.step(step)
            self.assertEqual(self.client.wait(job).outcome, e2e.SUCCEEDED)
            self.assertGreaterEqual(time.monotonic() - before, 0.25, step)
            self.assertEqual(self.client.get(long).state, e2e.CREATED, step)

    def test_limits_of_time_and_retries_keep_real_time(self):
        self.begin()
        runs = self.client.exec("sleep", "1000", timeout_ns=500 * e2e.SECOND)
        self.client.wait_process(runs)
        for step in (DAY, -2 * DAY, HOUR):
            self.gord.step(step)
            self.assertEqual(self.client.get(runs).state, e2e.RUNNING, step)
        self.client.jobs("Cancel", ids=[runs])
        ended = self.client.wait(runs)
        self.assertEqual(ended.outcome, e2e.CANCELLED)

    def test_times_go_by_the_clock(self):
        self.begin()
        hour, day = (self.client.native("builtin.echo", "x",
                                        not_before_ns=int((self.gord.now() + after) * e2e.SECOND))
                     for after in (HOUR, DAY))
        self.gord.step(-DAY)
        self.assertEqual(self.client.get(hour).state, e2e.CREATED)
        self.gord.step(DAY + HOUR)
        self.assertEqual(self.client.wait(hour).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.client.get(day).state, e2e.CREATED)
        self.gord.step(DAY)
        self.assertEqual(self.client.wait(day).outcome, e2e.SUCCEEDED)

    # ---------------------------------------------------------------- the calendar

    def test_put_forward_fires_are_missed_as_the_entry_says(self):
        start = utc(2027, 5, 12, 12, 0, 30)
        self.begin(at=start)
        for name, missed in (("once", ONCE), ("skip", SKIP), ("all", ALL)):
            self.calendar.put(name, "0 * * * *", missed=missed)
        self.gord.set(start + HOUR + 2 * MINUTE)
        self.assertEqual((self.fires("once"), self.fires("skip"), self.fires("all")),
                         ([start + HOUR - 30], [], [start + HOUR - 30]))
        self.gord.set(start + DAY + HOUR + 2 * MINUTE)
        every = [start - 30 + n * HOUR for n in range(1, 26)]
        self.assertEqual(self.fires("all"), every)
        self.assertEqual(self.fires("once"), [every[0], every[-1]])
        self.assertEqual(self.fires("skip"), [])
        self.assertEqual([self.calendar.show(n).missed for n in ("once", "skip", "all")],
                         [23, 25, 0])

    def test_put_back_nothing_is_served_twice_and_what_is_later_comes(self):
        start = utc(2027, 5, 12, 12, 0, 30)
        self.begin(at=start)
        self.calendar.put("hourly", "0 * * * *", missed=ALL)
        self.gord.set(start + HOUR - 20)
        self.assertEqual(self.fires("hourly"), [start + HOUR - 30])
        self.gord.step(-HOUR)
        self.gord.set(start + HOUR - 20)
        self.assertEqual(self.fires("hourly"), [start + HOUR - 30])
        self.gord.step(-DAY)  # it has been put right: from here on
        self.gord.step(HOUR)
        self.assertEqual(self.fires("hourly"), [start + HOUR - 30, start + 2 * HOUR - 30 - DAY])

    def daily(self, start):
        self.begin(at=start)
        self.calendar.put("daily", "30 2 * * *", zone="Europe/Berlin", missed=ALL)

    def test_a_time_that_does_not_exist_is_served_once(self):
        self.daily(utc(2027, 3, 28, 0, 50))  # 1:50; at 1:00 UTC it is 3:00
        self.gord.set(utc(2027, 3, 28, 1, 0, 20))
        change = utc(2027, 3, 28, 1, 0)
        self.assertEqual(self.fires("daily"), [change])
        for there in (utc(2027, 3, 28, 0, 10), utc(2027, 3, 28, 1, 0, 20), utc(2027, 3, 28, 2, 0)):
            self.gord.set(there)
            self.assertEqual(self.fires("daily"), [change])
        self.gord.step(DAY)
        self.assertEqual(self.fires("daily"), [change, utc(2027, 3, 29, 0, 30)])

    def test_a_time_that_exists_twice_is_served_once(self):
        self.daily(utc(2027, 10, 31, 0, 20))  # 2:20; at 1:00 UTC it is 2:00 once more
        first = utc(2027, 10, 31, 0, 30)
        for there in (first + 10, first + HOUR + 10, first + 10, first + 2 * HOUR):
            self.gord.set(there)
            self.assertEqual(self.fires("daily"), [first])
        self.gord.step(DAY)
        self.assertEqual(self.fires("daily"), [first, utc(2027, 11, 1, 1, 30)])

    # ---------------------------------------------------------------- what is on record

    def ended(self):
        job = self.client.native("builtin.echo", "x")
        self.client.wait(job)
        return job

    def test_age_goes_by_the_clock(self):
        self.begin("--keep-age", "12h")
        job = self.ended()
        for step in (HOUR, -HOUR, -DAY):
            self.gord.step(step)
            self.ended()  # the store has written since
            self.assertEqual(self.client.get(job).outcome, e2e.SUCCEEDED)
        self.gord.step(DAY)
        late = self.ended()
        self.gord.step(13 * HOUR)

        def gone(which):
            try:
                self.client.get(which)
            except grpc.RpcError as error:
                return error.code() == NOT_FOUND
            return False

        self.ended()
        e2e.until(lambda: gone(job) and gone(late))

    def test_numbers_kept_do_not_go_by_the_clock(self):
        self.begin("--keep-jobs", "10")
        jobs = [self.ended() for _ in range(5)]
        self.gord.step(365 * DAY)
        jobs.append(self.ended())
        self.assertEqual({self.client.get(job).outcome for job in jobs}, {e2e.SUCCEEDED})

    def test_webhooks_are_signed_with_the_time_that_it_is(self):
        secrets = os.path.join("/tmp", f"gor-clock-{os.getpid()}")
        self.addCleanup(os.unlink, secrets)
        write_secrets(secrets, SECRETS[0])
        self.begin("--webhook-secret-file", secrets)
        receiver = receiver_for(self)
        for step in (DAY, -DAY):
            job = self.client.exec("sleep", "1000", on_finish_url=receiver.url())
            self.client.wait_process(job)
            self.gord.step(step)
            self.client.jobs("Cancel", ids=[job])
            got = receiver.next()
            self.assertEqual(signed_by(got), [SECRETS[0]])
            self.assertAlmostEqual(int(got["headers"]["webhook-timestamp"]), self.gord.now(),
                                   delta=e2e.PATIENCE)
            self.assertEqual(got["document"]["job"], job)


if __name__ == "__main__":
    if e2e.SANITIZE or not os.path.exists(SHIM):
        print("SKIP: a clock cannot be preloaded beside a sanitizer's runtime" if e2e.SANITIZE
              else "SKIP: GORD_CLOCK_SHIM_SO does not name a library")
        sys.exit(e2e.SKIPPED)
    e2e.main()
