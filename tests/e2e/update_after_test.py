# SPDX-License-Identifier: MIT
"""gorctl update --after: what a job is to run after is changed while it waits."""


import gor_e2e as e2e
import gorctl_e2e as ctl
import import_e2e
from gor_e2e import CREATED, DEPENDENCY_FAILED, RUNNABLE, SUCCEEDED, WAITING, grpc

OK, ANY, NOTOK, START, CORR = range(5)
DONE, REFUSED, UNKNOWN = 1, 3, 4


class Helpers:
    def after(self, *clauses):
        """Clauses of (condition, id) each."""
        message = self.client.message
        return [message("AnyOf", of=[message("Dependency", condition=c, id=i) for c, i in clause])
                for clause in clauses]

    def job(self, *clauses, **fields):
        return self.client.exec("true", after=self.after(*clauses), **fields)

    def held(self, *argv, **fields):
        return self.client.exec(*(argv or ("true",)), held=True, **fields)

    def release(self, *ids):
        self.client.jobs("Release", ids=ids)

    def update_many(self, ids, *clauses, **more):
        spec = self.client.message("JobSpec", after=self.after(*clauses))
        reply = self.client.jobs("Update", ids=ids, fields=["after"], spec=spec, **more)
        return {r.id: (r.status, r.message) for r in reply.results}

    def update(self, job, *clauses, **more):
        return self.update_many([job], *clauses, **more)[job]

    def assertDone(self, job, *clauses, **more):
        status, text = self.update(job, *clauses, **more)
        self.assertEqual(status, DONE, text)

    def assertRefused(self, what, job, *clauses, **more):
        before = self.client.get(job)
        status, text = self.update(job, *clauses, **more)
        self.assertEqual(status, REFUSED)
        self.assertIn(what, text)
        now = self.client.get(job)
        self.assertEqual((now.version, now.state, now.spec.after),
                         (before.version, before.state, before.spec.after))

    def named(self, job):
        """Whom it is to run after."""
        return [[(of.condition, of.id) for of in clause.of]
                for clause in self.client.get(job).spec.after]


class Changed(Helpers, e2e.GordTest):
    options = ("--exec-slots", "1")

    def tearDown(self):
        self.client.jobs("Cancel", all=True)

    def test_waits_for_others_instead(self):
        first, second = self.held(), self.held()
        job = self.job([(OK, first)])
        self.assertDone(job, [(OK, second)])
        shown = self.client.get(job)
        self.assertEqual((shown.state, shown.version), (CREATED, 1))
        self.assertEqual(shown.reason, f"waits for job {second} to succeed")
        self.assertEqual(self.client.jobs("Why", id=job).text, shown.reason)
        reasons = [e.reason for e in self.client.events(job)]
        self.assertIn("(version 1: after)", reasons[-2])
        self.assertEqual(reasons[-1], shown.reason)
        self.release(first)
        self.client.wait(first)
        self.assertEqual(self.client.get(job).state, CREATED)
        self.release(second)
        self.assertEqual(self.client.wait(job).outcome, SUCCEEDED)

    def test_queued_job_leaves_its_queue_and_comes_back_behind_others(self):
        blocker = self.client.exec("sleep", "1000")
        self.client.wait_state(blocker, e2e.RUNNING)
        gate, job = self.held(), self.client.exec("true")
        other = self.client.exec("true")
        self.assertEqual(self.client.get(job).state, RUNNABLE)
        self.assertDone(job, [(START, gate)])
        self.assertEqual(self.client.get(job).state, CREATED)
        self.assertDone(job)
        self.assertEqual(self.client.get(job).state, RUNNABLE)
        self.client.jobs("Cancel", ids=[blocker])
        self.client.wait(job, other)
        self.assertGreater(self.client.get(job).started_ns, self.client.get(other).started_ns)

    def test_what_has_ended_decides_at_once(self):
        good, bad = self.client.exec("true"), self.client.exec("false")
        never = self.held()
        self.client.jobs("Cancel", ids=[never])
        self.client.wait(good, bad, never)
        gate = self.held()
        for condition, of, outcome in (
                (OK, good, SUCCEEDED), (NOTOK, good, DEPENDENCY_FAILED), (ANY, good, SUCCEEDED),
                (START, good, SUCCEEDED), (OK, bad, DEPENDENCY_FAILED), (NOTOK, bad, SUCCEEDED),
                (ANY, bad, SUCCEEDED), (START, bad, SUCCEEDED), (START, never, DEPENDENCY_FAILED)):
            job = self.job([(OK, gate)])
            status, text = self.update(job, [(condition, of)])
            self.assertEqual(status, DONE)
            self.assertEqual("it will never run: it waited for job" in text,
                             outcome == DEPENDENCY_FAILED, text)
            self.assertEqual(self.client.wait(job).outcome, outcome, (condition, of))
        half = self.job([(OK, gate)])
        self.assertDone(half, [(OK, good)], [(OK, bad), (OK, gate)])
        self.assertEqual(self.client.get(half).state, CREATED)
        held = self.held()
        self.assertEqual(self.update(held, [(OK, bad)])[0], DONE)
        self.assertEqual(self.client.wait(held).outcome, DEPENDENCY_FAILED)

    def test_other_changes_leave_it_as_it_was(self):
        gate = self.held()
        job = self.job([(OK, gate), (ANY, gate)])
        spec = self.client.message("JobSpec", priority=5)
        self.client.jobs("Update", ids=[job], fields=["priority"], spec=spec)
        self.assertEqual(self.named(job), [[(OK, gate), (ANY, gate)]])
        self.release(gate)
        self.assertEqual(self.client.wait(job).outcome, SUCCEEDED)

    def test_together_with_other_fields_and_versions(self):
        gate = self.held()
        job = self.held()
        spec = self.client.message("JobSpec", after=self.after([(OK, gate)]), name="new")
        self.client.jobs("Update", ids=[job], fields=["after", "name"], spec=spec)
        shown = self.client.get(job)
        self.assertEqual((shown.spec.name, self.named(job)), ("new", [[(OK, gate)]]))
        self.assertRefused("its version is 1, not 0", job, if_version=True)
        self.assertDone(job, if_version=True, version=1)
        self.assertEqual(self.named(job), [])

    # ---------------------------------------------------------------- refused

    def test_circles_are_refused(self):
        a = self.held()
        b = self.job([(OK, a)], held=True)
        c = self.job([(ANY, b)])
        other = self.held()
        self.assertRefused("it would wait for itself", a, [(OK, a)])
        self.assertRefused(f"it would wait for itself: job {b} is to run after it", a, [(OK, b)])
        self.assertRefused(f"job {c} is to run after job {b}, that after it", a, [(START, c)])
        self.assertRefused("it would wait for itself", a, [(OK, other), (NOTOK, c)])
        self.assertRefused("it would wait for itself", a, [(OK, other)], [(OK, b)])
        # The other way round nothing is in the way, and then it is.
        self.assertDone(b)
        self.assertDone(a, [(OK, c)])
        self.assertRefused(f"job {a} is to run after job {c}, that after it", b, [(OK, a)])
        self.release(a, b)
        self.client.wait(a, b, c)

    def test_who_has_started_waits_for_none_and_who_has_not_still_does(self):
        blocker = self.client.exec("sleep", "1000")
        self.client.wait_state(blocker, e2e.RUNNING)
        again, gate = self.held(), self.held()
        runs = self.client.native("builtin.sleep", "1000s", after=self.after([(ANY, again)]))
        waits = self.job([(ANY, again)], [(OK, gate)])
        self.client.jobs("Cancel", ids=[again])
        self.client.wait_state(runs, e2e.RUNNING, WAITING)
        self.client.jobs("Retry", ids=[again])
        self.assertDone(again, [(START, runs)])
        # It would not wait for that now, but after a restart of the daemon.
        self.assertRefused(f"job {waits} is to run after it", again, [(OK, waits)])

    def test_what_is_below_a_job_ends_with_it(self):
        top = self.client.native("builtin.sleep", "1000s")
        self.client.wait_state(top, e2e.RUNNING, WAITING)
        middle = self.held(parent_id=top)
        job = self.held(parent_id=middle)
        self.assertRefused("after its parent, but it ends with that one", job, [(ANY, middle)])
        self.assertRefused(f"it is below job {top}, and would end with it", job, [(ANY, top)])
        after = self.job([(OK, top)])
        self.assertRefused(f"job {top}, and would end with it before it runs: job {after} is to run "
                           f"after job {top}", job, [(OK, after)])
        started = self.job([(START, top)])
        self.assertDone(job, [(START, top)], [(START, middle), (ANY, started)])
        self.release(job)
        self.client.wait(job)
        self.assertDone(middle)

    def test_unknown_jobs_and_bad_clauses_are_refused(self):
        job = self.held()
        line = self.client.message("AnyOf", of=[self.client.message("Dependency", line=1)])
        for clauses, text in (([[(OK, 10 ** 9)]], "there is no job 1000000000"),
                              ([[]], "names no job"), ([[(OK, 0)]], "either id or line"),
                              ([[(9, job)]], "condition 9"), ([[(CORR, job)]], "condition corr"),
                              ([[(OK, job)]] * 1001, "at most 1000")):
            self.assertRefused(text, job, *clauses)
        spec = self.client.message("JobSpec", after=[line])
        reply = self.client.jobs("Update", ids=[job], fields=["after"], spec=spec)
        self.assertIn("does not stand before", reply.results[0].message)
        gone = self.client.exec("true")
        self.client.wait(gone)
        self.client.jobs("Remove", ids=[gone])
        self.assertRefused(f"there is no job {gone}", job, [(OK, gone)])

    def test_job_that_has_run_is_refused(self):
        policy = self.client.message("RetryPolicy", retries=5, backoff_ns=1000 * e2e.SECOND)
        job = self.client.exec("false", retry=policy)
        self.client.wait_state(job, WAITING)
        other = self.held()
        self.assertRefused("it has run before", job, [(OK, other)])
        self.assertRefused("it has run before", job)

    def test_hook_of_a_former_run_can_be_waited_for(self):
        """A job's own hook is made when it ends, so it can be only one of a run that is over."""
        job = self.held(on_finish=[b"true"])
        self.client.jobs("Cancel", ids=[job])
        self.client.wait(job)
        hook = job + 1
        self.assertEqual(self.client.wait(hook).spec.hook_of.job_id, job)
        blocker = self.client.exec("sleep", "1000")
        self.client.wait_state(blocker, e2e.RUNNING)
        self.client.jobs("Retry", ids=[job])
        self.assertDone(job, [(ANY, hook)])
        self.client.jobs("Cancel", ids=[blocker])
        self.assertEqual(self.client.wait(job).outcome, SUCCEEDED)

    # ---------------------------------------------------------------- run again

    def retry(self, *ids):
        reply = self.client.jobs("Retry", ids=ids)
        return {r.id: (r.status, r.message) for r in reply.results}

    def test_retried_together_they_wait_in_whatever_order(self):
        """By ids alone, those that wait for higher ones would find those over."""
        jobs = [self.held() for _ in range(6)]
        first = self.held("false")
        order = [jobs[i] for i in (3, 1, 5, 4, 0, 2)]  # each runs after the one before
        for before, job in zip([first] + order, order):
            self.assertDone(job, [(OK, before)])
        self.release(first, *jobs)
        self.assertEqual({j.outcome for j in self.client.wait(*jobs)}, {DEPENDENCY_FAILED})
        blocker = self.client.exec("sleep", "1000")
        self.client.wait_state(blocker, e2e.RUNNING)
        results = self.retry(first, *jobs)
        self.assertEqual({status for status, _ in results.values()}, {DONE})
        self.assertEqual([self.client.get(job).reason for job in order],
                         [f"waits for job {before} to succeed"
                          for before in [first] + order[:-1]])
        self.client.jobs("Cancel", ids=[first])
        self.assertEqual({j.outcome for j in self.client.wait(*jobs)}, {DEPENDENCY_FAILED})

    def test_run_again_it_may_not_wait_for_itself(self):
        blocker = self.client.exec("sleep", "1000")
        self.client.wait_state(blocker, e2e.RUNNING)
        gate, first = self.held(), self.held()
        middle = self.job([(OK, first)])
        last = self.job([(ANY, middle)], [(OK, gate)])
        self.client.jobs("Cancel", ids=[first])
        self.client.wait(first, middle)
        self.retry(first)
        self.assertDone(first, [(OK, last)])  # what that waited for has come
        status, text = self.retry(middle)[middle]
        self.assertEqual(status, REFUSED)
        self.assertIn(f"job {first} is to run after job {last}, that after it", text)
        self.assertDone(first)
        self.assertEqual(self.retry(middle)[middle][0], DONE)

    def test_those_that_would_wait_for_each_other_are_not_put_off_for_ever(self):
        blocker = self.client.exec("sleep", "1000")
        self.client.wait_state(blocker, e2e.RUNNING)
        a, b = self.held(), self.held()
        self.assertDone(b, [(ANY, a)])
        self.client.jobs("Cancel", ids=[b])
        self.client.wait(b)
        self.assertDone(a, [(ANY, b)])
        self.client.jobs("Cancel", ids=[a])
        self.client.wait(a)
        results = self.retry(a, b)
        self.assertEqual(sorted(status for status, _ in results.values()), [DONE, REFUSED])
        self.assertIn("it would wait for itself: job", "".join(t for _, t in results.values()))

    # ---------------------------------------------------------------- what stays, what goes

    def test_old_ones_are_let_go_and_new_ones_kept(self):
        old, new = self.client.exec("true"), self.client.exec("true")
        self.client.wait(old, new)
        gate = self.held()
        job = self.job([(OK, old)], [(OK, gate)])
        removed = lambda i: self.client.jobs("Remove", ids=[i]).results[0]
        self.assertEqual(removed(old).status, REFUSED)
        self.assertDone(job, [(OK, new)], [(OK, gate)])
        self.assertEqual(removed(old).status, DONE)
        self.assertIn(f"job {job}", removed(new).message)
        self.assertDone(job, [(OK, gate)])
        self.assertEqual(removed(new).status, DONE)

    def test_unique_keys_keep_their_turn(self):
        queue = {"unique_key": "k", "on_conflict": 2}
        first = self.held(**queue)
        second, gate = self.held(**queue), self.held()
        for _ in range(3):
            self.assertDone(second)
            self.assertEqual(self.named(second), [[(ANY, first)]])
        for _ in range(3):
            self.assertDone(second, [(OK, gate)], [(ANY, first)])
            self.assertEqual(self.named(second), [[(OK, gate)], [(ANY, first)]])
        self.assertRefused("it would wait for itself", first, [(ANY, second)])
        self.release(first)
        self.client.wait(first)
        self.assertDone(second)
        self.assertEqual(self.named(second), [])

    def test_many_at_once(self):
        label = {"labels": {"of": "many"}}
        first = self.held(**label)
        chain = [first]
        for _ in range(20):
            chain.append(self.job([(OK, chain[-1])], **label))
        others = [self.job([(OK, first)], **label) for _ in range(20)]
        target = chain[10]
        results = self.update_many(chain + others, [(ANY, target)])
        for job in chain[:11]:
            self.assertEqual(results[job][0], REFUSED)
            self.assertIn("it would wait for itself", results[job][1])
        for job in chain[11:] + others:
            self.assertEqual((results[job][0], self.named(job)), (DONE, [[(ANY, target)]]))
        match = self.client.message("LabelMatch", key="of", value="many")
        selector = self.client.message("Selector", labels=[match])
        spec = self.client.message("JobSpec")
        reply = self.client.jobs("Update", selector=selector, fields=["after"], spec=spec)
        self.assertEqual({r.status for r in reply.results}, {DONE})
        self.assertEqual(len(reply.results), 41)
        self.release(first)
        self.assertEqual({j.outcome for j in self.client.wait(*chain, *others)}, {SUCCEEDED})

    # ---------------------------------------------------------------- gorctl

    def run_ctl(self, *args):
        return ctl.run(*args, host=self.gord.target)

    def test_gorctl(self):
        a, b, job = (str(i) for i in (self.held(), self.held(), self.held()))
        done = self.run_ctl("update", job, "--after", f"{a},any:{b}?start:{a}")
        self.assertEqual((done.code, done.text), (0, f"{job}  updated: version 1\n"))
        self.assertIn(f"ok:{a},any:{b}?start:{a}", self.run_ctl("show", job).text)
        self.assertIn(f"waits for job {a} to succeed", self.run_ctl("why", job).text)
        self.assertIn(f"waits for job {a} to succeed", self.run_ctl("ls").text)
        done = self.run_ctl("update", job, "--after", a, "--after", f"notok:{b}")
        self.assertEqual(done.text, f"{job}  updated: version 2\n")
        self.assertIn(f"ok:{a},notok:{b}", self.run_ctl("show", job).text)
        circle = self.run_ctl("update", a, "--after", job)
        self.assertEqual(circle.code, ctl.USAGE)
        self.assertIn(f"job {job} is to run after it", circle.err.decode())
        self.assertEqual(self.run_ctl("update", job, "--no-after").code, 0)
        self.assertNotIn("After", self.run_ctl("show", job).text)
        for text in ("x", "ok:", "7,", "maybe:7", "7??8", "@1", "", f"corr:{a}"):
            self.assertEqual(self.run_ctl("update", job, "--after", text).code, ctl.USAGE, text)
        both = self.run_ctl("update", job, "--after", a, "--no-after")
        self.assertEqual(both.code, ctl.USAGE)
        self.assertIn("exclude each other", both.err.decode())
        self.assertIn("no job 99999999",
                      self.run_ctl("update", job, "--after", "99999999").err.decode())


class Arrays(Helpers, e2e.GordTest):
    """Of an array what it waits for as a whole is changed, before it has begun."""

    options = ("--exec-slots", "4")

    def tearDown(self):
        self.client.jobs("Cancel", all=True)

    def array(self, *clauses, last=2, **fields):
        spec = self.client.exec_spec("true", after=self.after(*clauses), **fields)
        spec.array.indices.add(first=0, last=last)
        return self.client.submit(spec)

    def tasks(self, group):
        return list(self.client.jobs("Tree", id=group).jobs)[1:]

    def test_waits_for_others_instead_and_all_its_tasks_with_it(self):
        first, second = self.held(), self.held()
        group = self.array([(OK, first)])
        self.assertDone(group, [(OK, second)])
        shown = self.client.get(group)
        self.assertEqual((shown.state, shown.reason, shown.version),
                         (CREATED, f"waits for job {second} to succeed", 1))
        self.release(first)
        self.client.wait(first)
        self.assertEqual({t.state for t in self.tasks(group)}, {CREATED})
        self.release(second)
        self.assertEqual(self.client.wait(group).outcome, SUCCEEDED)
        free = self.array([(OK, self.held())])
        self.assertDone(free)
        self.assertEqual(self.client.wait(free).outcome, SUCCEEDED)

    def test_what_can_never_come_ends_its_tasks_too(self):
        bad = self.client.exec("false")
        self.client.wait(bad)
        group = self.array([(OK, self.held())])
        status, text = self.update(group, [(OK, bad)])
        self.assertEqual(status, DONE)
        self.assertIn(f"it will never run: it waited for job {bad} to succeed", text)
        self.assertEqual(self.client.wait(group).outcome, DEPENDENCY_FAILED)
        self.client.wait(*[t.id for t in self.tasks(group)])

    def test_circles_through_tasks_and_arrays(self):
        gate = self.held()
        group = self.array([(OK, gate)])
        task = self.tasks(group)[1].id
        behind = self.job([(OK, task)])
        other = self.array([(CORR, group)])
        last = self.job([(ANY, self.tasks(other)[0].id)])
        self.assertRefused("it would wait for itself", group, [(OK, group)])
        self.assertRefused(f"job {task} is to run after it", group, [(OK, task)])
        self.assertRefused(f"job {behind} is to run after job {task}, that after it",
                           group, [(OK, behind)])
        self.assertRefused(f"job {other} is to run after it", group, [(OK, other)])
        self.assertRefused("it would wait for itself", group, [(OK, last)])
        self.assertRefused("it would wait for itself", gate, [(OK, other)])
        self.assertRefused("it would wait for itself", gate, [(OK, last)])
        self.assertDone(group, [(ANY, gate)])
        self.release(gate)
        self.client.wait(group, other, behind, last)

    def test_what_is_not_changed(self):
        gate = self.held()
        begun, waits = self.array(held=True), self.array([(OK, gate)], labels={"of": "array"})
        apart = self.array([(CORR, waits)])
        self.assertRefused("a task of an array is not changed", self.tasks(waits)[0].id)
        self.assertRefused("with CORR, is found out when it is handed in", apart)
        self.assertRefused("with CORR, is found out when it is handed in", waits, [(CORR, begun)])
        spec = self.client.message("JobSpec", priority=1)
        reply = self.client.jobs("Update", ids=[waits], fields=["priority", "after"], spec=spec)
        self.assertIn("only what it is to run after is changed", reply.results[0].message)
        self.release(begun)
        self.client.wait(begun)
        slow = self.client.exec_spec("sleep", "1000")
        slow.array.indices.add(first=0, last=1)
        slow = self.client.submit(slow)
        self.client.wait_state(self.tasks(slow)[0].id, e2e.RUNNING)
        self.assertRefused("it has begun already", slow, [(OK, gate)])
        self.client.jobs("Hold", ids=[slow])
        self.assertRefused("it has begun already", slow, [(OK, gate)])
        # Chosen by what they are like, its tasks are not meant.
        match = self.client.message("LabelMatch", key="of", value="array")
        selector = self.client.message("Selector", labels=[match])
        reply = self.client.jobs("Update", selector=selector, fields=["after"],
                                 spec=self.client.message("JobSpec"))
        self.assertEqual([(r.id, r.status) for r in reply.results], [(waits, DONE)])
        self.assertEqual(self.client.wait(waits).outcome, SUCCEEDED)


class Exported(Helpers, import_e2e.ImportTest):
    def test_it_comes_after_those_it_waits_for(self):
        job = self.held()
        below = self.held(parent_id=job)
        ended, target = self.client.exec("true"), self.held()
        last = self.job([(OK, job)])
        self.client.wait(ended)
        self.assertDone(job, [(OK, ended)], [(ANY, target)])
        lines = self.ok("export", "--reveal").lines
        self.assertEqual([line["job"]["id"] for line in lines],
                         [ended, target, job, below, last])
        gord, client = self.other()
        done = self.into(gord, self.file(lines), "--live=submit")
        new = dict(map(int, line.split()) for line in done.text.splitlines())
        self.assertEqual((new[ended], new[target]), (ended, target))
        self.client.jobs("Cancel", all=True)
        self.client = client
        self.assertEqual(self.named(new[job]), [[(OK, new[ended])], [(ANY, new[target])]])
        self.assertEqual(client.get(new[below]).spec.parent_id, new[job])
        self.assertRefused("it would wait for itself", new[target], [(OK, new[last])])
        client = self.checked(gord, client)
        client.jobs("Release", all=True)
        self.assertEqual({client.wait(i).outcome for i in new.values()}, {SUCCEEDED})


class Restart(Helpers, e2e.KillTest):
    def test_changes_outlive_a_kill(self):
        done, first, later = self.client.exec("true"), self.held(), self.held()
        self.client.wait(done)
        job = self.job([(OK, first)])
        free = self.job([(OK, first)])
        self.update(job, [(OK, done)], [(OK, later)])
        self.update(first, [(ANY, job)])  # the one it waited for waits for it now
        self.update(free)
        self.assertEqual(self.client.wait(free).outcome, SUCCEEDED)
        array = self.client.exec_spec("true", after=self.after([(OK, first)]))
        array.array.indices.add(first=0, last=1)
        array = self.client.submit(array)
        self.assertDone(array, [(ANY, later)])
        self.restart()
        self.assertEqual(self.named(array), [[(ANY, later)]])
        self.assertEqual(self.named(job), [[(OK, done)], [(OK, later)]])
        self.assertEqual(self.named(first), [[(ANY, job)]])
        self.assertEqual(self.client.get(job).reason, f"waits for job {later} to succeed")
        self.assertRefused("it would wait for itself", later, [(OK, first)])
        self.release(first, later)
        self.client.wait(first)
        ended = [self.client.get(i) for i in (later, job, first)]
        self.assertEqual([j.outcome for j in ended], [SUCCEEDED] * 3)
        self.assertEqual(self.client.wait(array).outcome, SUCCEEDED)
        self.assertLessEqual(ended[0].finished_ns, ended[1].started_ns)
        self.assertLessEqual(ended[1].finished_ns, ended[2].started_ns)
        self.assertStoreIsSound()


if __name__ == "__main__":
    e2e.main()
