# SPDX-License-Identifier: MIT
"""gorctl import: arrays that wait for others task by task, whatever those have come to."""

import gor_e2e as e2e
from gor_e2e import CREATED, DEPENDENCY_FAILED, FAILED, SUCCEEDED, WAITING
from import_e2e import ImportTest

ANY, NOTOK, START, CORR = 1, 2, 3, 4

# Same ids or others, held there or not, over a death of the daemon or not.
WAYS = [(0, "--live=submit", False), (20, "--live=hold", True), (0, "--live=submit", True)]


class ImportCorr(ImportTest):
    options = ("--exec-slots", "8")

    def tearDown(self):
        self.gorctl("cancel", "--all")

    def pair(self, ended, held=False):
        """An array whose task 1 fails, of which the first so many tasks have ended, and one that waits for it, of
        all but index 0 in another order; both, and what is exported of them."""
        first = self.submit("--array", "0-3", "--hold", "--shell", "test $GOR_ARRAY_INDEX != 1")
        self.ok("hold", *(str(first + 1 + i) for i in range(4)))
        second = self.submit("--array", "3,2,1", *(["--hold"] if held else []), "--after",
                             f"corr:{first}", "--shell", "echo $GOR_ARRAY_INDEX")
        self.ok("release", str(first), *(str(first + 1 + i) for i in range(ended)))
        if ended > 0:
            self.client.wait(*range(first + 1, first + 1 + ended))
        if ended > 1:
            self.client.wait(second + 3)
        if ended == 4:
            self.client.wait(first)
        return first, second, self.ok("export", "--reveal", "--jobs-only", "--from-id",
                                      str(first)).lines

    def begin(self, *options, older=0):
        """Another daemon, where so many jobs have been already."""
        gord, client = self.other("--exec-slots", "8", *options)
        for _ in range(older):
            client.wait(client.native("builtin.echo"))
        return gord, client

    def taken(self, gord, lines, *options):
        done = self.into(gord, self.file(lines), *options)
        self.assertIn(b"0 refused", done.err)
        return dict(map(int, line.split()) for line in done.text.splitlines())

    def after_kill(self, gord, client):
        client.close()
        gord.kill()
        gord.start()
        client = gord.client()
        self.addCleanup(client.close)
        return client

    def release(self, client, array, count):
        """It and its tasks, whichever is held."""
        client.jobs("Release", ids=range(array, array + 1 + count))

    def check_ended(self, client, second):
        self.assertEqual(client.wait(second).detail, "1 of 3 tasks never ran")
        tasks = [client.get(i) for i in range(second + 1, second + 4)]
        self.assertEqual([(t.spec.task.index, t.outcome) for t in tasks],
                         [(3, SUCCEEDED), (2, SUCCEEDED), (1, DEPENDENCY_FAILED)])
        self.assertEqual(client.logs(second + 1), b"3\n")


    # ---------------------------------------------------------------- each after its own

    def test_the_other_has_ended(self):
        first, second, lines = self.pair(ended=4, held=True)
        for older, live, dies in WAYS:
            gord, client = self.begin(older=older)
            ids = self.taken(gord, lines, live)
            new = ids[second]
            self.assertEqual(client.get(new + 1).reason, f"waits for its array, job {new}")
            self.assertEqual([of.id for of in client.get(new + 1).spec.after[0].of],
                             [ids[first + 4]])
            client = self.after_kill(gord, client) if dies else client
            self.release(client, new, 3)
            self.check_ended(client, new)
            self.checked(gord, client)

    def test_the_other_has_ended_in_part(self):
        first, second, lines = self.pair(ended=3, held=True)
        for older, live, dies in WAYS:
            gord, client = self.begin(older=older)
            ids = self.taken(gord, lines, live)
            old, new = ids[first], ids[second]
            client = self.after_kill(gord, client) if dies else client
            self.assertEqual(client.get(new + 1).state, CREATED)
            self.assertIn(f"waits for job {old + 4} (task 3 of array {old}) to succeed", client.get(new + 1).reason)
            self.assertEqual(client.get(new + 2).reason, f"waits for its array, job {new}")
            self.release(client, new, 3)
            self.assertEqual(client.get(new).state, WAITING)
            self.assertEqual(client.wait(new + 2).outcome, SUCCEEDED)
            self.assertEqual(client.get(new + 1).state, CREATED)
            self.release(client, old, 4)
            self.assertEqual(client.wait(old).detail, "1 of 4 tasks failed")
            self.check_ended(client, new)
            self.checked(gord, client)

    def test_none_of_the_other_has_ended(self):
        first, second, lines = self.pair(ended=0)
        for older, live, dies in WAYS:
            gord, client = self.begin(older=older)
            ids = self.taken(gord, lines, live)
            client = self.after_kill(gord, client) if dies else client
            self.release(client, ids[second], 3)
            self.release(client, ids[first], 4)
            self.check_ended(client, ids[second])
            self.checked(gord, client)

    def test_the_other_came_with_an_import_before(self):
        first, second, lines = self.pair(ended=3, held=True)
        gord, client = self.begin(older=20)
        done = self.into(gord, self.file(lines[:5]), "--live=submit")
        client = self.after_kill(gord, client)
        ids = self.taken(gord, lines, "--live=submit", "--resume",
                         self.file(done.text.splitlines(), "taken"))
        self.release(client, ids[second], 3)
        self.release(client, ids[first], 4)
        self.check_ended(client, ids[second])
        self.checked(gord, client)

    def test_what_the_rest_waits_for_is_kept_between_imports(self):
        first, second, lines = self.pair(ended=4, held=True)
        gord, client = self.begin("--keep-jobs", "2")
        done = self.into(gord, self.file(lines[:7]), "--live=submit")  # without the last two tasks
        self.assertIn(b"2 tasks of 3 have not come", done.err)
        for _ in range(10):
            client.wait(client.native("builtin.echo"))
        client = self.after_kill(gord, client)
        last = [client.native("builtin.echo") for _ in range(10)]
        client.wait(last[-1])
        e2e.until(lambda: client.jobs("List", limit=1).total_terminated <= 2 + 5 + 1)
        ids = self.taken(gord, lines, "--live=submit", "--resume",
                         self.file(done.text.splitlines(), "taken"))
        self.release(client, ids[second], 3)
        self.assertEqual(client.wait(ids[second]).detail, "1 of 3 tasks never ran")
        e2e.until(lambda: client.jobs("List", limit=1).total_terminated <= 2)
        self.checked(gord, client)

    # ---------------------------------------------------------------- arrays that were imported

    def corresponds(self, client, first, count):
        """Of an array submitted there each task waits for the one of its index."""
        spec = client.native_spec("builtin.echo", held=True, after=[client.message("AnyOf", of=[
            client.message("Dependency", id=first, condition=CORR)])])
        spec.array.indices.add(first=0, last=count - 1)
        new = client.submit(spec)
        tasks = [client.get(i) for i in range(new + 1, new + 1 + count)]
        waits = [client.get(task.spec.after[0].of[0].id) for task in tasks]
        self.assertEqual([(w.spec.task.array_id, w.spec.task.index) for w in waits],
                         [(first, i) for i in range(count)])
        client.jobs("Cancel", ids=[new])
        client.wait(*range(new, new + 1 + count))

    def test_its_tasks_came_in_another_order(self):
        first, _, lines = self.pair(ended=4, held=True)
        lines = [lines[i] for i in (0, 4, 1, 3, 2)]
        gord, client = self.begin(older=20)
        ids = self.taken(gord, lines)
        self.assertEqual([ids[first + i] - ids[first] for i in range(5)], [0, 2, 4, 3, 1])
        self.corresponds(client, ids[first], 4)
        client = self.checked(gord, client)
        self.corresponds(client, ids[first], 4)

    def test_its_tasks_came_with_others_between(self):
        first, _, lines = self.pair(ended=2)
        gord, client = self.begin(older=20)
        done = self.into(gord, self.file([lines[i] for i in (0, 4, 1)]), "--live=submit")
        for what in (lambda: None, lambda: client.wait(client.native("builtin.echo"))):
            what()
            new = int(done.text.split()[1])
            spec = client.native_spec("builtin.echo", after=[client.message("AnyOf", of=[
                client.message("Dependency", id=new, condition=CORR)])])
            spec.array.indices.add(first=0, last=0)
            with self.assertRaises(e2e.grpc.RpcError) as raised:
                client.submit(spec)
            self.assertEqual(raised.exception.code(), e2e.grpc.StatusCode.FAILED_PRECONDITION)
            self.assertIn("is being imported, and not all of its tasks have come",
                          raised.exception.details())
        ids = self.taken(gord, [lines[i] for i in (0, 4, 1, 3, 2)], "--live=submit", "--resume",
                         self.file(done.text.splitlines(), "taken"))
        self.corresponds(client, ids[first], 4)
        client = self.after_kill(gord, client)
        self.corresponds(client, ids[first], 4)
        self.release(client, ids[first], 4)
        client.wait(ids[first])
        self.corresponds(client, ids[first], 4)
        client.jobs("Remove", ids=[ids[first + 3]])
        with self.assertRaises(e2e.grpc.RpcError) as raised:
            self.corresponds(client, ids[first], 1)
        self.assertIn("are not all kept any more", raised.exception.details())

    # ---------------------------------------------------------------- jobs after what has ended

    def test_jobs_after_one_that_had_ended(self):
        bad = self.client.exec("false")
        self.client.wait(bad)
        never = self.client.exec("true", held=True)
        self.client.jobs("Cancel", ids=[never])
        waits = [self.client.exec("true", held=True, after=[self.client.message("AnyOf", of=[
            self.client.message("Dependency", id=of, condition=condition)])])
            for of, condition in ((bad, NOTOK), (bad, START), (never, ANY))]
        lines = self.ok("export", "--reveal", "--jobs-only", "--from-id", str(bad)).lines
        for keep in ((), ("--keep-failed", "1ms")):
            # Where they are too old to be kept they may be removed while the import goes on.
            gord, client = self.begin(*keep, older=20)
            ids = self.taken(gord, lines, "--live=submit")
            client.jobs("Release", ids=[ids[i] for i in waits])
            self.assertEqual([job.outcome for job in client.wait(*(ids[i] for i in waits))],
                             [SUCCEEDED] * 3)

    def test_what_can_not_come_ends_it(self):
        bad = self.client.exec("false")
        self.assertEqual(self.client.wait(bad).outcome, FAILED)
        lines = self.ok("export", "--reveal", "--jobs-only", "--from-id", str(bad)).lines
        waits = self.client.exec("true", held=True)
        more = self.ok("export", "--reveal", "--jobs-only", "--from-id", str(waits)).lines
        more[0]["job"]["spec"]["after"] = [{"of": [{"id": bad, "condition": "OK"}]}]
        gord, client = self.begin(older=20)
        ids = self.taken(gord, lines + more, "--live=submit")
        got = client.wait(ids[waits])
        self.assertEqual((got.outcome, got.detail),
                         (DEPENDENCY_FAILED, f"it waited for job {ids[bad]} to succeed, which failed"))


if __name__ == "__main__":
    e2e.main()
