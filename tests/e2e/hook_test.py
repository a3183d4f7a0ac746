# SPDX-License-Identifier: MIT
"""Hooks: what is run when a job has ended, at least once, whatever dies in between."""

import os
import signal

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc

INVALID = grpc.StatusCode.INVALID_ARGUMENT if grpc else None
TELL = ["sh", "-c", 'echo "$GOR_HOOK_JOB $GOR_HOOK_OUTCOME $GOR_HOOK_EXIT_CODE $GOR_HOOK_SIGNAL '
        '$MINE $PWD"']


TELL_ARRAY = 'echo $GOR_HOOK_JOB $GOR_HOOK_OUTCOME ${GOR_ARRAY_INDEX--} ' \
             '$GOR_ARRAY_ID/$GOR_ARRAY_COUNT ${GOR_HOOK_TASKS_SUCCEEDED--} ' \
             '${GOR_HOOK_TASKS_FAILED--} ${GOR_HOOK_TASKS_CANCELLED--} ' \
             '${GOR_HOOK_TASKS_NEVER_RAN--} $MINE $PWD'


def hook_of(client, job):
    """The hook of a job that has ended; it was submitted with its end."""
    found = [j for j in client.jobs("List", limit=1000).jobs if j.spec.hook_of.job_id == job]
    assert len(found) == 1, found
    return found[0].id


class OwnHooks(ctl.GorctlTest):
    def told(self, job):
        self.client.wait(job)
        hook = hook_of(self.client, job)
        self.assertEqual(self.client.wait(hook).outcome, e2e.SUCCEEDED)
        return self.client.logs(hook, 1).decode().split()

    def spec(self, *argv, **fields):
        spec = self.client.exec_spec(*argv, **fields)
        spec.on_finish.extend(word.encode() for word in TELL)
        return spec

    def test_it_is_told_how_the_job_ended(self):
        for argv, want in ((["true"], ["succeeded", "0", "0"]),
                           (["sh", "-c", "exit 3"], ["failed", "3", "0"]),
                           (["sh", "-c", "kill -9 $$"], ["signaled", "0", "9"]),
                           (["/no/such"], ["spawn-error", "0", "0"])):
            job = self.client.submit(self.spec(*argv))
            self.assertEqual(self.told(job)[:4], [str(job), *want])
        job = self.client.submit(self.spec("sleep", "1000", timeout_ns=1))
        self.assertEqual(self.told(job)[1], "timed-out")
        held = self.client.submit(self.spec("true", held=True))
        self.client.jobs("Cancel", ids=[held])
        self.assertEqual(self.told(held)[1], "cancelled")

    def test_it_has_environment_and_directory_of_the_job(self):
        spec = self.spec("true", env={"MINE": "yes", "PATH": os.environ["PATH"]})
        spec.exec.cwd = b"/usr"
        self.assertEqual(self.told(self.client.submit(spec))[4:], ["yes", "/usr"])
        native = self.client.native_spec("builtin.echo", "x")
        native.on_finish.extend(word.encode() for word in TELL)
        self.assertEqual(self.told(self.client.submit(native))[1:], ["succeeded", "0", "0", "/"])

    def array(self, code, *indices, **fields):
        """An array of programs with one hook for all: (the array's id, its tasks')."""
        spec = self.client.exec_spec("sh", "-c", code, env={"MINE": "yes",
                                                            "PATH": os.environ["PATH"]}, **fields)
        spec.exec.cwd = b"/usr"
        spec.on_finish.extend([b"sh", b"-c", TELL_ARRAY.encode()])
        for index in indices:
            spec.array.indices.add(first=index, last=index)
        group = self.client.submit(spec)
        return group, range(group + 1, group + 1 + len(indices))

    def test_of_an_array_it_has_what_the_tasks_have(self):
        group, tasks = self.array("exit $GOR_ARRAY_INDEX", 0, 3, 4)
        whole = f"{group} failed - {group}/3 1 2 0 0 yes /usr".split()
        self.assertEqual(self.told(group), whole)
        hook = self.client.get(hook_of(self.client, group))
        self.assertEqual((hook.spec.hook_of.tasks.count, hook.spec.hook_of.tasks.failed), (3, 2))
        self.assertEqual(hook.uid, self.client.get(group).uid)
        for task, index, outcome in zip(tasks, (0, 3, 4), ("succeeded", "failed", "failed")):
            self.assertEqual(self.told(task), [str(task), outcome, str(index), f"{group}/3",
                                               "-", "-", "-", "-", "yes", "/usr"])

    def test_of_an_array_that_ends_before_its_tasks(self):
        group, _ = self.array("true", 1, 2, held=True)
        self.client.jobs("Cancel", ids=[group])
        self.assertEqual(self.told(group)[1:], f"cancelled - {group}/2 0 0 2 0 yes /usr".split())
        bad = self.client.exec("false")
        clause = self.client.message("AnyOf", of=[self.client.message("Dependency", id=bad)])
        group, _ = self.array("true", 1, after=[clause])
        self.assertEqual(self.told(group)[1:],
                         f"dependency-failed - {group}/1 0 0 1 0 yes /usr".split())

    def test_of_an_array_that_is_no_program(self):
        spec = self.client.native_spec("builtin.echo", "x")
        spec.on_finish.extend(word.encode() for word in TELL)
        spec.array.indices.add(first=7, last=7)
        group = self.client.submit(spec)
        self.assertEqual(self.told(group), [str(group), "succeeded", "0", "0", "/"])

    def test_by_gorctl_and_shown(self):
        job = self.submit("--on-finish", "echo", "--on-finish", "a b", "--", "true")
        self.client.wait(job)
        hook = hook_of(self.client, job)
        self.client.wait(hook)
        self.assertEqual(self.client.logs(hook, 1), b"a b\n")
        self.assertIn("On finish   echo 'a b'", self.ok("show", str(job)).text)
        self.assertIn(f"Hook of     {job}", self.ok("show", str(hook)).text)
        line = b'{"argv": ["true"], "on_finish": ["echo", "from a line"]}\n'
        job = int(self.ok("submit", "--from", "-", stdin=line).out)
        self.client.wait(job)
        hook = hook_of(self.client, job)
        self.client.wait(hook)
        self.assertEqual(self.client.logs(hook, 1), b"from a line\n")
        again = self.client.jobs("Rerun", ids=[hook]).results[0].new_id
        self.assertEqual(self.client.wait(again).outcome, e2e.SUCCEEDED)

    def test_its_failure_is_in_its_own_history(self):
        job = self.submit("--on-finish", "/no/such/hook", "--", "true")
        self.assertEqual(self.client.wait(job).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.client.wait(hook_of(self.client, job)).outcome, e2e.SPAWN_ERROR)

    def test_what_is_wrong_is_named(self):
        spec = self.client.exec_spec("true")
        spec.on_finish.append(b"")
        self.assertStatus(INVALID, self.client.submit, spec, text="on_finish[0]")
        spec.on_finish[0] = b"a\0b"
        self.assertStatus(INVALID, self.client.submit, spec, text="NUL")
        spec.on_finish[0] = b"a" * 20000
        self.assertStatus(INVALID, self.client.submit, spec, text="at most 16384")
        del spec.on_finish[:]
        spec.hook_of.job_id = 1
        self.assertStatus(INVALID, self.client.submit, spec, text="set by gord")
        self.refused(ctl.USAGE, '"on_finish" must be a list', "submit", "--from", "-",
                     stdin=b'{"argv": ["true"], "on_finish": "echo"}\n')


class AfterACrash(e2e.KillTest):
    def test_lost_job_has_its_hook_once(self):
        spec = self.client.exec_spec("sleep", "1000")
        spec.on_finish.extend(word.encode() for word in TELL)
        job = self.client.submit(spec)
        self.client.wait_process(job)
        queued = self.client.exec_spec("true", held=True)
        queued.on_finish.extend(word.encode() for word in TELL)
        queued = self.client.submit(queued)
        self.restart()
        self.client.wait(job)
        hook = hook_of(self.client, job)
        self.client.wait(hook)
        self.assertEqual(self.client.logs(hook, 1).split()[1], b"lost")
        self.restart()
        hook_of(self.client, job)
        self.client.jobs("Cancel", ids=[queued])
        hook = hook_of(self.client, queued)
        self.assertEqual(self.client.wait(hook).outcome, e2e.SUCCEEDED)

    def test_hook_of_an_array_after_a_restart(self):
        spec = self.client.exec_spec("sh", "-c", "test $GOR_ARRAY_INDEX = 0 || exec sleep 1000",
                                     env={"MINE": "yes", "PATH": os.environ["PATH"]})
        spec.exec.cwd = b"/usr"
        spec.on_finish.extend([b"sh", b"-c", TELL_ARRAY.encode()])
        spec.array.indices.add(first=0, last=1)
        group = self.client.submit(spec)
        self.client.wait(group + 1)
        self.client.wait_process(group + 2)
        self.restart()
        self.client.wait(group)
        hook = hook_of(self.client, group)
        self.client.wait(hook)
        self.assertEqual(self.client.logs(hook, 1).decode(),
                         f"{group} failed - {group}/2 1 1 0 0 yes /usr\n")

    def test_hook_that_dies_with_the_daemon_runs_again(self):
        path = os.path.join(self.gord.folder, "runs")
        spec = self.client.exec_spec("true")
        spec.on_finish.extend([b"sh", b"-c", b'echo x >> "$0"; [ "$(wc -l < "$0")" != 1 ] || sleep 1000',
                               path.encode()])
        job = self.client.submit(spec)
        self.client.wait(job)
        hook = hook_of(self.client, job)
        self.client.wait_process(hook)
        while not os.path.exists(path) or os.stat(path).st_size == 0:
            self.client.jobs("Count")
        self.restart()
        self.assertEqual(self.client.wait(hook).outcome, e2e.SUCCEEDED)
        self.assertEqual(os.stat(path).st_size, 4)

    def test_stopped_daemon_leaves_it_to_the_next(self):
        spec = self.client.exec_spec("sleep", "1000")
        spec.on_finish.extend(word.encode() for word in TELL)
        job = self.client.submit(spec)
        self.client.wait_process(job)
        self.client.close()
        self.assertEqual(self.gord.stop(signal.SIGTERM), 0)
        self.gord.start()
        self.client = self.gord.client()
        hook = hook_of(self.client, job)
        self.client.wait(hook)
        self.assertEqual(self.client.logs(hook, 1).split()[1], b"cancelled")


class HookOfAll(ctl.GorctlTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = e2e.tempfile.mkdtemp(prefix="gor-hook-")
        cls.addClassCleanup(e2e.shutil.rmtree, cls.folder)
        program = os.path.join(cls.folder, "hook")
        with open(program, "w", encoding="utf-8") as out:
            out.write("#!/bin/sh\necho $GOR_HOOK_JOB $GOR_HOOK_OUTCOME\n")
        os.chmod(program, 0o755)
        cls.options = ("--finish-hook", program)
        super().setUpClass()

    def test_every_job_has_it_but_hooks(self):
        reply = self.client.jobs("SubmitMany",
                                 specs=[self.client.native_spec("builtin.echo")] * 20)
        ids = range(reply.first_id, reply.first_id + reply.count)
        self.client.wait(*ids)
        hooks = [hook_of(self.client, job) for job in ids]
        self.client.wait(*hooks)
        self.assertEqual([self.client.logs(h, 1) for h in hooks],
                         [b"%d succeeded\n" % job for job in ids])
        self.assertEqual(self.client.jobs("Count").total, 40)
        own = self.client.exec_spec("true")
        own.on_finish.extend([b"echo", b"own"])
        job = self.client.submit(own)
        self.client.wait(job)
        both = [j.id for j in self.client.jobs("List").jobs if j.spec.hook_of.job_id == job]
        self.assertEqual(len(both), 2)
        self.client.wait(*both)
        self.assertEqual(self.client.jobs("Count").total, 43)


if __name__ == "__main__":
    e2e.main()
