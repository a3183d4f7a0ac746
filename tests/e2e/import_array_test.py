# SPDX-License-Identifier: MIT
"""gorctl import: arrays that had not ended come across whole, or do not begin."""

import os
import queue
import re
import subprocess
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from import_e2e import ImportTest

EXHAUSTED = 8  # as RESOURCE_EXHAUSTED goes over the wire
CRASHING = os.environ.get("GORD_CRASHING", "")

# Tasks 0 and 1 end at once, the others once there is a file.
SCRIPT = 'i=$GOR_ARRAY_INDEX; echo "task $i"; case $i in 0) exit 0;; 1) exit 3;; esac; ' \
         'until [ -e "$GO" ]; do sleep 0.02; done; exit 0'


class CrashingGord(e2e.Gord):
    """A gord that dies at a place; afterwards a plain one on the same state."""

    def __init__(self, place):
        super().__init__("--exec-slots", "8", env={"GORD_CRASHPOINT": place})
        self.crashing = True

    def command(self):
        command = super().command()
        if self.crashing:
            command[command.index(e2e.GORD)] = CRASHING
        return command


class ImportArray(ImportTest):
    options = ("--exec-slots", "8")

    def array(self, count=5, at_once=2, **fields):
        """A live one, of which two have ended and as many run as may; its group and lines, with those of a job
        after it."""
        self.go = os.path.join(self.gord.folder, self.id().rsplit(".", maxsplit=1)[-1])
        spec = self.client.exec_spec("sh", "-c", SCRIPT, name="all", env={"PATH": "/usr/bin:/bin",
                                                                          "GO": self.go}, **fields)
        spec.array.at_once = at_once
        spec.array.indices.add(first=0, last=count - 1)
        group = self.client.submit(spec)
        self.client.wait(group + 1, group + 2)
        for task in range(group + 3, group + 3 + min(at_once or count, count - 2)):
            self.client.wait_process(task)
        after = self.client.exec("true", after=[self.client.message(
            "AnyOf", of=[self.client.message("Dependency", id=group, condition=1)])])
        self.addCleanup(self.client.jobs, "Cancel", ids=[group, after])
        self.count, self.after = count, after
        return group, self.ok("export", "--reveal", "--with-output", "--jobs-only", "--from-id",
                              str(group)).lines

    def let_go(self):
        with open(self.go, "w", encoding="ascii"):
            pass

    def check_ended(self, client, group, failed=1):
        """The group and what came of it here."""
        self.let_go()
        self.assertEqual(client.wait(group).outcome, e2e.FAILED if failed else e2e.SUCCEEDED)
        tasks = [client.get(i) for i in range(group + 1, group + 1 + self.count)]
        self.assertEqual([t.spec.task.index for t in tasks], list(range(self.count)))
        self.assertEqual({t.spec.task.array_id for t in tasks} | {t.spec.parent_id for t in tasks}, {group})
        self.assertEqual([t.exit_code for t in tasks], [0, 3] + [0] * (self.count - 2))
        self.assertEqual([client.logs(t.id) for t in tasks],
                         [b"task %d\n" % i for i in range(self.count)])
        self.assertEqual(client.get(group).detail, f"1 of {self.count} tasks failed")
        return tasks

    def test_what_is_awaited_has_an_end(self):
        spec = self.client.message("JobSpec", group=self.client.message("GroupSpec"), array=(
            self.client.message("Array", indices=[self.client.message("Array.Range", last=99999)])))
        jobs = [self.client.message("ImportRequest", job=self.client.message(
            "Job", id=10 ** 6 + i, spec=spec, state=e2e.CREATED, uid=os.geteuid())) for i in range(11)]
        dry = self.client.message("ImportRequest", options=self.client.message(
            "ImportOptions", dry_run=True))
        results = list(self.client.call("Store", "Import", iter([dry, *jobs])))
        self.assertEqual([r.code for r in results], [0] * 11 + [EXHAUSTED])
        self.assertIn("1000000 tasks of the arrays before it have not come", results[-1].message)

    def test_task_does_not_replace_its_array(self):
        array = self.client.message("Array", indices=[self.client.message("Array.Range", last=1)])
        key = {"unique_key": "mine", "on_conflict": 1}
        task = self.client.message("ArrayTask", array_id=10 ** 6, index=0, count=2)
        specs = (self.client.message("JobSpec", group=self.client.message("GroupSpec"), array=array,
                                     **key),
                 self.client.native_spec("builtin.echo", task=task, parent_id=10 ** 6, **key))
        results = list(self.client.call("Store", "Import", iter([
            self.client.message("ImportRequest", job=self.client.message(
                "Job", id=10 ** 6 + i, spec=spec, state=e2e.CREATED, uid=os.geteuid()))
            for i, spec in enumerate(specs)])))
        results.sort(key=lambda result: result.index)
        self.assertEqual(results[0].code, 0, results)
        self.assertIn("a task has none", results[1].message)
        self.assertIn("2 tasks of 2 have not come", results[2].message)
        self.assertEqual(self.client.get(results[0].id).state, e2e.CREATED)
        self.client.jobs("Cancel", ids=[results[0].id])
        self.assertEqual(self.client.wait(results[0].id).outcome, e2e.CANCELLED)

    def test_it_goes_on_where_it_was(self):
        group, lines = self.array()
        before = [self.client.get(i) for i in (group + 1, group + 2)]
        gord, client = self.other("--exec-slots", "4")
        done = self.into(gord, self.file(lines), "--live=submit")
        self.assertEqual(done.text.splitlines(), [f"{i} {i}" for i in range(group, group + 7)])
        for task in (group + 3, group + 4):
            client.wait_process(task)
        self.assertEqual([client.get(i).state for i in (group, group + 5, group + 6)],
                         [e2e.WAITING, e2e.RUNNABLE, e2e.CREATED])
        self.assertEqual(client.get(group).progress.text, "2 of 5 tasks, 1 failed")
        # Those that had ended are as they were there, with what they wrote.
        for old in before:
            new = client.get(old.id)
            self.assertEqual((new.created_ns, new.finished_ns, new.outcome, new.exit_code),
                             (old.created_ns, old.finished_ns, old.outcome, old.exit_code))
        self.check_ended(client, group)
        self.assertEqual(client.wait(group + 6).outcome, e2e.SUCCEEDED)
        self.checked(gord, client)

    def test_no_more_than_may_run_at_a_time(self):
        group, lines = self.array(count=6, at_once=1)
        gord, client = self.other("--exec-slots", "4")
        self.let_go()
        self.into(gord, self.file(lines), "--live=submit")
        tasks = self.check_ended(client, group)[2:]
        for former, later in zip(tasks, tasks[1:]):
            self.assertLessEqual(former.finished_ns, later.started_ns)

    def test_held_with_new_ids_and_a_gate_of_its_own(self):
        gate = self.client.exec("true", held=True)
        self.addCleanup(self.client.jobs, "Cancel", ids=[gate])
        first = self.ok("export", "--reveal", "--jobs-only", "--from-id", str(gate)).lines
        group, lines = self.array(at_once=0, on_finish=[b"true"])
        lines[0]["job"]["spec"]["after"] = [{"of": [{"id": gate, "condition": "OK"}]}]
        gord, client = self.other()
        last = client.jobs("SubmitMany", specs=[client.native_spec("builtin.echo")] * 40)
        client.wait(last.first_id + 39)
        path = self.file(first + lines)
        done = self.into(gord, path, "--dry-run")
        jobs = len([line for line in first + lines if "job" in line])  # with hooks of those that had ended
        self.assertEqual(len(done.text.splitlines()), jobs)
        self.assertEqual(client.jobs("Count").total, 40)
        done = self.into(gord, path)
        here = dict(map(int, line.split()) for line in done.text.splitlines())
        self.assertEqual(list(here.values()), list(range(41, 41 + jobs)))
        new = here[group]
        self.assertEqual(client.get(new).spec.after[0].of[0].id, here[gate])
        self.assertIn("held", client.get(new).reason)
        self.assertEqual({client.get(i).state for i in range(new + 3, new + 6)}, {e2e.CREATED})
        client = self.checked(gord, client)
        client.jobs("Release", ids=[new])
        self.assertIn("waits for job", client.get(new).reason)
        client.jobs("Release", ids=[here[gate], here[self.after]])
        self.check_ended(client, new)
        self.assertEqual(client.wait(here[self.after]).outcome, e2e.SUCCEEDED)
        hooks = {job.spec.hook_of.job_id: job.id for job in client.jobs("List", limit=100).jobs
                 if job.spec.hook_of.job_id}
        self.assertEqual(sorted(hooks), list(range(new, new + 6)))
        client.wait(*hooks.values())

    def test_cancelled_whole_or_in_part(self):
        group, lines = self.array()
        path = self.file(lines[:3] + lines[4:6], "part")  # the group, and two tasks that had ended
        gord, client = self.other()
        done = self.into(gord, path, "--live=submit")
        self.assertIn(b"3 tasks of 5 have not come", done.err)
        self.assertIn("being imported: 2 of 5 tasks have come", client.get(group).reason)
        client.jobs("Cancel", ids=[group], cause="enough")
        got = client.wait(group)
        self.assertEqual(got.outcome, e2e.CANCELLED)
        self.assertIn("only 2 of 5 tasks had come", got.detail)
        taken = self.file(done.text.splitlines(), "taken")
        rest = self.into(gord, self.file(lines), "--resume", taken, code=ctl.USAGE)
        self.assertIn(b"was not taken before it", rest.err)
        whole = self.into(gord, self.file(lines), "--live=submit")
        new = dict(map(int, line.split()) for line in whole.text.splitlines())[group]
        client.wait_process(new + 3)
        client.jobs("Cancel", ids=[new])
        self.assertEqual(client.wait(new).outcome, e2e.CANCELLED)
        self.assertEqual({client.wait(i).outcome for i in range(new + 3, new + 6)}, {e2e.CANCELLED})
        self.checked(gord, client)

    def test_half_of_it_waits_for_the_rest_over_restarts(self):
        group, lines = self.array()
        self.let_go()
        gord, client = self.other()
        jobs = [i for i, line in enumerate(lines) if "job" in line]
        path = self.file(lines)
        with open(path, "rb") as file:
            text = file.readlines()
        for half in (1, 3, 4):  # jobs that are taken before the daemon dies
            process = subprocess.Popen(ctl.command("import", "--live=submit", "--patience=0s", "-"),
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL,
                                       env=ctl.environment(gord.socket))
            process.stdin.write(b"".join(text[:jobs[half] + 1]))
            process.stdin.flush()
            taken = [process.stdout.readline().decode().strip() for _ in range(half)]
            client.close()
            gord.kill()
            process.communicate(timeout=e2e.PATIENCE)
            client = self.other_again(gord)
            new = int(taken[0].split()[1])
            self.assertEqual(client.get(new).state, e2e.CREATED)
            self.assertIn("being imported", client.get(new).reason)
            client.jobs("Release", ids=[new])  # was not held, and stays shut
            client = self.checked(gord, client)
            live = [i for i in range(new + 3, new + half) if client.get(i).started_ns]
            self.assertEqual(live, [])
            done = self.into(gord, path, "--live=submit", "--resume", self.file(taken, "taken"))
            ids = dict(map(int, x.split()) for x in done.text.splitlines())
            self.assertEqual(ids[group], new)
            self.assertNotIn(b"have not come", done.err)
            self.assertEqual(client.wait(new).detail, "1 of 5 tasks failed")

    def test_places_that_are_filled_stay_so(self):
        """Though only the array is known of the import before, not its tasks."""
        group, lines = self.array()
        lines = [line for line in lines if "job" in line][:6]  # the group; two that have ended, three that live
        self.let_go()
        for restart in (False, True):
            gord, client = self.other("--exec-slots", "4")
            while client.native("builtin.echo") < group + 6:  # so that ids are others
                pass
            first = self.into(gord, self.file(lines[:4]), "--live=submit")
            self.assertIn(b"2 tasks of 5 have not come", first.err)
            self.assertIn(b"--resume or the same --request-id brings them", first.err)
            pairs = first.text.splitlines()
            if restart:
                client = self.checked(gord, client)
            done = self.into(gord, self.file(lines), "--live=submit", "--resume",
                             self.file(pairs[:1], "taken"), code=ctl.USAGE)
            told = re.findall("line ([0-9]+): job.spec.task: index ([0-9]) of its array, .* has come already",
                              done.err.decode())
            self.assertEqual(told, [("2", "0"), ("3", "1"), ("4", "2")])
            self.assertNotIn(b"have not come", done.err)
            new = int(pairs[0].split()[1])
            self.assertEqual(client.wait(new).detail, "1 of 5 tasks failed")
            tasks = [job for job in client.jobs("List", limit=100).jobs if job.spec.task.array_id == new]
            self.assertEqual(sorted(job.spec.task.index for job in tasks), list(range(5)))
            self.checked(gord, client)

    def test_two_imports_at_once_fill_a_place_once(self):
        array = self.client.message("Array", indices=[self.client.message("Array.Range", last=1)])
        group = self.client.message("JobSpec", group=self.client.message("GroupSpec"), array=array)
        tasks = [self.client.native_spec("builtin.echo", parent_id=10 ** 6, task=self.client.message(
            "ArrayTask", array_id=10 ** 6, index=i, count=2)) for i in range(2)]
        group, *tasks = (self.client.message("ImportRequest", job=self.client.message(
            "Job", id=10 ** 6 + i, spec=spec, state=e2e.CREATED, uid=os.geteuid()))
                         for i, spec in enumerate([group, *tasks]))
        _, client = self.other()
        asks = [queue.Queue(), queue.Queue()]
        calls = [client.call("Store", "Import", iter(ask.get, None)) for ask in asks]
        for ask in asks:
            self.addCleanup(ask.put, None)
        asks[0].put(group)
        asks[0].put(self.client.message("ImportRequest"))  # so that the group is taken
        results = sorted((next(calls[0]), next(calls[0])), key=lambda result: result.index)
        here = results[0].id
        asks[1].put(self.client.message("ImportRequest", options=self.client.message(
            "ImportOptions", known=[self.client.message("ImportedJob", old_id=10 ** 6, id=here)])))
        asks[1].put(tasks[1])
        asks[1].put(None)
        results = {result.index: result for result in calls[1]}
        self.assertEqual(results[1].status, 1, results)
        asks[0].put(tasks[1])
        asks[0].put(tasks[0])
        asks[0].put(None)
        results = {result.index: result for result in calls[0]}
        self.assertIn("index 1 of its array, job 1000000 there, has come already", results[2].message)
        self.assertEqual(results[3].status, 1, results)
        tasks = [job for job in client.jobs("List", limit=100).jobs if job.spec.task.array_id == here]
        self.assertEqual(sorted(job.spec.task.index for job in tasks), [0, 1])
        client.jobs("Cancel", ids=[here])
        client.wait(here)

    def other_again(self, gord):
        gord.start()
        client = gord.client()
        self.addCleanup(client.close)
        return client

    @unittest.skipIf(not CRASHING, "GORD_CRASHING does not name a program")
    def test_none_begins_in_half_wherever_the_daemon_dies(self):
        group, lines = self.array()
        path = self.file([line for line in lines if "job" in line])
        for place in ("commit.rows:2", "commit.done:1", "gate.opened:1", "group.opened:1"):
            with self.subTest(place=place):
                gord = CrashingGord(place)
                self.addCleanup(gord.close)
                gord.start()
                first = ctl.run("import", "--live=submit", "--patience=0s", path, host=gord.socket)
                told = re.search("--request-id=[0-9a-f]{32}", first.err.decode())
                gord.process.wait(e2e.PATIENCE)
                gord.crashing = False
                client = self.checked(gord, self.other_again(gord))
                jobs = client.jobs("List", limit=100).jobs
                tasks = [job for job in jobs if job.spec.task.array_id == group]
                for job in tasks:
                    self.assertTrue(len(tasks) == 5 or job.state in (e2e.CREATED, e2e.TERMINATED), job)
                again = ["--resume", self.file(first.text.splitlines(), "taken")]
                self.into(gord, path, "--live=submit", *again, *([told[0]] if told else []))
                self.let_go()
                self.assertIn("1 of 5 tasks failed", client.wait(group).detail)
                ids = {job.id for job in client.jobs("List", limit=100).jobs}
                self.assertEqual(ids, {line["job"]["id"] for line in lines if "job" in line})

    def test_one_that_has_ended_but_for_its_own_end(self):
        group, lines = self.array(count=2)
        lines = [line for line in lines if "job" in line][:3]
        lines[0]["job"].update(state="WAITING", outcome=None)
        gord, client = self.other()
        self.into(gord, self.file(lines))
        self.assertEqual(client.wait(group).detail, "1 of 2 tasks failed")
        self.checked(gord, client)

    def test_one_that_has_ended_is_looked_at_as_well(self):
        spec = self.client.native_spec("builtin.echo")
        spec.array.indices.add(first=0, last=1)
        group = self.client.submit(spec)
        self.client.wait(group)
        lines = self.ok("export", "--reveal", "--jobs-only", "--from-id", str(group)).lines
        gord, client = self.other()

        def refused(line, text, **spec):
            job = {**line["job"], "spec": {**line["job"]["spec"], **spec}}
            done = self.into(gord, self.file([{**line, "job": job}]), code=ctl.USAGE)
            self.assertIn(f"line 1: job.{text}", done.err.decode())

        refused(lines[0], "spec.array is missing", array=None)
        refused(lines[0], "spec.array.indices is empty", array={"indices": []})
        refused(lines[0], "spec.array.indices", array={"indices": [{"first": 7, "last": 3}]})
        refused(lines[0], "spec.array has more than the 100000 tasks",
                array={"indices": [{"first": 0, "last": 999999999}]})
        for field, value in (("array_id", 0), ("index", 10 ** 9), ("count", 0), ("count", 10 ** 6)):
            refused(lines[1], "spec.task needs the id of its array",
                    task={**lines[1]["job"]["spec"]["task"], field: value})
        self.into(gord, self.file(lines))
        self.assertEqual(client.get(group).detail, self.client.get(group).detail)
        self.checked(gord, client)

    def test_what_does_not_fit_is_told(self):
        group, lines = self.array(unique_key="once")
        lines = [line for line in lines if "job" in line]

        def task(of, **fields):
            line = lines[of]
            return {**line, "job": {**line["job"], "id": 900 + of, "spec": {
                **line["job"]["spec"], "task": {**line["job"]["spec"]["task"], **fields}}}}

        gord, client = self.other()
        bad = [
            (lines[3], f"its array, job {group}, was not taken before it"),
            (lines[0], ""),
            (lines[1], ""),
            (task(1), "index 0 of its array"),
            (task(2, index=77), "has no index 77 of 5"),
            (task(3, count=6), "has no index 2 of 6"),
        ]
        done = self.into(gord, self.file([line for line, _ in bad]), code=ctl.USAGE)
        said = done.err.decode().splitlines()
        for number, (_, why) in enumerate(bad, 1):
            told = [s for s in said if f"line {number}: " in s]
            self.assertEqual(len(told), 1 if why else 0, said)
            self.assertIn(why, "".join(told))
        self.assertIn("4 tasks of 5 have not come", done.err.decode())
        # The same array is there by its key: neither it nor its tasks come once more.
        done = self.into(gord, self.file(lines[:6]), "--live=submit")
        self.assertIn(b"4 that had not ended were left out", done.err)
        self.assertEqual(client.jobs("Count").total, 2)
        client.jobs("Cancel", ids=[group])
        self.checked(gord, client)


if __name__ == "__main__":
    e2e.main()
