# SPDX-License-Identifier: MIT
"""gorctl retry of tasks: the array that has ended lives again with them, and tells its end anew."""

import os

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import DEPENDENCY_FAILED, FAILED, RUNNING, SUCCEEDED, TERMINATED, WAITING, grpc

DONE, REFUSED = 1, 3


class Helpers:
    """Arrays whose odd tasks fail until a file is there."""

    def flag(self):
        return os.path.join(self.gord.folder, f"flag{self.id()}")

    def repair(self):
        with open(self.flag(), "w", encoding="utf-8"):
            pass

    def spec(self, script="", last=3, at_once=0, **fields):
        spec = self.client.exec_spec(
            "sh", "-c", f"test -e {self.flag()} || exit $((GOR_ARRAY_INDEX % 2)); {script}", **fields)
        spec.array.indices.add(first=0, last=last)
        spec.array.at_once = at_once
        return spec

    def failing(self, *words, **fields):
        group = self.client.submit(self.spec(*words, **fields))
        self.assertEqual(self.client.wait(group).outcome, FAILED)
        return group

    def retry(self, *ids, **fields):
        return {r.id: (r.status, r.message)
                for r in self.client.jobs("Retry", ids=ids, **fields).results}

    def runs(self, group):
        """How often each task has ended."""
        tasks = [job.id for job in self.client.jobs("Tree", id=group).jobs[1:]
                 if job.spec.parent_id == group]
        return [sum(1 for e in self.client.events(task) if e.outcome) for task in tasks]


class ArrayAgain(Helpers, e2e.GordTest):
    options = ("--exec-slots", "4")

    def test_those_that_failed_run_again_and_the_array_succeeds(self):
        group = self.failing(labels={"set": "one"})
        self.repair()
        label = self.client.message("LabelMatch", key="set", value="one")
        done = self.retry(selector=self.client.message("Selector", labels=[label],
                                                       outcomes=[FAILED]))
        self.assertEqual(done, {group + 2: (DONE, "run 2"), group + 4: (DONE, "run 2")})
        whole = self.client.wait(group)
        self.assertEqual((whole.outcome, whole.detail), (SUCCEEDED, ""))
        self.assertEqual(self.runs(group), [1, 2, 1, 2])
        self.assertEqual([e.outcome for e in self.client.events(group) if e.outcome],
                         [FAILED, SUCCEEDED])

    def test_array_by_id_stands_for_its_bad_tasks(self):
        group = self.failing()
        self.assertEqual(list(self.retry(group)), [group + 2, group + 4])
        whole = self.client.wait(group)
        self.assertEqual((whole.outcome, whole.detail), (FAILED, "2 of 4 tasks failed"))
        # Each once, however often it is named; one that succeeded runs again only by its id.
        self.assertEqual(list(self.retry(group, group + 1, group + 2, group + 2)),
                         [group + 1, group + 2, group + 4])
        self.client.wait(group)
        self.assertEqual(self.runs(group), [2, 3, 1, 3])
        self.repair()
        self.retry(group)
        self.assertEqual(self.client.wait(group).outcome, SUCCEEDED)
        status, why = self.retry(group)[group]
        self.assertEqual(status, REFUSED)
        self.assertIn("none of its tasks has ended but well", why)

    def test_slots_of_the_array_count(self):
        group = self.failing(at_once=1, last=5)
        self.repair()
        self.retry(group)
        self.client.wait(group)
        spans = sorted((j.started_ns, j.finished_ns)
                       for j in self.client.jobs("Tree", id=group).jobs[1:])[-3:]
        self.assertTrue(all(a[1] <= b[0] for a, b in zip(spans, spans[1:])), spans)

    def test_task_of_a_live_array_runs_again(self):
        group = self.client.submit(self.spec("", last=3))
        self.client.wait(group)
        self.retry(group + 2, delay_ns=1000 * e2e.SECOND)
        self.assertEqual(self.client.get(group).state, WAITING)
        self.assertEqual(self.retry(group + 2)[group + 2], (REFUSED, "it has not ended"))
        self.repair()
        self.assertEqual(self.retry(group), {group + 4: (DONE, "run 2")})
        self.client.wait(group + 4)
        self.assertEqual(self.client.get(group).state, WAITING)
        self.client.jobs("Cancel", ids=[group])
        self.assertEqual(self.client.wait(group).outcome, e2e.CANCELLED)

    def test_who_comes_behind_waits_for_the_new_end(self):
        group = self.failing()
        self.repair()
        self.retry(group, delay_ns=e2e.SECOND // 5)
        clause = self.client.message("AnyOf", of=[self.client.message("Dependency", id=group)])
        behind = self.client.exec("true", after=[clause])
        self.assertEqual(self.client.wait(behind).outcome, SUCCEEDED)

    def test_array_that_never_began_waits_anew_with_what_it_waits_for(self):
        first = self.client.exec("sh", "-c", f"test -e {self.flag()}")
        spec = self.spec()
        spec.after.add().of.add(id=first)
        group = self.client.submit(spec)
        self.assertEqual(self.client.wait(group).outcome, DEPENDENCY_FAILED)
        self.client.wait(*range(group + 1, group + 5))  # they end behind it
        # By itself it finds what it found before.
        self.assertEqual({s for s, _ in self.retry(group).values()}, {DONE})
        self.assertEqual(self.client.wait(group).outcome, DEPENDENCY_FAILED)
        self.client.wait(*range(group + 1, group + 5))
        self.repair()
        self.assertEqual(list(self.retry(group, first)), [first] + [group + i for i in range(1, 5)])
        self.assertEqual(self.client.wait(group).outcome, SUCCEEDED)
        self.assertGreaterEqual(self.client.get(group).started_ns,
                                self.client.get(first).finished_ns)

    def test_unique_key_of_the_array_is_taken(self):
        group = self.failing(unique_key="array-again")
        other = self.client.exec("true", held=True, unique_key="array-again", on_conflict=3)
        why = f"its array, job {group}: job {other} has its unique key and has not ended"
        self.assertEqual(self.retry(group), {group + 2: (REFUSED, why), group + 4: (REFUSED, why)})
        self.client.jobs("Cancel", ids=[other])
        self.client.wait(other)
        self.retry(group, delay_ns=1000 * e2e.SECOND)
        self.assertStatus(grpc.StatusCode.ALREADY_EXISTS, self.client.exec, "true",
                          unique_key="array-again", on_conflict=3)
        self.client.jobs("Cancel", ids=[group])
        self.client.wait(group)

    def test_array_with_a_task_that_is_gone_is_refused(self):
        group = self.failing()
        self.client.jobs("Remove", ids=[group + 1])
        status, why = self.retry(group + 2)[group + 2]
        self.assertEqual(status, REFUSED)
        self.assertIn(f"its array, job {group}, has tasks that are no longer kept", why)
        self.assertIn("gorctl rerun", why)
        self.assertEqual(self.client.get(group).state, TERMINATED)

    def test_hooks_tell_again(self):
        log = os.path.join(self.gord.folder, "hooks")
        group = self.failing(last=1, on_finish=[
            b"sh", b"-c", f"echo $GOR_HOOK_JOB $GOR_HOOK_OUTCOME >>{log}".encode()])
        self.repair()
        self.retry(group)
        self.client.wait(group)
        hooks = [j.id for j in self.client.jobs("List", limit=100).jobs
                 if j.spec.HasField("hook_of")]
        self.client.wait(*hooks)
        with open(log, encoding="utf-8") as file:
            told = [line for line in file.read().splitlines() if line.startswith(f"{group} ")]
        self.assertEqual(told, [f"{group} failed", f"{group} succeeded"])

    def test_gorctl(self):
        def run(*args):
            return ctl.run(*args, host=self.gord.target)

        group = run("submit", "-l", "by=arrays", "--array", "0-2", "--shell",
                    "exit $GOR_ARRAY_INDEX").text.strip()
        self.assertEqual(run("wait", group).code, 1)
        done = run("retry", "-l", "by=arrays", "--exit-code", "2")
        self.assertEqual((done.code, done.text), (0, f"{int(group) + 3}  retried: run 2\n"))
        self.assertEqual(run("wait", group).code, 1)
        self.assertIn("for tasks that run again", run("show", group).text)


class Restart(Helpers, e2e.KillTest):
    def test_revived_array_outlives_a_kill(self):
        group = self.failing(last=5)
        waits, runs = group + 2, group + 4
        self.retry(waits, delay_ns=1000 * e2e.SECOND)
        self.repair()
        self.retry(runs)
        self.client.wait(runs)
        self.restart()
        whole = self.client.get(group)
        self.assertEqual((whole.state, whole.progress.done), (WAITING, 5))
        self.assertEqual(self.client.get(waits).state, e2e.CREATED)
        self.client.jobs("Cancel", ids=[waits])
        whole = self.client.wait(group)
        self.assertEqual((whole.outcome, whole.detail),
                         (FAILED, "1 of 6 tasks failed, 1 was cancelled"))
        self.assertEqual(list(self.retry(group)), [waits, group + 6])
        self.assertEqual(self.client.wait(group).outcome, SUCCEEDED)
        self.assertStoreIsSound()

    def test_killed_while_a_task_runs_again(self):
        spec = self.spec(f"test $GOR_ARRAY_INDEX = 0 || test -e {self.flag()}2 || exec sleep 1000",
                         last=1)
        group = self.client.submit(spec)
        self.client.wait(group)
        self.repair()
        self.retry(group)
        self.client.wait_state(group + 2, RUNNING)
        self.restart()
        self.assertEqual(self.client.wait(group + 2).outcome, e2e.LOST)
        self.assertEqual(self.client.wait(group).outcome, FAILED)
        with open(f"{self.flag()}2", "w", encoding="utf-8"):
            pass
        self.retry(group)
        self.assertEqual(self.client.wait(group).outcome, SUCCEEDED)
        self.assertStoreIsSound()


if __name__ == "__main__":
    e2e.main()
