# SPDX-License-Identifier: MIT
"""Arrays: one job with a task for each index, together and one by one; over kills of the daemon."""

import os
import time
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import CANCELLED, CREATED, FAILED, RUNNABLE, RUNNING, SUCCEEDED, WAITING, grpc

ECHO = 'echo "$GOR_ARRAY_INDEX of $GOR_ARRAY_COUNT in $GOR_ARRAY_ID as $GOR_JOB_ID"'


def ranges(client, *spans, at_once=0):
    """An Array message of (first, last[, step]) each."""
    array = client.message("Array", at_once=at_once)
    for span in spans:
        first, last, step = (*span, 0)[:3]
        array.indices.add(first=first, last=last, step=step)
    return array


def tasks_of(client, group):
    """Its tasks in their order."""
    return list(client.jobs("Tree", id=group).jobs)[1:]


class Arrays(ctl.GorctlTest):
    options = ("--grace", "500ms", "--exec-slots", "8")

    def tearDown(self):
        self.gorctl("cancel", "--all")

    def array(self, indices, *words, **more):
        """Its id."""
        return self.submit("--array", indices, *words, **more)

    def tasks(self, group):
        return tasks_of(self.client, group)

    def states(self, group):
        return [job.state for job in self.tasks(group)]

    def wait_running(self, *jobs):
        for job in jobs:
            self.client.wait_state(job, RUNNING)

    # ---------------------------------------------------------------- what they are

    def test_each_task_knows_its_index(self):
        group = self.array("1,3,7-9:2", "-n", "conv", "--shell", ECHO)
        done = self.ok("wait", str(group))
        self.assertRegex(done.text, rf"^{group}  succeeded")
        tasks = self.tasks(group)
        self.assertEqual([t.spec.name for t in tasks],
                         ["conv[1]", "conv[3]", "conv[7]", "conv[9]"])
        self.assertEqual([t.id for t in tasks], list(range(group + 1, group + 5)))
        for task in tasks:
            self.assertEqual((task.outcome, task.spec.parent_id), (SUCCEEDED, group))
            self.assertEqual(self.client.logs(task.id).decode(),
                             f"{task.spec.task.index} of 4 in {group} as {task.id}\n")
        shown = self.client.get(group)
        self.assertEqual((shown.outcome, shown.detail), (SUCCEEDED, ""))
        self.assertEqual((shown.progress.done, shown.progress.total, shown.progress.text),
                         (4, 4, "4 of 4 tasks"))
        self.assertGreater(shown.started_ns, 0)
        text = self.ok("show", str(group)).text
        self.assertRegex(text, r"Tasks +array 1,3,7-9:2\n")
        self.assertRegex(self.ok("show", str(group + 1)).text,
                         rf"Task +index 1 of array {group}, which has 4\n")

    def test_the_answer_tells_how_many_there_are(self):
        spec = self.client.native_spec("builtin.echo")
        self.assertEqual(self.client.jobs("Submit", spec=spec).tasks, 0)
        spec.array.indices.add(first=1, last=9, step=2)
        for request_id in (b"", b"", b"1234567890abcdef", b"1234567890abcdef"):
            self.assertEqual(
                self.client.jobs("Submit", spec=spec, request_id=request_id).tasks, 5)
        self.assertEqual(self.client.jobs("Submit", spec=spec, dry_run=True).tasks, 5)

    def test_scripts_and_natives_are_tasks_too(self):
        group = self.array("5-6", "--lua", "-", stdin=b"print(job.array.index, job.array.count, "
                           b"job.array.id) return 0")
        self.ok("wait", str(group))
        self.assertEqual(self.client.logs(group + 1).decode(), f"5\t2\t{group}\n")
        alone = self.submit("--lua", "-", stdin=b"print(job.array)")
        self.ok("wait", str(alone))
        self.assertEqual(self.client.logs(alone), b"nil\n")
        group = self.array("0-2", "--native", "builtin.echo", "x")
        self.assertEqual(self.ok("wait", str(group)).code, 0)

    def test_no_more_run_at_a_time_than_it_says(self):
        group = self.array("0-4%2", "sleep", "1000")
        first, second, third = group + 1, group + 2, group + 3
        self.wait_running(first, second)
        self.assertEqual(self.states(group), [RUNNING, RUNNING, RUNNABLE, RUNNABLE, RUNNABLE])
        self.assertIn("waits for other tasks of its array (2 of at most 2 run)",
                      self.ok("why", str(third)).text)
        shown = self.client.get(group)
        self.assertEqual((shown.state, shown.reason),
                         (WAITING, "for 5 of 5 tasks, of which 2 run"))
        # Others are not held up by it.
        self.assertEqual(self.ok("run", "echo", "passes").out, b"passes\n")
        self.ok("cancel", str(first))
        self.wait_running(third)
        self.assertEqual(self.states(group)[3:], [RUNNABLE, RUNNABLE])
        self.assertEqual(self.client.get(group).reason, "for 4 of 5 tasks, of which 2 run")

    def test_tasks_stand_in_their_queue_and_want_their_tokens(self):
        self.ok("pool", "create", "gpu", "1")
        group = self.array("0-2%2", "--token", "gpu", "--priority", "3", "sleep", "1000")
        self.wait_running(group + 1)
        why = self.ok("why", "--json", str(group + 2)).json
        self.assertEqual(why["resource"], "gpu")
        self.assertEqual(self.states(group), [RUNNING, RUNNABLE, RUNNABLE])

    def test_fails_with_counts(self):
        group = self.array("0-9", "--shell", "test $GOR_ARRAY_INDEX -lt 7")
        done = self.gorctl("wait", str(group))
        self.assertEqual(done.code, 1)
        self.assertIn("3 of 10 tasks failed", done.text)
        shown = self.client.get(group)
        self.assertEqual((shown.outcome, shown.exit_code), (FAILED, 1))
        self.assertEqual(shown.progress.text, "10 of 10 tasks, 3 failed")

    def test_each_task_is_retried_by_itself(self):
        folder = self.gord.folder
        group = self.array("0-3", "--retries", "2", "--backoff", "1ms", "--shell",
                           f'echo x >>{folder}/r$GOR_ARRAY_INDEX; test $GOR_ARRAY_INDEX != 1 || '
                           f'test $(wc -l <{folder}/r1) = 3')
        self.ok("wait", str(group))
        self.assertEqual([t.attempt for t in self.tasks(group)], [0, 2, 0, 0])

    # ---------------------------------------------------------------- verbs

    def test_cancel_goes_through(self):
        group = self.array("0-99%2", "sleep", "1000")
        self.wait_running(group + 1, group + 2)
        self.ok("cancel", str(group))
        done = self.gorctl("wait", str(group))
        self.assertEqual(done.code, ctl.CANCELLED)
        shown = self.client.get(group)
        self.assertEqual(shown.outcome, CANCELLED)
        self.assertRegex(shown.detail, "^cancelled by user .*; 100 of 100 tasks were cancelled$")
        self.assertEqual({t.outcome for t in self.tasks(group)}, {CANCELLED})

    def test_cancelled_task_does_not_cancel_the_others(self):
        group = self.array("0-2", "--hold", "true")
        self.ok("cancel", str(group + 2))
        self.ok("release", str(group))
        self.assertEqual(self.gorctl("wait", str(group)).code, 1)
        shown = self.client.get(group)
        self.assertEqual((shown.outcome, shown.detail), (FAILED, "1 of 3 tasks was cancelled"))

    def test_terminate_goes_through(self):
        group = self.array("0-1", "--shell", "trap '' TERM; echo ready; while :; do sleep 1; done")
        for task in (group + 1, group + 2):
            self.assertEqual(next(iter(self.client.jobs("Logs", id=task, follow=True))).data,
                             b"ready\n")
        self.ok("terminate", str(group))
        self.assertEqual(self.gorctl("wait", str(group)).code, ctl.CANCELLED)

    def test_hold_keeps_those_that_have_not_started(self):
        group = self.array("0-3%1", "--shell", "test -e go$GOR_ARRAY_INDEX || exec sleep 1000",
                           cwd=self.gord.folder)
        self.wait_running(group + 1)
        self.ok("hold", str(group))
        self.assertEqual(self.states(group), [RUNNING, CREATED, CREATED, CREATED])
        self.assertEqual(self.client.get(group + 2).reason, f"waits for its array, job {group}")
        self.assertIn("held", self.client.get(group).reason)
        self.ok("cancel", str(group + 1))
        self.client.wait(group + 1)
        self.assertEqual(self.states(group)[1:], [CREATED] * 3)
        # One that is held itself stays so.
        self.ok("hold", str(group + 3))
        for index in (1, 2, 3):
            with open(os.path.join(self.gord.folder, f"go{index}"), "w", encoding="ascii"):
                pass
        self.ok("release", str(group))
        self.client.wait(group + 2, group + 4)
        self.assertEqual(self.client.get(group + 3).state, CREATED)
        self.assertEqual(self.client.get(group).state, WAITING)
        self.ok("release", str(group + 3))
        self.assertEqual(self.gorctl("wait", str(group)).code, 1)

    def test_held_task_released_while_the_array_is_held_waits_on(self):
        group = self.array("0-1", "--hold", "true")
        self.ok("hold", str(group + 1))
        self.ok("release", str(group + 1))
        self.assertEqual(self.states(group), [CREATED, CREATED])
        self.ok("release", str(group))
        self.ok("wait", str(group))

    def test_pause_resume_and_signal_reach_what_runs(self):
        group = self.array("0-3%2", "sleep", "1000")
        for task in (group + 1, group + 2):
            self.client.wait_process(task)
        self.ok("pause", str(group))
        self.assertEqual(self.states(group), [WAITING, WAITING, RUNNABLE, RUNNABLE])
        self.ok("resume", str(group))
        self.assertEqual(self.states(group)[:2], [RUNNING, RUNNING])
        self.ok("signal", "USR1", str(group))
        ended = self.client.wait(group + 1, group + 2)
        self.assertEqual([t.outcome for t in ended], [e2e.SIGNALED] * 2)

    def test_others_run_after_it(self):
        group = self.array("0-2", "--hold", "true")
        ok = self.submit("--after", str(group), "echo", "ok")
        started = self.submit("--after", f"start:{group}", "echo", "start")
        self.assertEqual(self.client.get(ok).state, CREATED)
        self.ok("release", str(group))
        self.ok("wait", str(ok), str(started))
        bad = self.array("0-2", "--hold", "--shell", "test $GOR_ARRAY_INDEX = 1")
        never = self.submit("--after", str(bad), "true")
        then = self.submit("--after", f"notok:{bad}", "true")
        self.ok("release", str(bad))
        self.assertEqual(self.client.wait(never).outcome, e2e.DEPENDENCY_FAILED)
        self.ok("wait", str(then))

    def test_runs_after_others_as_a_whole(self):
        first = self.submit("--hold", "false")
        second = self.array("0-1", "--after", f"any:{first}", "true")
        third = self.array("0-1", "--after", str(second), "true")
        never = self.array("0-1", "--after", str(first), "true")
        self.assertEqual(self.states(second) + self.states(third), [CREATED] * 4)
        self.assertIn(f"waits for job {first}", self.client.get(second).reason)
        self.ok("release", str(first))
        self.ok("wait", str(second), str(third))
        shown = self.client.wait(never)
        self.assertEqual(shown.outcome, e2e.DEPENDENCY_FAILED)
        ends = self.client.wait(never + 1, never + 2)
        self.assertEqual({t.outcome for t in ends}, {CANCELLED})

    def test_runs_not_after_what_has_come_otherwise_already(self):
        bad = self.submit("false")
        self.client.wait(bad)
        group = self.array("0-1", "--after", str(bad), "true")
        shown = self.client.wait(group)
        self.assertEqual(shown.outcome, e2e.DEPENDENCY_FAILED)
        self.assertIn(f"it waited for job {bad} to succeed, which failed", shown.detail)
        ends = self.client.wait(group + 1, group + 2)
        self.assertEqual({(t.outcome, t.started_ns) for t in ends}, {(CANCELLED, 0)})

    def test_times_gate_and_end_it(self):
        group = self.array("0-1", "--in", "1ms", "true")
        self.ok("wait", str(group))
        late = self.array("0-1", "--in", "1000s", "--start-before", "1ms", "true")
        self.assertEqual(self.gorctl("wait", str(late)).code, 1)
        self.assertEqual({t.outcome for t in self.tasks(late)}, {e2e.EXPIRED})
        self.assertEqual(self.client.get(late).detail, "2 of 2 tasks failed")

    def rerun(self, *words):
        """What it says of each job, and the new ones."""
        results = self.ok("rerun", *words, "--json").json["results"]
        new = {r["id"]: r["new_id"] for r in results if r.get("new_id")}
        if new:
            self.client.wait(*new.values())
        return {r["id"]: r.get("message", "") for r in results}, new

    def test_rerun_of_a_description_is_about_tasks(self):
        group = self.array("0-3", "-l", "parts=again", "--shell", "exit $((GOR_ARRAY_INDEX % 2))")
        self.client.wait(group)
        said, new = self.rerun("-l", "parts=again", "--outcome", "failed")
        self.assertEqual(list(said), [group + 2, group + 4])
        self.assertEqual([self.client.get(job).spec.task.index for job in new.values()], [1, 3])
        self.assertEqual([self.client.get(job).exit_code for job in new.values()], [1, 1])

    def test_rerun_of_an_array_and_its_tasks_runs_each_once(self):
        group = self.array("0-2", "true")
        self.client.wait(group)
        for words in ((f"{group}-{group + 3}",), (str(group + 2), str(group)),
                      (f"{group}-{group + 3}", "--outcome", "succeeded")):
            said, new = self.rerun(*words)
            self.assertEqual(list(new), [group])
            self.assertEqual(len(self.tasks(new[group])), 3)
            self.assertEqual(said[group + 2], f"runs again with its array, job {group}")
        said, new = self.rerun(f"{group + 1}-{group + 3}")
        self.assertEqual(list(new), [group + 1, group + 2, group + 3])

    def test_rerun_is_the_whole_again(self):
        group = self.array("2,4%1", "-n", "again", "-l", "of=x", "--shell", ECHO)
        self.ok("wait", str(group))
        said = self.ok("rerun", str(group)).text
        new = int(said.split()[-1])
        self.ok("wait", str(new))
        shown = self.client.get(new)
        self.assertEqual((shown.spec.name, shown.spec.rerun_of, dict(shown.spec.labels)),
                         ("again", group, {"of": "x"}))
        self.assertEqual([t.spec.name for t in self.tasks(new)], ["again[2]", "again[4]"])
        self.assertEqual(self.client.logs(new + 2).decode(), f"4 of 2 in {new} as {new + 2}\n")
        # One task by itself keeps its index.
        one = int(self.ok("rerun", str(group + 2)).text.split()[-1])
        self.ok("wait", str(one))
        self.assertEqual(self.client.logs(one).decode(), f"4 of 2 in {group} as {one}\n")
        self.assertEqual(self.client.get(one).spec.parent_id, 0)

    def test_logs_name_the_tasks(self):
        group = self.array("0-1", "true")
        self.ok("wait", str(group))
        text = f"job {group} is an array, which writes nothing itself; its tasks do, from job " \
               f"{group + 1} on"
        for words in (("logs", str(group)), ("logs", "-f", str(group))):
            result = self.gorctl(*words)
            self.assertNotEqual(result.code, 0)
            self.assertIn(text, result.err.decode())

    def test_run_waits_and_ends_with_its_code(self):
        self.assertEqual(self.gorctl("run", "--array", "0-3", "true").code, 0)
        result = self.gorctl("run", "--array", "0-3", "--shell", "exit $GOR_ARRAY_INDEX")
        self.assertEqual((result.code, result.out), (1, b""))
        self.assertIn("3 of 4 tasks failed", result.err.decode())

    def test_lists_and_trees_show_it(self):
        group = self.array("0-2%1", "-n", "shown", "sleep", "1000")
        self.wait_running(group + 1)
        tree = self.ok("tree", str(group + 2)).text
        self.assertRegex(tree, rf"\n{group} +waiting .*array 0-2%1 +for 3 of 3 tasks, of which 1 "
                         r"runs\n")
        self.assertRegex(tree, rf"└─ {group + 3} +runnable ")
        self.assertRegex(self.ok("ls", "--name", "shown").text, rf"\n *{group} +waiting ")
        self.assertEqual(len(self.ok("ls", "--json", "--name", "shown").json["jobs"]), 4)

    def test_progress_counts_its_tasks(self):
        group = self.array("0-3%1", "--native", "builtin.sleep", "1000s")
        watch = self.client.jobs("Watch", ids=[group], with_progress=True, until_terminated=True)
        told = []
        for event in watch:
            if event.HasField("progress"):
                told.append((event.progress.done, event.progress.total))
                if len(told) == 1:
                    self.ok("cancel", str(group + 1))
                elif len(told) == 2:
                    self.ok("cancel", str(group))
        self.assertEqual(told[:2], [(0, 4), (1, 4)])

    # ---------------------------------------------------------------- submitting

    def test_request_id_and_unique_key_are_of_the_whole(self):
        words = ("submit", "--request-id", "12" * 16, "--array", "0-4", "--hold", "true")
        group = int(self.ok(*words).out)
        self.assertEqual(int(self.ok(*words).out), group)
        unique = self.array("0-1", "--unique", "one", "--hold", "true")
        again = self.gorctl("submit", "--unique", "one", "--array", "0-1", "true")
        self.assertEqual(int(again.out), unique)
        behind = self.array("0-1", "--unique", "one", "--on-conflict", "replace", "true")
        self.ok("wait", str(behind))
        self.assertEqual(self.client.get(unique).outcome, CANCELLED)

    def test_files_have_arrays_too(self):
        lines = b'{"argv": ["true"]}\n' \
                b'{"shell": "test $GOR_ARRAY_INDEX != 5", "array": "4-6%1", "name": "b"}\n' \
                b'{"argv": ["true"], "after": "any:@2"}\n'
        first, group, last = map(int, self.ok("submit", "--from", "-", stdin=lines).text.split())
        self.assertEqual((group, last), (first + 1, first + 2))
        self.ok("wait", str(last))
        self.assertEqual([t.spec.name for t in self.tasks(group)], ["b[4]", "b[5]", "b[6]"])
        self.assertEqual(self.client.get(group).detail, "1 of 3 tasks failed")
        streamed = self.ok("submit", "--stream", "--from", "-", stdin=lines.split(b"\n")[1])
        self.assertIn("1 of 3 tasks failed",
                      self.gorctl("wait", streamed.text.split()[-1]).text)
        bad = self.gorctl("submit", "--from", "-", stdin=b'{"argv": ["true"], "array": "3-1"}\n')
        self.assertEqual(bad.code, ctl.USAGE)
        self.assertIn("goes backwards", bad.err.decode())

    def test_one_is_no_plural(self):
        words = ("--array", "7", "--shell", "exit 3")
        self.assertEqual(self.ok("submit", "--dry-run", *words).text,
                         "would be taken as an array of 1 task; would start now\n")
        self.ok("queue", "create", "one", "1")
        group = int(self.ok("submit", "-q", "one", "--array", "7", "sleep", "1000").text)
        self.client.wait_state(group + 1, RUNNING)
        self.assertEqual(self.ok("why", str(group)).text,
                         f"job {group} waits: for 1 of 1 task, of which 1 runs\n")
        waits = int(self.ok("submit", "-q", "one", "true").text)
        self.refused(ctl.USAGE, "queue 'one' is in use: 1 job waits for it and 1 runs",
                     "queue", "rm", "one")
        self.ok("cancel", str(group), str(waits))
        self.client.wait(group, waits)
        self.ok("queue", "rm", "one")
        after = ("--after", f"corr:{int(self.ok('submit', '--hold', *words).text)}")
        self.assertIn("1 of 1 task waits for that of the same index in array",
                      self.ok("submit", "--dry-run", "--array", "7", *after, "true").text)
        group = int(self.ok("submit", *words).text)
        shown = self.client.wait(group)
        self.assertEqual((shown.detail, shown.progress.text),
                         ("1 of 1 task failed", "1 of 1 task, 1 failed"))

    def test_dry_run_tells_how_many(self):
        self.assertEqual(self.ok("submit", "--dry-run", "--array", "0-99%4", "true").text,
                         "would be taken as an array of 100 tasks; would start now\n")
        self.assertIn("not started now: held", self.ok("submit", "--dry-run", "--hold", "--array",
                                                       "0-9", "true").text)

    def test_bad_indices_are_told(self):
        for text, why in (("9-1", "goes backwards"), ("1,1", "there twice"), ("x", "neither"),
                          ("1%0", "how many may run"), ("0-100000", "at most 100000")):
            self.refused(ctl.USAGE, why, "submit", "--array", text, "true")

    def test_daemon_checks_for_itself(self):
        bad = grpc.StatusCode.INVALID_ARGUMENT
        client = self.client

        def refused(text, code=bad, **fields):
            spec = client.native_spec("builtin.echo", **fields)
            self.assertStatus(code, client.jobs, "Submit", spec=spec, text=text)
            self.assertStatus(code, client.jobs, "SubmitMany", specs=[spec], text=text)

        refused("at least one index", array=ranges(client))
        refused("before its first", array=ranges(client, (3, 1)))
        refused("is there twice", array=ranges(client, (0, 9), (3, 3)))
        refused("above the largest index", array=ranges(client, (0, 2**32 - 1)))
        refused("more than the 100000 tasks", array=ranges(client, (0, 100000)))
        refused("spec.name", array=ranges(client, (0, 1)), name="n" * 195)
        refused("set by gord", task=client.message("ArrayTask", array_id=1, count=2))
        spec = client.message("JobSpec", array=ranges(client, (0, 1)))
        spec.group.SetInParent()
        self.assertStatus(bad, client.jobs, "Submit", spec=spec, text="spec.group is set by gord")
        spec = client.exec_spec("cat", array=ranges(client, (0, 1)))
        spec.exec.stdin_pipe = True
        self.assertStatus(bad, client.jobs, "Submit", spec=spec, text="stdin_pipe")
        spec = client.native_spec("builtin.echo", array=ranges(client, (0, 999)))
        spec.native.input = bytes(1 << 20)
        self.assertStatus(bad, client.jobs, "Submit", spec=spec, text="that one array may take")
        half = [client.native_spec("builtin.echo", array=ranges(client, (0, 59999)))] * 2
        self.assertStatus(bad, client.jobs, "SubmitMany", specs=half, text="120000 jobs")
        group = self.array("0-1", "--hold", "true")
        refused("is an array", grpc.StatusCode.FAILED_PRECONDITION, parent_id=group)

    def test_below_a_job_it_ends_with_it(self):
        parent = self.submit("sleep", "1000")
        group = self.array("0-1", "--parent", str(parent), "sleep", "1000")
        self.wait_running(group + 1, group + 2)
        self.ok("cancel", str(parent))
        self.assertEqual(self.client.wait(group).outcome, CANCELLED)

    def test_many_tasks_in_one_go(self):
        count = 2000 if e2e.SANITIZE else 20000
        group = self.array(f"0-{count - 1}", "--native", "builtin.echo")
        self.ok("wait", str(group))
        self.assertEqual(self.client.get(group).progress.done, count)
        held = self.array(f"0-{count - 1}", "--hold", "--native", "builtin.echo")
        self.ok("cancel", str(held))
        self.assertEqual(self.gorctl("wait", str(held)).code, ctl.CANCELLED)


class Restart(e2e.KillTest):
    def array(self, spec, *spans, at_once=0):
        spec.array.CopyFrom(ranges(self.client, *spans, at_once=at_once))
        return self.client.submit(spec)

    def states(self, group):
        return [job.state for job in tasks_of(self.client, group)]

    def test_counts_and_limit_are_kept(self):
        spec = self.client.exec_spec("sh", "-c", "test $GOR_ARRAY_INDEX -lt 2 || exec sleep 1000")
        group = self.array(spec, (0, 5), at_once=1)
        self.client.wait_state(group + 3, RUNNING)
        self.restart()
        # The third was lost with the daemon; the fourth runs, and no other beside it.
        self.client.wait_state(group + 4, RUNNING)
        self.assertEqual(self.states(group)[2:], [e2e.TERMINATED, RUNNING, RUNNABLE, RUNNABLE])
        shown = self.client.get(group)
        self.assertEqual((shown.state, shown.reason),
                         (WAITING, "for 3 of 6 tasks, of which 1 runs"))
        self.assertGreater(shown.started_ns, 0)
        self.client.jobs("Cancel", ids=[group])
        shown = self.client.wait(group)
        self.assertEqual(shown.outcome, CANCELLED)
        self.assertIn("1 of 6 tasks failed, 3 were cancelled", shown.detail)

    def test_held_array_is_held(self):
        group = self.array(self.client.native_spec("builtin.echo", held=True), (0, 2))
        self.restart()
        self.assertEqual(self.states(group), [CREATED] * 3)
        self.assertEqual(self.client.get(group + 1).reason, f"waits for its array, job {group}")
        self.client.jobs("Release", ids=[group])
        self.assertEqual(self.client.wait(group).outcome, SUCCEEDED)

    def test_array_held_while_some_run(self):
        spec = self.client.exec_spec("sleep", "1000")
        spec.retry.retries = 3  # so that what a daemon's death ends runs again
        group = self.array(spec, (0, 2), at_once=1)
        self.client.wait_process(group + 1)
        self.client.jobs("Hold", ids=[group])
        self.restart()
        self.assertEqual(self.states(group), [CREATED] * 3)
        self.client.jobs("Release", ids=[group])
        self.client.wait_state(group + 1, RUNNING)
        self.client.jobs("Cancel", ids=[group])
        self.assertEqual(self.client.wait(group).outcome, CANCELLED)

    def test_last_tasks_lost_end_it(self):
        group = self.array(self.client.exec_spec("sleep", "1000"), (0, 1))
        for task in (group + 1, group + 2):
            self.client.wait_process(task)
        self.restart()
        shown = self.client.wait(group)
        self.assertEqual((shown.outcome, shown.detail), (FAILED, "2 of 2 tasks failed"))

    def test_stopped_daemon_leaves_the_rest(self):
        spec = self.client.exec_spec("sh", "-c", "test $GOR_ARRAY_INDEX -gt 0 || exec sleep 1000")
        group = self.array(spec, (0, 2), at_once=1)
        self.client.wait_process(group + 1)
        self.client.close()
        self.assertEqual(self.gord.stop(), 0)
        self.gord.start()
        self.client = self.gord.client()
        shown = self.client.wait(group)
        self.assertEqual((shown.outcome, shown.detail), (FAILED, "1 of 3 tasks was cancelled"))


class Kept(unittest.TestCase):
    """Tasks that have ended are kept until their array has."""

    def test_old_tasks_stay_while_their_array_lives(self):
        gord = e2e.Gord("--keep-jobs", "5")
        self.addCleanup(gord.close)
        gord.start()
        client = gord.client()
        spec = client.exec_spec("sh", "-c", "test $GOR_ARRAY_INDEX != 9 || exec sleep 1000",
                                array=ranges(client, (0, 9), at_once=1))
        group = client.submit(spec)
        client.wait_state(group + 10, RUNNING)
        for _ in range(20):
            client.wait(client.native("builtin.echo"))
        gord.kill()
        client.close()
        gord.start()
        client = gord.client()
        shown = client.wait(group)  # its last task was lost
        self.assertEqual((shown.outcome, shown.detail), (FAILED, "1 of 10 tasks failed"))
        end = time.monotonic() + e2e.PATIENCE  # removing makes no event to wait for
        while client.jobs("List", limit=1).total_terminated > 5:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        client.close()
        self.assertEqual(gord.stop(), 0)


if __name__ == "__main__":
    e2e.main()
