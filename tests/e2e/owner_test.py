# SPDX-License-Identifier: MIT
"""Quotas of owners: how many jobs of one user may wait and run; told, kept over a kill, changed."""

import json
import os
import pwd
import queue
import re
import subprocess

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import RUNNABLE, RUNNING, SUCCEEDED, grpc

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED if grpc else None
OTHER = 4321  # whom no machine knows
ME = pwd.getpwuid(os.geteuid()).pw_name


class Owners(e2e.GordTest):
    """One daemon for each test, with a configuration of its own."""

    limits = ""

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        self.gord = e2e.Gord("--config=/dev/null", "--listen=127.0.0.1:0", "--grace=500ms",
                             "--exec-slots=50")
        self.addCleanup(self.gord.close)
        self.path = os.path.join(self.gord.folder, "gord.conf")
        self.gord.options = (f"--config={self.path}", *self.gord.options[1:])
        self.write(self.limits)
        self.gord.start()
        made = self.ctl("token", "create", "--json", "--role", "submitter", "--user", str(OTHER))
        self.secret = made.json["secret"]
        self.client = self.gord.client()
        self.connect()

    def connect(self):
        port = re.findall(r"listening on 127.0.0.1 port (\d+)", self.gord.stderr())[-1]
        self.host = f"127.0.0.1:{port}"
        self.other = e2e.Client(self.host, token=self.secret)

    def disconnect(self):
        self.client.close()
        self.other.close()

    def tearDown(self):
        self.disconnect()
        code = self.gord.stop()
        text = self.gord.stderr()
        self.assertEqual(code, 0, text)
        self.assertNotIn("Sanitizer", text)

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path, 0o644)

    def ctl(self, *args, code=0, **more):
        result = ctl.run(*args, host=self.gord.socket, **more)
        self.assertEqual(result.code, code, result)
        return result

    def reload(self, text):
        self.write(text)
        self.ctl("daemon", "reload")

    def sleep(self, client, **fields):
        return client.native("builtin.sleep", "1000s", **fields)

    def cancel(self, client, *ids):
        client.jobs("Cancel", ids=ids)
        for job_id in ids:
            client.wait(job_id)

    def why(self, job_id):
        return self.client.jobs("Why", id=job_id).text

    def quota(self, uid):
        """(queued, its limit, running, its limit)"""
        for owner in self.ctl("quota", "--json").json.get("owners", []):
            if owner.get("uid", 0) == uid:
                return tuple(owner.get(name, 0) for name in
                             ("queued", "queued_limit", "running", "running_limit"))
        return (0, 0, 0, 0)


class Running(Owners):
    limits = f"max-owner-running = 2\nowner-limits = {ME} running=4\n"

    def test_jobs_are_selected_by_whose_they_are(self):
        theirs = [self.sleep(self.other, name="whose") for _ in range(2)]
        mine = self.sleep(self.client, name="whose")

        def ids(*args):
            text = self.ctl("ls", "--no-header", "-o", "id", "--name", "whose", *args).text
            return sorted(map(int, text.split()))
        self.assertEqual(ids("--owner", str(OTHER)), theirs)
        self.assertEqual((ids("--owner", ME), ids("--mine")), ([mine], [mine]))
        self.assertEqual(ids("--owner", "4294967294"), [])
        self.assertEqual(self.ctl("count", "--owner", str(OTHER), "--name", "whose",
                                  "--json").json["total"], 2)
        done = self.ctl("ls", "--owner", "nobody such", code=ctl.USAGE)
        self.assertIn(b"'nobody such' is no user of this machine", done.err)
        self.ctl("ls", "--mine", "--owner", ME, code=ctl.USAGE)
        for fields in ({"owner_plus_1": 1 << 32}, {"owner_plus_1": 1, "mine": True}):
            selector = self.client.message("Selector", **fields)
            with self.assertRaises(e2e.grpc.RpcError) as caught:
                self.client.jobs("Select", selector=selector)
            self.assertEqual(caught.exception.code(), e2e.grpc.StatusCode.INVALID_ARGUMENT)
        self.ctl("cancel", "--owner", str(OTHER))
        self.client.wait(*theirs)
        self.assertNotEqual(self.client.get(mine).state, e2e.TERMINATED)
        self.cancel(self.client, mine)

    def test_who_is_at_his_limit_waits_and_nobody_else(self):
        theirs = [self.sleep(self.other) for _ in range(4)]
        mine = [self.sleep(self.client) for _ in range(5)]
        for job in (*theirs[:2], *mine[:4]):
            self.client.wait_state(job, RUNNING)
        self.assertEqual(self.quota(OTHER), (2, 0, 2, 2))
        self.assertEqual(self.quota(os.geteuid()), (1, 0, 4, 4))
        self.assertEqual(self.why(mine[4]), f"waits while owner {ME} runs 4 of at most 4 jobs")
        self.assertEqual(self.why(theirs[2]),
                         f"waits while owner {OTHER} runs 2 of at most 2 jobs")
        self.assertIn(f"is queued: waits while owner {ME} runs 4 of at most 4 jobs",
                      self.ctl("why", str(mine[4])).text)
        self.assertIn(f"waits while owner {ME} runs 4 of at most 4 jobs",
                      self.ctl("submit", "--dry-run", "true").text)
        self.assertIn(f"waits while owner {ME} runs 4", self.ctl("ls").text)
        self.cancel(self.client, mine[0])
        self.client.wait_state(mine[4], RUNNING)
        self.assertEqual(self.client.get(theirs[2]).state, RUNNABLE)
        self.cancel(self.other, theirs[1])
        self.client.wait_state(theirs[2], RUNNING)
        self.assertEqual(self.quota(OTHER), (1, 0, 2, 2))

    def test_it_is_for_all_queues_kinds_and_arrays(self):
        self.ctl("queue", "create", "aside", "10")
        array = int(self.ctl("submit", "--array", "0-5", "--", "sleep", "1000").out.split()[0])
        for i in range(4):
            self.client.wait_state(array + 1 + i, RUNNING)
        self.assertEqual(self.quota(os.geteuid()), (2, 0, 4, 4))  # without the array itself
        lua = int(self.ctl("lua", "-q", "aside", "-", stdin=b"sleep(1000)").out)
        self.assertIn("runs 4 of at most 4", self.why(lua))
        self.cancel(self.client, array)
        self.client.wait_state(lua, RUNNING)
        self.cancel(self.client, lua)

    def test_it_holds_after_a_kill(self):
        self.other.native("builtin.echo", "x", held=True)
        theirs = [self.sleep(self.other) for _ in range(5)]
        for job in theirs[:2]:
            self.client.wait_state(job, RUNNING)
        self.disconnect()
        self.gord.kill()
        self.gord.start()
        self.client = self.gord.client()
        self.connect()
        e2e.until(lambda: self.quota(OTHER)[2] == 2)
        queued, _, running, limit = self.quota(OTHER)
        self.assertEqual((running, limit), (2, 2))
        ended = sum(self.client.get(job).state == e2e.TERMINATED for job in theirs)
        self.assertEqual(queued + running + ended, 6)

    def test_retries_wait_for_their_turn(self):
        first = self.other.native("builtin.fail", 1)
        self.client.wait(first)
        held = [self.sleep(self.other) for _ in range(2)]
        for job in held:
            self.client.wait_state(job, RUNNING)
        self.other.jobs("Retry", ids=[first])
        self.assertIn("runs 2 of at most 2", self.why(first))
        self.cancel(self.other, held[0])
        self.client.wait(first)
        self.assertEqual(self.client.get(first).outcome, e2e.FAILED)

    def test_a_reload_changes_it_at_once(self):
        theirs = [self.sleep(self.other) for _ in range(4)]
        for job in theirs[:2]:
            self.client.wait_state(job, RUNNING)
        self.reload("max-owner-running = 3\n")
        self.client.wait_state(theirs[2], RUNNING)
        self.assertEqual(self.quota(OTHER), (1, 0, 3, 3))
        self.reload(f"max-owner-running = 3\nowner-limits = {OTHER} running=1\n")
        self.assertEqual(self.quota(OTHER), (1, 0, 3, 1))  # ends nothing
        self.cancel(self.other, theirs[0], theirs[1])
        self.assertEqual(self.client.get(theirs[3]).state, RUNNABLE)
        refused = self.gord.stderr().count("nothing")
        self.write("max-owner-running = 5\nowner-limits = no-such-user-here running=1\n")
        self.ctl("daemon", "reload", code=ctl.USAGE)
        self.assertEqual(self.quota(OTHER), (1, 0, 1, 1))
        self.assertGreater(self.gord.stderr().count("nothing"), refused)
        self.reload("")
        self.client.wait_state(theirs[3], RUNNING)


class Queued(Owners):
    limits = "max-owner-queued = 3\n"

    def setUp(self):
        super().setUp()
        self.ctl("pause")  # what is handed in waits

    def full(self):
        """The other owner has all that he may; the ids."""
        return [self.other.native("builtin.echo", "x") for _ in range(3)]

    def refused(self, fn, *args, **fields):
        before = self.ctl("count", "--json").out
        details = self.assertStatus(EXHAUSTED, fn, *args, **fields)
        self.assertEqual(self.ctl("count", "--json").out, before)  # nothing half stored
        return details

    def test_one_more_is_refused_until_one_starts_or_ends(self):
        ids = self.full()
        self.assertEqual(self.quota(OTHER), (3, 3, 0, 0))
        said = self.refused(self.other.native, "builtin.echo", "x")
        self.assertEqual(said, f"not submitted: owner {OTHER} has 3 of at most 3 jobs that wait "
                               "(max-owner-queued); try again when some have started, or cancel "
                               "some")
        spec = self.other.native_spec("builtin.echo", "x")
        self.refused(self.other.jobs, "Submit", spec=spec, dry_run=True)
        self.client.native("builtin.echo", "mine")
        result = ctl.run("submit", "true", env=ctl.environment(self.host, GOR_TOKEN=self.secret))
        self.assertEqual(result.code, ctl.REFUSED, result)
        self.assertIn("has 3 of at most 3 jobs that wait", result.err.decode())
        self.cancel(self.other, ids[0])
        ids.append(self.other.native("builtin.echo", "x"))
        self.refused(self.other.native, "builtin.echo", "x")
        self.ctl("resume")
        self.other.wait(*ids[1:])
        self.assertEqual(self.quota(OTHER), (0, 0, 0, 0))
        self.assertEqual(self.client.wait(self.other.native("builtin.echo", "x")).outcome,
                         SUCCEEDED)
        self.assertEqual(self.client.runtime("Stats").submits_over_quota, 4)
        self.assertIn("over quota", self.ctl("stats").text)
        self.assertIn("gord_submits_over_quota_total 4", self.ctl("metrics").text)

    def test_running_again_is_refused_for_now(self):
        self.ctl("resume")
        ended = self.client.native("builtin.echo", "x")
        self.client.wait(ended)
        self.ctl("pause")
        waiting = [self.client.native("builtin.echo", "x") for _ in range(3)]
        for verb in ("retry", "rerun"):
            done = self.ctl(verb, str(ended), code=ctl.REFUSED)
            self.assertIn("has 3 of at most 3 jobs that wait", done.err.decode())
        done = self.ctl("retry", "--json", str(ended), code=ctl.REFUSED)
        self.assertTrue(done.json["results"][0]["for_now"])
        self.ctl("retry", str(waiting[0]), code=ctl.USAGE)  # that is refused at any time

    def test_many_and_arrays_are_taken_as_a_whole_or_not_at_all(self):
        self.other.native("builtin.echo", "x")
        spec = self.other.native_spec("builtin.echo", "x")
        said = self.refused(self.other.jobs, "SubmitMany", specs=[spec] * 3)
        self.assertIn("has 1 of at most 3 jobs that wait (max-owner-queued), and these are 3 more",
                      said)
        self.other.jobs("SubmitMany", specs=[spec] * 2)
        self.assertEqual(self.quota(OTHER)[0], 3)
        done = self.ctl("submit", "--array", "0-3", "--", "true", code=ctl.REFUSED)
        self.assertIn("and these are 4 more", done.err.decode())
        self.assertEqual(self.quota(os.geteuid())[0], 0)
        self.ctl("submit", "--array", "0-2", "--", "true")
        self.assertEqual(self.quota(os.geteuid())[0], 3)

    def test_each_of_a_stream_for_itself(self):
        lines = b"".join(b'{"native": "builtin.echo", "args": ["%d"]}\n' % i for i in range(5))
        done = ctl.run("submit", "--from", "-", "--stream", stdin=lines, host=self.gord.socket)
        self.assertEqual(done.code, ctl.REFUSED, done)
        self.assertEqual(len(done.out.split()), 3)
        self.assertIn("3 of at most 3", done.err.decode())
        done = ctl.run("submit", "--from", "-", stdin=lines, host=self.gord.socket)
        self.assertEqual((done.code, done.out), (ctl.REFUSED, b""), done)

    def test_reruns_and_retries(self):
        self.ctl("resume")
        ended = self.other.native("builtin.fail", 1)
        self.client.wait(ended)
        self.ctl("pause")
        ids = self.full()
        for method in ("Rerun", "Retry"):
            result = self.other.jobs(method, ids=[ended]).results[0]
            self.assertIn("3 of at most 3", result.message, method)
        self.cancel(self.other, ids[0])
        self.other.jobs("Retry", ids=[ended])
        self.assertEqual(self.quota(OTHER)[0], 3)
        self.refused(self.other.native, "builtin.echo", "x")

    def test_the_calendar_makes_none_beyond_it(self):
        self.ctl("cron", "add", "mine", "@yearly", "--", "true")
        for _ in range(3):
            self.client.native("builtin.echo", "x")
        done = self.ctl("cron", "run", "mine", code=ctl.REFUSED)
        self.assertIn("3 of at most 3", done.err.decode())
        self.assertIn("3 of at most 3", self.ctl("cron", "show", "mine").text)

    def test_jobs_of_jobs(self):
        self.ctl("resume")
        script = b"""
        local ok, why
        for i = 1, 5 do
            ok, why = pcall(job.submit, {native = "builtin.echo", args = {"x"}})
            if not ok then break end
        end
        print(ok, why)
        """
        self.reload("max-owner-queued = 3\nmax-owner-running = 1\n")
        lua = int(self.ctl("lua", "-", stdin=script).out)
        self.assertEqual(self.client.wait(lua).outcome, SUCCEEDED)
        self.assertIn(b"3 of at most 3 jobs that wait", self.client.logs(lua))

    def test_imports(self):
        for _ in range(3):
            self.client.native("builtin.echo", "x")
        exported = self.ctl("export").out
        self.ctl("cancel", "--all", "--yes")
        target = e2e.Gord("--max-owner-queued=2")
        self.addCleanup(target.close)
        target.start()
        done = ctl.run("import", "-", stdin=exported, host=target.socket)
        self.assertEqual(done.code, ctl.REFUSED, done)
        self.assertIn("2 of at most 2", done.err.decode())
        self.assertEqual(len(done.out.splitlines()), 2)
        client = target.client()
        client.jobs("Cancel", ids=[int(line.split()[1]) for line in done.out.splitlines()])
        spec = client.native_spec("builtin.echo", array=client.message("Array", indices=[
            client.message("Array.Range", first=1, last=3)]))
        job = client.message("Job", id=50, spec=spec, state=RUNNABLE, uid=os.geteuid())
        result, = client.call("Store", "Import", iter([client.message("ImportRequest", job=job)]))
        self.assertIn("and these are 3 more", result.message)
        client.close()
        self.assertEqual(target.stop(), 0)

    def exported_array(self):
        """Of three tasks, one of which has ended; its id and lines."""
        self.ctl("resume")
        group = int(self.ctl("submit", "--hold", "--array", "0-2", "--", "true").text)
        self.ctl("hold", str(group + 2), str(group + 3))
        self.ctl("release", str(group))
        self.client.wait(group + 1)
        lines = self.ctl("export", "--reveal", "--from-id", str(group)).out
        self.ctl("cancel", str(group))
        return group, lines

    def target(self, limit):
        target = e2e.Gord(f"--max-owner-queued={limit}")
        self.addCleanup(target.close)
        target.start()
        client = target.client()
        self.addCleanup(client.close)
        return target, client

    def test_import_of_an_array_takes_all_of_it_or_nothing(self):
        _, lines = self.exported_array()
        target, client = self.target(2)
        for words in (["--dry-run"], []):
            done = ctl.run("import", *words, "-", stdin=lines, host=target.socket)
            self.assertEqual(done.code, 0, done)
            self.assertEqual(len(done.out.splitlines()), 4)
        self.assertStatus(EXHAUSTED, client.native, "builtin.echo")
        target, client = self.target(2)
        client.native("builtin.echo", held=True)
        for words in (["--dry-run"], []):
            done = ctl.run("import", *words, "-", stdin=lines, host=target.socket)
            self.assertEqual((done.code, done.out), (ctl.REFUSED, b""), done)
            self.assertIn("has 1 of at most 2 jobs that wait (max-owner-queued), and these are 2 "
                          "more", done.err.decode())
            self.assertNotIn("have not come", done.err.decode())

    def test_what_is_still_to_come_of_an_array_waits_already(self):
        group, _ = self.exported_array()
        _, client = self.target(2)
        jobs = [self.client.get(i) for i in range(group, group + 4)]
        for job, state in zip(jobs, (e2e.WAITING, e2e.TERMINATED, e2e.CREATED, e2e.CREATED)):
            job.state = state
            job.outcome = job.outcome if state == e2e.TERMINATED else 0
            job.finished_ns = job.finished_ns if state == e2e.TERMINATED else 0
        jobs[0].progress.done = 1
        more = queue.Queue()
        answers = client.call("Store", "Import", iter(more.get, None))

        def take(*some):
            for job in some:
                more.put(client.message("ImportRequest").FromString(self.client.message(
                    "ImportRequest", job=job).SerializeToString()))
            more.put(client.message("ImportRequest"))

        take(jobs[0])  # a message with nothing is refused, and the job before it is taken
        first = [next(answers), next(answers)]
        self.assertEqual(sorted(a.id for a in first), [0, group])
        self.assertIn("has 2 of at most 2 jobs that wait",
                      self.assertStatus(EXHAUSTED, client.native, "builtin.echo"))
        take(*jobs[1:])
        rest = [next(answers) for _ in range(4)]
        self.assertEqual(sorted(a.id for a in rest), [0, group + 1, group + 2, group + 3])
        self.assertStatus(EXHAUSTED, client.native, "builtin.echo")
        more.put(None)
        self.assertEqual(list(answers), [])
        client.jobs("Cancel", ids=[group + 3])
        client.wait(group + 3)
        client.native("builtin.echo", held=True)
        self.assertStatus(EXHAUSTED, client.native, "builtin.echo")

    def test_half_an_array_is_no_longer_counted_when_its_import_is_over(self):
        group, lines = self.exported_array()
        target, client = self.target(2)
        part = b"".join(line + b"\n" for line in lines.splitlines() if b'"id":%d,' % group in line)
        done = ctl.run("import", "-", stdin=part, host=target.socket)
        self.assertIn("3 tasks of 3 have not come", done.err.decode())
        client.native("builtin.echo", held=True)
        client.native("builtin.echo", held=True)
        self.assertStatus(EXHAUSTED, client.native, "builtin.echo")

    def test_one_that_is_there_already_is_told(self):
        spec = self.other.native_spec("builtin.echo", "x", unique_key="one")
        job = self.other.submit(spec)
        for _ in range(2):
            self.other.native("builtin.echo", "x")
        reply = self.other.jobs("Submit", spec=spec)
        self.assertEqual((reply.id, reply.existing), (job, True))
        self.refused(self.other.native, "builtin.echo", "x", unique_key="two")

    def test_one_that_replaces_another_makes_none_more(self):
        def keyed(key="k", **fields):
            return self.other.native_spec("builtin.echo", "x", unique_key=key, on_conflict=1, **fields)

        first = self.other.submit(keyed())
        for _ in range(2):
            self.other.native("builtin.echo", "x")
        self.assertEqual(self.quota(OTHER)[0], 3)
        dry = self.other.jobs("Submit", spec=keyed(), dry_run=True)
        self.assertFalse(dry.existing)
        second = self.other.submit(keyed())
        self.assertEqual(self.other.wait(first).outcome, e2e.CANCELLED)
        third = self.other.jobs("SubmitMany", specs=[keyed()]).first_id
        self.assertEqual(self.other.wait(second).outcome, e2e.CANCELLED)
        self.assertEqual(self.quota(OTHER)[0], 3)
        # What would be more in the end is refused as ever, and replaces nothing.
        pair = self.other.message("Array", indices=[self.other.message("Array.Range", last=1)])
        for fn, fields in ((self.other.submit, {"spec": keyed("other")}),
                           (self.other.submit, {"spec": keyed(array=pair)}),
                           (lambda specs: self.other.jobs("SubmitMany", specs=specs),
                            {"specs": [keyed(), keyed()]})):
            self.assertStatus(EXHAUSTED, fn, **fields)
        self.assertEqual(self.other.get(third).state, RUNNABLE)
        self.assertEqual(self.quota(OTHER)[0], 3)

    def test_what_runs_makes_no_room(self):
        self.ctl("resume")
        key = {"unique_key": "k", "on_conflict": 1}
        runs = self.sleep(self.other, **key)
        self.other.wait_state(runs, e2e.WAITING)
        self.ctl("pause")
        self.full()
        self.refused(self.sleep, self.other, **key)
        self.assertEqual(self.other.get(runs).state, e2e.WAITING)

    def test_an_array_makes_room_for_as_many(self):
        def array(last):
            spec = self.other.native_spec("builtin.echo", "x", unique_key="k", on_conflict=1)
            spec.array.indices.add(first=0, last=last)
            return spec

        first = self.other.submit(array(2))
        second = self.other.submit(array(2))
        self.assertEqual(self.other.wait(first).outcome, e2e.CANCELLED)
        self.assertEqual(self.quota(OTHER)[0], 3)
        self.refused(self.other.submit, array(3))
        self.assertEqual(len(self.other.jobs("Tree", id=second).jobs), 4)

    def test_it_holds_after_a_kill(self):
        ids = self.full()
        self.disconnect()
        self.gord.kill()
        self.gord.start()
        self.client = self.gord.client()
        self.connect()
        self.assertEqual(self.quota(OTHER), (3, 3, 0, 0))
        self.refused(self.other.native, "builtin.echo", "x")
        self.cancel(self.other, ids[2])
        self.other.native("builtin.echo", "x")

    def test_listing_and_words(self):
        self.full()
        self.reload(f"max-owner-queued = 3\nowner-limits = {ME} queued=7 running=2, 77 queued=none\n")
        rows = [line.split() for line in self.ctl("quota").text.splitlines()]
        self.assertEqual(rows[0], ["OWNER", "UID", "QUEUED", "MAX", "RUNNING", "MAX"])
        self.assertIn([ME, str(os.geteuid()), "0", "7", "0", "2"], rows)
        self.assertIn([str(OTHER), str(OTHER), "3", "3", "0", "-"], rows)
        self.assertEqual([row[1] for row in rows if row[1] == "77"], ["77"])
        self.assertEqual(json.loads(self.ctl("quota", "--json").out)["owners"][-1]["uid"], OTHER)
        self.ctl("quota", "me", code=ctl.USAGE)

    def test_rubbish_does_not_start(self):
        for text in ("root", "root jobs=3", "root queued=0", "no-such-user-here queued=1",
                     "root queued=1, 0 running=1"):
            done = subprocess.run(
                e2e.gord_command("--no-config", "--check-config", f"--owner-limits={text}"),
                capture_output=True, text=True, check=False, timeout=e2e.PATIENCE)
            self.assertEqual(done.returncode, 2, text)
            self.assertIn("--owner-limits: ", done.stderr)
            self.assertIn("alice queued=1000 running=4", done.stderr)


if __name__ == "__main__":
    e2e.main()
