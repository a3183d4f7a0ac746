# SPDX-License-Identifier: MIT
"""Calls about more jobs than have their turn at a time: each is answered, with all of them."""

import unittest

import gor_e2e as e2e
from gor_e2e import TERMINATED, grpc

DONE, REFUSED = 1, 3        # of ActResult
ASKED, ENDED_ALREADY = 1, 2 # of CancelResult; the latter of ControlResult, too
LATER = 3600 * e2e.SECOND
SIZES = 1001, 1200, 2500    # a portion has a thousand; and two of them, with what is left
UNKNOWN_ID = 10**9


class Helpers:
    def ended(self, count, **fields):
        """So many jobs that have ended without having run; their ids."""
        specs = [self.client.native_spec("builtin.echo", held=True, **fields)
                 for _ in range(count)]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        ids = list(range(first, first + count))
        self.end(ids)
        return ids

    def end(self, ids):
        """End them, who all live."""
        statuses = {r.status for r in self.client.jobs("Cancel", ids=ids).results}
        self.assertEqual(statuses, {ASKED})
        self.client.wait(*ids)

    def begin(self, method, request, **fields):
        """A call under way."""
        return self.client.channel.unary_unary("/gor.v1.Jobs/" + method).future(
            self.client.message(request, **fields).SerializeToString(), timeout=e2e.PATIENCE)

    def begin_retry(self, ids):
        return self.begin("Retry", "ActRequest", ids=ids, delay_ns=LATER)

    def results(self, call):
        reply = self.client.message("ActReply")
        reply.ParseFromString(call.result())
        return [(r.id, r.status) for r in reply.results]

    def await_life(self, job_id):
        e2e.until(lambda: self.client.get(job_id).state != TERMINATED)


class Many(Helpers, e2e.GordTest):
    def test_all_are_retried_by_id(self):
        for count in SIZES:
            ids = self.ended(count)
            found = self.client.jobs("Retry", ids=ids, delay_ns=LATER).results
            self.assertEqual([(r.id, r.status) for r in found], [(i, DONE) for i in ids])
            self.end(ids)

    def test_all_are_retried_by_what_they_are_like(self):
        for count in SIZES:
            ids = self.ended(count, labels={"set": str(count)})
            label = self.client.message("LabelMatch", key="set", value=str(count))
            selector = self.client.message("Selector", labels=[label])
            found = self.client.jobs("Retry", selector=selector, delay_ns=LATER).results
            self.assertEqual([(r.id, r.status) for r in found], [(i, DONE) for i in ids])
            self.end(ids)

    def test_calls_take_turns(self):
        sets = [self.ended(count) for count in SIZES]
        calls = [self.begin_retry(ids) for ids in sets]
        for call, ids in zip(calls, sets):
            self.assertEqual(self.results(call), [(i, DONE) for i in ids])
            self.end(ids)

    def test_what_is_begun_is_done_when_the_client_goes(self):
        ids = self.ended(max(SIZES))
        call = self.begin_retry(ids)
        self.await_life(ids[0])
        call.cancel()
        self.await_life(ids[-1])
        self.end(ids)

    def test_jobs_of_which_nothing_is_to_be_done(self):
        """No event comes of it, so there is nothing to wait for at the end."""
        ids = self.ended(max(SIZES))
        spec = self.client.message("JobSpec", priority=1)
        unknown = [UNKNOWN_ID + i for i in ids]
        for method, status, fields in (
                ("Cancel", ENDED_ALREADY, {}), ("Hold", REFUSED, {}), ("Release", REFUSED, {}),
                ("Terminate", REFUSED, {}), ("PauseJobs", ENDED_ALREADY, {}),
                ("ResumeJobs", ENDED_ALREADY, {}), ("Signal", ENDED_ALREADY, {"signal": 15}),
                ("Update", REFUSED, {"spec": spec, "fields": ["priority"]})):
            found = self.client.jobs(method, ids=ids, **fields).results
            self.assertEqual([(r.id, r.status) for r in found], [(i, status) for i in ids], method)
        for method in ("Cancel", "Hold", "Retry", "Rerun", "Remove"):
            found = self.client.jobs(method, ids=unknown).results
            self.assertEqual([r.id for r in found], unknown, method)

    def test_jobs_that_live_are_not_retried(self):
        specs = [self.client.native_spec("builtin.echo", held=True) for _ in range(max(SIZES))]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        ids = list(range(first, first + len(specs)))
        found = self.client.jobs("Retry", ids=ids).results
        self.assertEqual([(r.id, r.status) for r in found], [(i, REFUSED) for i in ids])
        self.end(ids)

    def test_all_are_rerun_updated_and_removed(self):
        ids = self.ended(max(SIZES))
        found = self.client.jobs("Rerun", ids=ids).results
        self.assertEqual([(r.id, r.status) for r in found], [(i, DONE) for i in ids])
        copies = [r.new_id for r in found]
        self.client.wait(*copies)
        found = self.client.jobs("Remove", ids=ids + copies).results
        self.assertEqual({r.id: r.status for r in found}, {i: DONE for i in ids + copies})


class Stop(Helpers, unittest.TestCase):
    def test_daemon_stops_with_calls_under_way(self):
        gord, self.client = e2e.begin_gord(self)
        ids = self.ended(10_000)
        calls = [self.begin_retry(ids[:5_000]), self.begin_retry(ids[5_000:])]
        self.await_life(ids[0])
        self.assertEqual(gord.stop(), 0)
        for call in calls:
            if call.exception() is not None:
                self.assertEqual(call.code(), grpc.StatusCode.UNAVAILABLE, call.details())
        self.assertNotIn("Sanitizer", gord.stderr())


if __name__ == "__main__":
    e2e.main()
