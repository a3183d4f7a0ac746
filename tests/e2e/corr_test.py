# SPDX-License-Identifier: MIT
"""Arrays that wait for others task by task: `--after corr:`, in whatever state the other one is."""

import json
import os
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import CANCELLED, CREATED, DEPENDENCY_FAILED, FAILED, RUNNABLE, RUNNING, SUCCEEDED
from gor_e2e import WAITING, grpc

OK, CORR = 0, 4
INVALID = grpc.StatusCode.INVALID_ARGUMENT if grpc else None
REFUSED = grpc.StatusCode.FAILED_PRECONDITION if grpc else None


def tasks_of(client, group):
    return list(client.jobs("Tree", id=group).jobs)[1:]


def named(client, *ids, condition=CORR):
    """One clause for each."""
    return [client.message("AnyOf", of=[client.message("Dependency", id=i, condition=condition)])
            for i in ids]


class Corresponding(ctl.GorctlTest):
    options = ("--exec-slots", "8")

    def tearDown(self):
        self.gorctl("cancel", "--all")

    def array(self, indices, *words, **more):
        return self.submit("--array", indices, *words, **more)

    def stepped(self, indices, count, *words):
        """An array whose tasks wait one by one for their release."""
        group = self.array(indices, "--hold", *words)
        self.ok("hold", *(str(group + 1 + i) for i in range(count)))
        self.ok("release", str(group))
        return group

    def states(self, group):
        return [job.state for job in tasks_of(self.client, group)]

    def outcomes(self, group):
        self.client.wait(*(job.id for job in tasks_of(self.client, group)))
        return [job.outcome for job in tasks_of(self.client, group)]

    # ---------------------------------------------------------------- what it does

    def test_each_runs_after_its_own(self):
        first = self.stepped("0-3", 4, "true")
        second = self.array("0-3", "--after", f"corr:{first}", "--shell", "echo $GOR_ARRAY_INDEX")
        self.assertEqual(self.states(second), [CREATED] * 4)
        like = f"for those of the same index in array {first}"
        self.assertEqual(self.client.get(second).reason,
                         f"for 4 of 4 tasks, of which 4 wait at a gate, {like}")
        for index in (2, 0):
            self.ok("release", str(first + 1 + index))
            self.ok("wait", str(second + 1 + index))
            self.assertEqual(self.client.logs(second + 1 + index).decode(), f"{index}\n")
        self.assertEqual([s == CREATED for s in self.states(second)], [False, True, False, True])
        self.assertIn(f"waits for job {first + 2} (task 1 of array {first}) to succeed",
                      self.ok("why", str(second + 2)).text)
        self.assertEqual(self.ok("why", str(second)).text,
                         f"job {second} waits: for 2 of 4 tasks, of which 2 wait at a gate, {like}\n")
        self.ok("release", str(first + 4))
        self.ok("wait", str(second + 4))
        self.assertIn("for 1 of 4 tasks, of which 1 waits at a gate, for that of the same index in "
                      f"array {first}\n", self.ok("why", str(second)).text)
        self.ok("release", str(first + 2))
        self.ok("wait", str(second))
        for before, after in zip(tasks_of(self.client, first), tasks_of(self.client, second)):
            self.assertLessEqual(before.finished_ns, after.started_ns)

    def test_failure_stops_its_own_only_and_runs_down_a_chain(self):
        first = self.array("0-3", "--hold", "--shell", "test $GOR_ARRAY_INDEX != 2")
        second = self.array("0-3", "--after", f"corr:{first}", "true")
        third = self.array("0-3", "--after", f"corr:{second}", "true")
        self.ok("release", str(first))
        some = [SUCCEEDED, SUCCEEDED, DEPENDENCY_FAILED, SUCCEEDED]
        self.assertEqual((self.outcomes(second), self.outcomes(third)), (some, some))
        for group in (second, third):
            shown = self.client.wait(group)
            self.assertEqual((shown.outcome, shown.detail), (FAILED, "1 of 4 tasks never ran"))
            self.assertEqual(shown.progress.text, "4 of 4 tasks, 1 never ran")
        self.assertIn(f"it waited for job {first + 3} (task 2 of array {first}) to succeed, which failed",
                      self.ok("show", str(second + 3)).text)
        self.assertIn(f"job {second + 3} (task 2 of array {second}) to succeed, which never ran",
                      self.ok("tree", str(third)).text)

    def test_none_left_to_run(self):
        first = self.array("1-2", "--hold", "true")
        second = self.array("1-2", "--after", f"corr:{first}", "true")
        self.ok("cancel", str(first))
        self.assertEqual(self.gorctl("wait", str(second)).code, 83)
        shown = self.client.get(second)
        self.assertEqual((shown.outcome, shown.detail),
                         (DEPENDENCY_FAILED, "2 of 2 tasks never ran"))

    def test_its_limit_holds(self):
        first = self.array("0-3", "true")
        self.ok("wait", str(first))
        second = self.array("0-3%1", "--after", f"corr:{first}", "sleep", "1000")
        self.client.wait_state(second + 1, RUNNING)
        self.assertEqual(self.states(second), [RUNNING, RUNNABLE, RUNNABLE, RUNNABLE])
        self.assertIn("1 of at most 1 run", self.ok("why", str(second + 2)).text)

    def test_what_has_ended_already_counts(self):
        first = self.stepped("0-2", 3, "--shell", "test $GOR_ARRAY_INDEX != 1")
        self.ok("release", str(first + 1), str(first + 2))
        self.client.wait(first + 1, first + 2)
        partly = self.array("0-2", "--after", f"corr:{first}", "true")
        self.ok("wait", str(partly + 1))
        self.assertEqual(self.client.wait(partly + 2).outcome, DEPENDENCY_FAILED)
        self.assertEqual(self.states(partly)[2], CREATED)
        self.ok("release", str(first + 3))
        self.client.wait(first, partly)
        some = [SUCCEEDED, DEPENDENCY_FAILED, SUCCEEDED]
        wholly = self.array("0-2", "--after", f"corr:{first}", "true")
        self.assertEqual((self.outcomes(partly), self.outcomes(wholly)), (some, some))
        # All of them in vain, found out while it is submitted.
        never = self.array("1", "--after", f"corr:{first}", "--on-finish", "pwd", "true", cwd="/usr")
        shown = self.client.wait(never)
        self.assertEqual(shown.outcome, DEPENDENCY_FAILED)
        hooks = [j.id for j in self.client.jobs("List").jobs if j.spec.hook_of.job_id == never]
        self.client.wait(*hooks)
        self.assertEqual([self.client.logs(hook) for hook in hooks], [b"/usr\n"])

    def test_hooks_of_those_that_never_run_stand_between_no_tasks(self):
        first = self.array("0-3", "--shell", "test $GOR_ARRAY_INDEX != 1")
        self.client.wait(first)
        second = self.array("0-3", "--after", f"corr:{first}", "--on-finish", "true", "true")
        self.assertEqual([job.id for job in tasks_of(self.client, second)],
                         list(range(second + 1, second + 5)))
        third = self.array("0-3", "--after", f"corr:{second}", "true")
        self.assertEqual(self.outcomes(third), [SUCCEEDED, DEPENDENCY_FAILED, SUCCEEDED, SUCCEEDED])

    def test_some_of_its_indices_in_any_order(self):
        first = self.array("0-8:2,5", "--shell", "test $GOR_ARRAY_INDEX != 4")
        second = self.array("5,4,0", "--after", f"corr:{first}", "true")
        waits = [job.spec.after[0].of[0] for job in tasks_of(self.client, second)]
        self.assertEqual([(of.id, of.condition) for of in waits],
                         [(first + 6, OK), (first + 3, OK), (first + 1, OK)])
        self.assertEqual(self.outcomes(second), [SUCCEEDED, DEPENDENCY_FAILED, SUCCEEDED])

    def test_with_other_conditions(self):
        first = self.stepped("0-1", 2, "--shell", "test $GOR_ARRAY_INDEX = 1")
        gate = self.submit("--hold", "true")
        both = self.array("0-1", "--after", f"corr:{first},ok:{gate}", "true")
        either = self.array("0-1", "--after", f"corr:{first}?ok:{gate}", "true")
        self.assertIn(f"waits for job {gate}", self.client.get(both).reason)
        self.assertEqual(self.client.get(either).state, WAITING)
        self.ok("release", str(first + 1), str(first + 2))
        self.client.wait(first)
        self.client.wait(either + 2)
        self.assertEqual(self.states(both), [e2e.TERMINATED, CREATED])
        self.assertEqual(self.states(either), [CREATED, e2e.TERMINATED])
        self.ok("release", str(gate))
        self.ok("wait", str(either))
        self.assertEqual(self.outcomes(both), [DEPENDENCY_FAILED, SUCCEEDED])
        two = self.array("0-1", "--after", f"corr:{first},corr:{either}", "true")
        self.assertEqual(self.outcomes(two), [DEPENDENCY_FAILED, SUCCEEDED])

    def test_held_and_cancelled(self):
        first = self.array("0-1", "true")
        second = self.array("0-1", "--hold", "--after", f"corr:{first}", "true")
        self.ok("wait", str(first))
        e2e.until(lambda: self.client.get(second + 1).reason ==
                  f"waits for its array, job {second}")
        self.ok("release", str(second))
        self.ok("wait", str(second))
        held = self.array("0-1", "--hold", "true")
        third = self.array("0-1", "--after", f"corr:{held}", "true")
        self.ok("cancel", str(third))
        self.assertEqual(self.outcomes(third), [CANCELLED] * 2)
        # Run again it waits for nobody, as others do.
        again = int(self.ok("rerun", str(third)).text.split()[-1])
        self.ok("wait", str(again))
        self.assertEqual([len(t.spec.after) for t in tasks_of(self.client, again)], [0, 0])
        one = int(self.ok("rerun", str(third + 1)).text.split()[-1])
        self.ok("wait", str(one))

    # ---------------------------------------------------------------- how it is told

    def test_shown_as_it_was_given(self):
        first = self.array("0-1", "--hold", "true")
        second = self.array("0-1", "--after", f"corr:{first}", "true")
        self.assertRegex(self.ok("show", str(second)).text, rf"After +corr:{first}\n")
        self.assertRegex(self.ok("show", str(second + 1)).text, rf"After +ok:{first + 1}\n")
        after = self.ok("show", "--json", str(second)).json["job"]["spec"]["after"]
        self.assertEqual(after, [{"of": [{"id": first, "condition": "CORR", "line": 0}]}])

    def test_why_names_the_arrays_that_have_not_ended(self):
        first, second, third = (self.array("0-1", "--hold", "true") for _ in range(3))
        after = f"corr:{first},corr:{second}?corr:{third}"
        group = self.array("0-1", "--after", after, "true")
        why = f"job {group} waits: for 2 of 2 tasks, of which 2 wait at a gate, for those of the same index in"

        def told():
            return self.ok("why", str(group)).text

        self.assertEqual(told(), f"{why} arrays {first}, {second} and {third}\n")
        self.ok("release", str(second))
        self.ok("wait", str(second))
        self.assertEqual(told(), f"{why} arrays {first} and {third}\n")
        self.assertIn(f"in arrays {first}, {second} and {third}\n",
                      self.ok("submit", "--dry-run", "--array", "0-1", "--after", after, "true").text)
        self.ok("release", str(first))
        self.ok("wait", str(group))
        # The other alternative is left.
        self.ok("cancel", str(third))
        gate = int(self.ok("submit", "--hold", "true").text)
        group = self.array("0-1", "--after", f"corr:{third}?ok:{gate}", "true")
        self.assertEqual(told(), f"job {group} waits: for 2 of 2 tasks, of which 2 wait at a gate\n")
        self.ok("cancel", str(gate))

    def test_dry_run(self):
        first = self.array("0-3", "--hold", "--shell", "test $GOR_ARRAY_INDEX != 1")
        words = ("submit", "--dry-run", "--array", "1-3", "--after", f"corr:{first}", "true")
        self.assertEqual(self.ok(*words).text,
                         "would be taken as an array of 3 tasks; not started now: "
                         f"3 of 3 tasks wait for those of the same index in array {first}\n")
        self.ok("release", str(first))
        self.client.wait(first)
        self.assertIn("not started now: 1 of 3 tasks would never run", self.ok(*words).text)
        self.assertIn("would start now",
                      self.ok("submit", "--dry-run", "--array", "2-3", "--after", f"corr:{first}",
                              "true").text)
        self.refused(ctl.USAGE, f"array {first} has the indices 0-3, and not 4", "submit",
                     "--dry-run", "--array", "1-4", "--after", f"corr:{first}", "true")

    def test_lines_of_a_file(self):
        lines = [{"argv": ["true"]}, {"shell": "test $GOR_ARRAY_INDEX != 2", "array": "1-3"},
                 {"argv": ["true"], "array": "3,2", "after": "corr:@2,any:@1"}]
        text = "".join(json.dumps(line) + "\n" for line in lines).encode()
        _, first, second = map(int, self.ok("submit", "--from", "-", stdin=text).text.split())
        self.assertEqual(self.outcomes(second), [SUCCEEDED, DEPENDENCY_FAILED])
        of = [t.spec.after[0].of[0].id for t in tasks_of(self.client, second)]
        self.assertEqual(of, [t.id for t in tasks_of(self.client, first)][:0:-1])
        self.assertEqual([c.of[0].id for c in self.client.get(second).spec.after],
                         [first, first - 1])
        line = json.dumps({"argv": ["true"], "array": "1", "after": f"corr:{first}"}).encode()
        streamed = self.ok("submit", "--stream", "--from", "-", stdin=line).text.split()[-1]
        self.ok("wait", streamed)

    # ---------------------------------------------------------------- what is refused

    def test_refused_before_it_is_sent(self):
        self.refused(ctl.USAGE, "--after: corr: is for the tasks of an array", "submit", "--after",
                     "corr:1", "true")
        self.refused(ctl.USAGE, '"after": corr: is for the tasks of an array', "submit", "--from",
                     "-", stdin=b'{"argv": ["true"], "after": "corr:1"}\n')
        self.refused(ctl.USAGE, "start: or corr: before it", "submit", "--after", "core:1", "true")

    def test_refused_by_the_daemon_in_words_of_the_command_line(self):
        alone = self.submit("true")
        self.refused(ctl.USAGE, f"gorctl: --after: corr takes an array, and job {alone} is none; with ok "
                     "each task waits for it", "submit", "--array", "1", "--after", f"corr:{alone}",
                     "true")
        self.refused(ctl.USAGE, "gorctl: --queue: 'No Such' is no name of a queue", "submit", "-q",
                     "No Such", "true")
        self.refused(ctl.USAGE, "gorctl: --token: 'A' is no name of a pool", "submit", "--token",
                     "A=1", "true")

    def test_refused_by_the_daemon(self):
        client = self.client
        alone = client.native("builtin.echo")
        first = self.array("0-3,8-20:4", "--hold", "true")

        def refused(code, text, *ids, indices=((0, 3),), **more):
            spec = client.native_spec("builtin.echo", after=named(client, *ids), **more)
            for a, b in indices:
                spec.array.indices.add(first=a, last=b)
            for method, request in (("Submit", {"spec": spec}), ("SubmitMany", {"specs": [spec]})):
                self.assertStatus(code, client.jobs, method, text=text, **request)

        refused(INVALID, "condition corr makes each task of an array wait", first, indices=())
        refused(REFUSED, f"and job {alone} is none", alone)
        refused(REFUSED, f"job {first + 1} is a task of one; name that, job {first}", first + 1)
        refused(REFUSED, f"array {first} has the indices 0-3,8-20:4, and not 9, which is one of "
                "2-3,8-9", first, indices=((2, 3), (8, 9)))
        refused(grpc.StatusCode.NOT_FOUND, "there is no job 987654", 987654)
        refused(INVALID, "names 17 arrays with corr, at most 16", *[first] * 17)
        refused(INVALID, "more than the 1000000 dependencies", *[first] * 11,
                indices=((0, 99999),))
        array = client.native_spec("builtin.echo")
        array.array.indices.add(first=0, last=1)
        for line, code, text in ((1, INVALID, "and line 1 is none"),
                                 (2, REFUSED, "the array of the line has the indices 0-1, and not 2"),
                                 (3, INVALID, "line 3 does not stand before")):
            last = client.native_spec("builtin.echo", after=[client.message("AnyOf", of=[
                client.message("Dependency", line=line, condition=CORR)])])
            last.array.indices.add(first=0, last=2)
            self.assertStatus(code, client.jobs, "SubmitMany", text=text,
                              specs=[client.native_spec("builtin.echo"), array, last])

    def test_many(self):
        count = 1000 if e2e.SANITIZE else 10000
        first = self.array(f"0-{count - 1}", "--hold", "--native", "builtin.echo")
        second = self.array(f"0-{count - 1}", "--after", f"corr:{first}", "--native",
                            "builtin.echo")
        self.ok("release", str(first))
        self.ok("wait", str(second))
        third = self.array(f"0-{count - 1}", "--after", f"corr:{second}", "--native",
                           "builtin.echo")
        self.ok("wait", str(third))


class Kept(e2e.KillTest):
    """Over deaths of the daemon."""

    def array(self, *argv, count=3, **fields):
        spec = self.client.exec_spec(*argv, **fields)
        spec.array.indices.add(first=0, last=count - 1)
        return self.client.submit(spec)

    def outcomes(self, group):
        tasks = tasks_of(self.client, group)
        return [job.outcome for job in self.client.wait(*(task.id for task in tasks))]

    def test_lost_and_not_yet_run(self):
        first = self.array("sh", "-c", "test $GOR_ARRAY_INDEX != 0 || exec sleep 1000", held=True)
        self.client.jobs("Hold", ids=[first + 2, first + 3])
        second = self.array("true", after=named(self.client, first))
        self.client.jobs("Release", ids=[first, first + 2])
        self.client.wait_process(first + 1)
        self.client.wait(second + 2)
        self.restart()
        self.assertEqual(self.client.wait(second + 1).outcome, DEPENDENCY_FAILED)
        self.assertEqual(self.client.get(second + 3).state, CREATED)
        self.assertIn(f"waits for job {first + 3} (task 2 of array {first}) to succeed",
                      self.client.get(second + 3).reason)
        self.assertIn(f"1 waits at a gate, for that of the same index in array {first}",
                      self.client.get(second).reason)
        self.client.jobs("Release", ids=[first + 3])
        self.assertEqual(self.outcomes(second), [DEPENDENCY_FAILED, SUCCEEDED, SUCCEEDED])
        shown = self.client.wait(second)
        self.assertEqual((shown.outcome, shown.detail), (FAILED, "1 of 3 tasks never ran"))

    def test_held_array_whose_other_has_ended(self):
        first = self.array("sh", "-c", "test $GOR_ARRAY_INDEX != 0")
        self.client.wait(first)
        second = self.array("true", held=True, after=named(self.client, first))
        self.assertEqual(self.client.wait(second + 1).outcome, DEPENDENCY_FAILED)
        self.restart()
        self.assertEqual(self.client.get(second + 2).reason, f"waits for its array, job {second}")
        self.client.jobs("Release", ids=[second])
        self.assertEqual(self.outcomes(second), [DEPENDENCY_FAILED, SUCCEEDED, SUCCEEDED])


class Retained(unittest.TestCase):
    """What others wait for is kept; and moved from one daemon to another."""

    def array(self, client, *spans, **fields):
        spec = client.native_spec("builtin.echo", **fields)
        for a, b in spans:
            spec.array.indices.add(first=a, last=b)
        return client.submit(spec)

    def test_task_is_kept_until_the_one_that_waits_has_ended(self):
        _, client = e2e.begin_gord(self, "--keep-jobs", "2")
        first = self.array(client, (0, 2), held=True)
        second = self.array(client, (0, 2), held=True, after=named(client, first))
        client.jobs("Release", ids=[first])
        client.wait(first)
        result = client.jobs("Remove", ids=[first + 1]).results[0]
        self.assertEqual(result.message,
                         f"job {second + 1} is to run after it; remove it when that has ended")
        client.jobs("Cancel", ids=[second + 2])
        for _ in range(20):
            client.wait(client.native("builtin.echo"))
        e2e.until(lambda: client.jobs("List", limit=1).total_terminated <= 2 + 4)
        ids = {job.id for job in client.jobs("List", limit=1000).jobs}
        self.assertLessEqual({first, first + 1, first + 3}, ids)
        client.jobs("Release", ids=[second])
        shown = client.wait(second)
        self.assertEqual(shown.detail, "1 of 3 tasks was cancelled")
        e2e.until(lambda: client.jobs("List", limit=1).total_terminated <= 2)
        left = {job.id for job in client.jobs("List", limit=1000).jobs}
        self.assertFalse(left & {first, first + 1, first + 2, first + 3})

    def test_array_that_is_not_whole_any_more(self):
        _, client = e2e.begin_gord(self)
        first = self.array(client, (0, 2))
        client.wait(first)
        client.jobs("Remove", ids=[first + 2])
        with self.assertRaises(grpc.RpcError) as raised:
            self.array(client, (0, 0), after=named(client, first))
        self.assertEqual(raised.exception.code(), REFUSED)
        self.assertIn(f"the tasks of array {first} are not all kept any more",
                      raised.exception.details())

    def test_moved_with_other_ids(self):
        gord, client = e2e.begin_gord(self)
        first = self.array(client, (4, 6))
        second = self.array(client, (5, 6), after=named(client, first))
        client.wait(second)
        lines = ctl.run("export", host=gord.socket).out
        path = os.path.join(gord.folder, "jobs.ndjson")
        with open(path, "wb") as out:
            out.write(lines)
        there, other = e2e.begin_gord(self)
        other.wait(*[other.native("builtin.echo") for _ in range(5)])
        done = ctl.run("import", path, host=there.socket)
        self.assertEqual(done.code, 0, done)
        ids = dict(map(int, line.split()) for line in done.text.splitlines())
        self.assertNotEqual(ids[first], first)
        shown = other.get(ids[second]).spec.after[0].of[0]
        self.assertEqual((shown.id, shown.condition), (ids[first], CORR))
        self.assertEqual([t.spec.after[0].of[0].id for t in tasks_of(other, ids[second])],
                         [ids[first + 2], ids[first + 3]])
        # Its tasks have ids that follow each other there as well, so one may wait for it.
        third = self.array(other, (6, 6), after=named(other, ids[first]))
        self.assertEqual(other.wait(third).outcome, SUCCEEDED)
        self.assertEqual(other.get(third + 1).spec.after[0].of[0].id, ids[first + 3])


if __name__ == "__main__":
    e2e.main()
