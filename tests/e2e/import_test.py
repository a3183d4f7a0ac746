# SPDX-License-Identifier: MIT
"""gorctl export and import: jobs with their history from one daemon into another."""

import json
import os
import subprocess

import gor_e2e as e2e
import gorctl_e2e as ctl
from import_e2e import ImportTest, without_seqs


class Import(ImportTest):
    def some_of_everything(self):
        """Jobs of all kinds that have ended in many ways; their ids."""
        retry = self.client.message("RetryPolicy", retries=1, backoff_ns=1)
        first = self.client.exec("sh", "-c", "echo out; echo err >&2; printf '\\377\\0x'",
                                 labels={"a": "b", "c": ""}, name="first")
        ids = [first,
               self.client.exec("sh", "-c", "exit 3", retry=retry),
               self.client.exec("sh", "-c", "kill -9 $$"),
               self.client.exec("/no/such/program"),
               self.client.exec("true", after=[self.client.message(
                   "AnyOf", of=[self.client.message("Dependency", id=first)])]),
               self.client.native("builtin.echo", "x"),
               self.client.jobs("Submit", spec=self.client.message("JobSpec", lua=self.client.message(
                   "LuaSpec", script=b"progress(1, 2, 'half') result('all')"))).id]
        sleeper = self.client.exec("sleep", "1000")
        self.client.wait_process(sleeper)
        self.client.jobs("Signal", ids=[sleeper], signal=18)
        self.client.jobs("Cancel", ids=[sleeper], cause="enough")
        self.client.wait(*ids, sleeper)
        for _ in range(2):
            self.client.jobs("Retry", ids=[ids[2]])
            self.client.wait(ids[2])
        again = self.client.jobs("Rerun", ids=[ids[1]]).results[0].new_id
        array = self.client.exec_spec("sh", "-c", "echo $GOR_ARRAY_INDEX; exit $GOR_ARRAY_INDEX",
                                      name="all")
        array.array.at_once = 2
        array.array.indices.add(first=0, last=2)
        group = self.client.submit(array)
        entry = self.client.message("CronSpec", name="each", expr="@yearly",
                                    job=self.client.exec_spec("echo", "fired"))
        self.client.call("Crons", "Put", spec=entry, replace=True)
        fired = self.client.call("Crons", "Run", name="each").id
        self.client.wait(again, group, fired)
        return ids + [sleeper, fired, group, again]

    def test_round_trip_is_equal(self):
        self.some_of_everything()
        lines = self.ok("export", "--with-output", "--reveal").lines
        gord, client = self.other()
        done = self.into(gord, self.file(lines), "--live=submit")
        jobs = [line["job"]["id"] for line in lines if "job" in line]
        self.assertEqual(done.text.split("\n")[:-1], [f"{i} {i}" for i in jobs])
        self.assertIn(b"0 of them with new ids", done.err)
        client = self.checked(gord, client)
        again = ctl.run("export", "--with-output", "--reveal", host=gord.socket).lines
        self.assertEqual(without_seqs(again), without_seqs(lines))
        for job_id in jobs:
            if self.client.get(job_id).spec.WhichOneof("kind") != "group":
                self.assertEqual(client.logs(job_id), self.client.logs(job_id))
        self.assertEqual(client.jobs("Count").total, len(jobs))
        found = client.jobs("Select", selector=client.message("Selector", labels=[
            client.message("LabelMatch", key="a", value="b")]))
        labelled = [line["job"]["id"] for line in lines
                    if "job" in line and line["job"]["spec"]["labels"].get("a") == "b"]
        self.assertEqual(sorted(found.ids), labelled)
        self.assertGreater(client.native("builtin.echo"), jobs[-1])
        # All of it is there already.
        done = self.into(gord, self.file(lines))
        self.assertIn(f"0 jobs taken, 0 of them with new ids; {len(jobs)} are here already".encode(),
                      done.err)

    def test_job_finds_those_that_came_right_before_it(self):
        """They had ended, and are on their way to the disk when it asks."""
        good, bad = self.client.exec("true"), self.client.exec("false")
        never = self.client.exec("true", held=True)
        self.client.jobs("Cancel", ids=[never])
        self.client.wait(good, bad, never)
        expected = {}
        for of in (good, bad, never):
            for condition, outcome in enumerate((of == good, True, of != good, of != never)):
                dependency = self.client.message("Dependency", id=of, condition=condition)
                clause = self.client.message("AnyOf", of=[dependency])
                job = self.client.exec("true", held=True, after=[clause])
                expected[job] = e2e.SUCCEEDED if outcome else e2e.DEPENDENCY_FAILED
        lines = self.ok("export", "--reveal").lines
        self.client.jobs("Cancel", all=True)
        # Those that failed at once are handed in as the others are.
        for line in lines:
            if line["job"]["id"] in expected:
                line["job"]["state"] = "CREATED"
        gord, client = self.other()
        self.into(gord, self.file(lines), "--live=submit")
        client.jobs("Release", all=True)
        self.assertEqual({job: client.wait(job).outcome for job in expected}, expected)
        client = self.checked(gord, client)
        self.assertEqual({job: client.get(job).outcome for job in expected}, expected)

    def test_new_ids_where_there_are_jobs_already(self):
        ids = self.some_of_everything()
        lines = self.ok("export", "--jobs-only", "--from-id", str(ids[0])).lines
        gord, client = self.other()
        last = max(line["job"]["id"] for line in lines)
        reply = client.jobs("SubmitMany", specs=[client.native_spec("builtin.echo")] * (last + 5))
        client.wait(reply.first_id + reply.count - 1)
        done = self.into(gord, self.file(lines))
        here = dict(map(int, line.split()) for line in done.text.splitlines())
        self.assertEqual(sorted(here), [line["job"]["id"] for line in lines])
        self.assertEqual(sorted(here.values()),
                         list(range(last + 6, last + 6 + len(lines))))
        client = self.checked(gord, client)
        for old, new in here.items():
            self.assertEqual(client.get(new).spec.name, self.client.get(old).spec.name)
        self.assertEqual(client.get(here[ids[4]]).spec.after[0].of[0].id, here[ids[0]])
        self.assertEqual(client.get(here[ids[-1]]).spec.rerun_of, here[ids[1]])
        task = client.get(here[ids[-2]] + 1).spec
        self.assertEqual((task.parent_id, task.task.array_id), (here[ids[-2]],) * 2)
        # Again, with what was printed: nothing is taken twice.
        taken = self.file(done.text.splitlines(), "taken")
        again = self.into(gord, self.file(lines), "--resume", taken)
        self.assertIn(b"0 jobs taken", again.err)
        # A part, which refers to what is not in it.
        part = [line for line in lines if line["job"]["id"] == ids[4]]
        done = self.into(gord, self.file(part))
        self.assertIn(b"1 reference to jobs that were not taken was left out", done.err)
        new = int(done.text.split()[1])
        self.assertEqual(len(client.get(new).spec.after), 0)

    def test_live_jobs_are_held_or_start_or_are_left_out(self):
        held = self.client.exec("true", held=True, env={"PATH": "/bin:/usr/bin", "MY_TOKEN": "s3cret"})
        after = self.client.exec("true", held=True, after=[self.client.message(
            "AnyOf", of=[self.client.message("Dependency", id=held)])])
        self.addCleanup(self.client.jobs, "Cancel", ids=[held, after])
        told = self.gorctl("export", "--jobs-only", "--from-id", str(held))
        self.assertEqual(told.code, 0, told)
        self.assertEqual(told.err, b"gorctl: values of secrets are hidden, and import refuses what "
                         b"needs them to run (jobs: 1, entries of the calendar: 0); --reveal exports "
                         b"them\n")
        hidden = told.lines
        shown = self.ok("export", "--jobs-only", "--reveal", "--from-id", str(held)).lines
        gord, client = self.other()
        done = self.into(gord, self.file(hidden), code=ctl.USAGE)
        self.assertIn(b"line 1: the value of MY_TOKEN was hidden", done.err)
        self.assertIn(b"line 2: it is to run after job %d, which was not taken" % held, done.err)
        done = self.into(gord, self.file(hidden), "--live=skip")
        self.assertEqual((done.out, client.jobs("Count").total), (b"", 0))
        self.assertIn(b"2 that had not ended were left out", done.err)
        done = self.into(gord, self.file(shown), "--dry-run")
        self.assertEqual((done.text, client.jobs("Count").total),
                         (f"{held} {held}\n{after} {after}\n", 0))
        self.into(gord, self.file(shown))
        self.assertEqual([client.get(i).state for i in (held, after)], [e2e.CREATED] * 2)
        client.jobs("Release", ids=[held, after])
        self.assertEqual([j.outcome for j in client.wait(held, after)], [e2e.SUCCEEDED] * 2)
        for line in shown:
            line["job"]["spec"]["held"] = False
        done = self.into(gord, self.file(shown), "--live=submit")
        ids = [int(line.split()[1]) for line in done.text.splitlines()]
        self.assertEqual(len(ids), 2)
        self.assertEqual([j.outcome for j in client.wait(*ids)], [e2e.SUCCEEDED] * 2)
        self.checked(gord, client)

    def test_bad_lines_are_told_and_stop_nothing(self):
        job = self.client.exec("true")
        self.client.wait(job)
        line = next(x for x in self.ok("export", "--from-id", str(job)).lines)
        job = line["job"]

        def with_job(**fields):
            return {"job": {**job, **fields}, "events": line["events"]}

        def events(fn):
            copy = json.loads(json.dumps(line))
            fn(copy["events"])
            return copy

        bad = [
            ({"output": {"stream": "STDOUT", "data": "x"}}, "output without a job before it"),
            ("{", "not JSON"),
            ("[]", "not an object"),
            ({"job": job, "more": 1}, 'has no member "more"'),
            (with_job(id="x"), '"id" must be a whole number'),
            (with_job(outcome="NEVER"), '"outcome" has a value that is not known'),
            (with_job(id=0), "needs an id, a spec and a state"),
            (with_job(spec=None), "needs an id, a spec and a state"),
            (with_job(outcome=None), "must say how"),
            (with_job(outcome="FAILED"), "another outcome"),
            (with_job(finished_ns=-1), "out of range"),
            (with_job(spec={**job["spec"], "name": "n" * 300}), "spec.name has 300 bytes"),
            (events(list.pop), "is no end"),
            (events(lambda e: e.append(e[-1])), "cannot follow what is before it"),
            (events(lambda e: e[1].update(kind=None)), "events[1] has no kind"),
            ({}, "neither job nor output"),
        ]
        gord, client = self.other()
        done = self.into(gord, self.file([text for text, _ in bad] + [line]), code=ctl.USAGE)
        said = done.err.decode().splitlines()
        for number, (_, why) in enumerate(bad, 1):
            self.assertTrue(any(f"line {number}: " in s and why in s for s in said), (number, why, said))
        self.assertEqual(done.text, f"{job['id']} {job['id']}\n")
        # Output that is none takes its job with it.
        done = self.into(gord, self.file([with_job(id=job["id"] + 1),
                                          {"output": {"stream": None, "data": "x"}}]), code=ctl.USAGE)
        self.assertIn(b"line 1: its output cannot be taken", done.err)
        # A history that is not all there is made up from the job.
        short = events(lambda e: e.pop(0))
        short["job"]["id"] += 7
        done = self.into(gord, self.file([short]))
        self.assertIn(b"was left out", done.err)
        got = client.get(job["id"] + 7)
        self.assertEqual((got.outcome, got.started_ns), (e2e.SUCCEEDED, job["started_ns"]))
        self.checked(gord, client)

    def test_an_import_that_is_cut_off_leaves_whole_jobs(self):
        gord, client = self.other()
        job = self.client.exec("sh", "-c", "echo out")
        self.client.wait(job)
        line, *output = self.ok("export", "--with-output", "--from-id", str(job)).lines[:2]

        def requests():
            for i in range(300):
                copy = json.loads(json.dumps(line))
                copy["job"]["id"] = 1 + i
                yield copy

        path = self.file([x for copy in requests() for x in (copy, *output)])
        with open(path, "rb") as file:
            whole = file.read()
        process = subprocess.Popen(ctl.command("import", "--patience=0s", "-"), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=ctl.environment(gord.socket))
        process.stdin.write(whole[:len(whole) // 2])
        process.stdin.flush()
        first = process.stdout.readline()
        self.assertEqual(first, b"1 1\n")
        gord.kill()
        out, err = process.communicate(timeout=e2e.PATIENCE)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn(b"the same command with --request-id=", err)
        gord.start()
        client = gord.client()
        taken = [int(x.split()[1]) for x in (first + out).decode().splitlines()]
        for job_id in taken:
            self.assertEqual(client.logs(job_id), b"out\n")
        done = self.into(gord, path)
        self.assertEqual(len(done.text.splitlines()), 300)
        self.assertEqual(client.jobs("Count").total, 300)
        client = self.checked(gord, client)
        self.assertEqual(client.logs(300), b"out\n")
        self.assertEqual([n for n in os.listdir(os.path.join(gord.state, "logs")) if "-" in n], [])

    def test_request_id_takes_a_job_once(self):
        _, client = self.other()

        def take(request_id, job_id, **options):
            options = client.message("ImportOptions", request_id=request_id, **options)
            spec = client.native_spec("builtin.echo")
            job = client.message("Job", id=job_id, spec=spec, state=e2e.CREATED, uid=os.geteuid())
            results = client.call("Store", "Import", iter([
                client.message("ImportRequest", options=options),
                client.message("ImportRequest", job=job)]))
            return sorted(results, key=lambda result: result.index)

        taken, exists = 1, 2
        name, other = b"n" * 16, b"o" * 16
        first = take(name, 5)[1]
        self.assertEqual(first.status, taken)
        again = take(name, 5)[1]
        self.assertEqual((again.status, again.id), (exists, first.id))
        self.assertEqual(take(name, 5, dry_run=True)[1].status, exists)
        ids = {first.id}
        for of in ((name, 6), (other, 5), (b"", 5), (b"", 5)):
            result = take(*of)[1]
            self.assertEqual(result.status, taken)
            ids.add(result.id)
        self.assertEqual(len(ids), 5)

    def test_options_that_are_refused_end_the_import(self):
        """Before a job that comes after them is taken, which would not be as it is meant."""
        _, client = self.other()
        message = client.message
        spec = client.native_spec("builtin.echo")
        job = message("Job", id=5, spec=spec, state=e2e.CREATED, uid=os.geteuid())
        fine = message("ImportOptions")
        for wrong, text in (
                (message("ImportOptions", request_id=b"ABC"),
                 "options.request_id has 3 bytes; it is 16, or none"),
                (message("ImportOptions", live=7), "options.live 7 is not known; they are HOLD, SUBMIT, SKIP"),
                (message("ImportOptions", known=[message("ImportedJob", old_id=7)]),
                 "options.known[0]: an id is 0"),
                (fine, "options are for the first message of the stream only")):
            for before in ([], [fine]) if wrong is not fine else ([fine], [message("ImportOptions", dry_run=True)]):
                requests = [message("ImportRequest", options=options) for options in (*before, wrong)]
                requests[-1].job.CopyFrom(job)
                requests.append(message("ImportRequest", job=job))
                text = "for the first message" if before else text
                self.assertStatus(e2e.grpc.StatusCode.INVALID_ARGUMENT, client.call, "Store", "Import",
                                  iter(requests), text=text)
        self.assertEqual(client.jobs("Count").total, 0)
        both = message("ImportRequest", options=message("ImportOptions", live=2), job=job)
        result, = client.call("Store", "Import", iter([both]))
        self.assertEqual((result.index, result.status, result.old_id), (0, 3, 5))

    def test_what_was_removed_does_not_come_back(self):
        """But by an import of another name; those that refer to it are taken all the same."""
        first = self.client.native("builtin.echo", name="first")
        self.client.wait(first)
        live = self.client.native("builtin.echo", name="live", held=True)
        after = self.client.exec("true", held=True, name="after", after=[self.client.message(
            "AnyOf", of=[self.client.message("Dependency", id=first)])])
        self.addCleanup(self.client.jobs, "Cancel", ids=[live, after])
        lines = self.ok("export", "--reveal", "--jobs-only", "--from-id", str(first)).lines
        gord, client = self.other()
        while client.native("builtin.echo") < after:  # so that ids are others
            pass
        name = "--request-id=" + "7" * 32
        taken = self.into(gord, self.file(lines[:2]), name).text
        here = [int(line.split()[1]) for line in taken.splitlines()]
        client.jobs("Cancel", ids=here)
        client.wait(*here)
        self.assertEqual([r.status for r in client.jobs("Remove", ids=here).results], [1, 1])
        resume = ("--resume", self.file(taken.splitlines(), "taken"))
        for options, count in (((name, "--dry-run"), 1), ((name,), 1), (resume, 0)):
            done = self.into(gord, self.file(lines[:2 + count]), *options)
            for i in range(2):
                self.assertIn(f"line {i + 1}: it was taken as job {here[i]}, which has been removed since",
                              done.err.decode())
            self.assertRegex(done.err.decode(), f"{count} jobs? .*taken, .* 0 are here already.* 0 refused\n"
                             "gorctl: 2 were taken before and removed since, and do not come back")
            self.assertEqual(len(done.text.splitlines()), count)
        self.assertEqual([job.spec.name for job in client.jobs("List", limit=100).jobs if job.spec.name],
                         ["after"])
        other = self.into(gord, self.file(lines[:2]))
        self.assertIn(b"2 jobs taken", other.err)
        self.checked(gord, client)

    def test_request_ids_that_differ_in_little_are_others(self):
        """Of imports, and of a submission."""
        jobs = [self.client.exec("true", held=True, name=f"n{n}") for n in range(8)]
        self.addCleanup(self.client.jobs, "Cancel", ids=jobs)
        path = self.file(self.ok("export", "--reveal", "--jobs-only", "--from-id", str(jobs[0])).lines)
        gord, client = self.other()
        client.jobs("Submit", spec=client.native_spec("builtin.echo"), request_id=bytes([0x21] + [0] * 15))
        ids = set()
        for name in ("11" + 30 * "0", "12" + 30 * "0", "20" + 30 * "0", 30 * "0" + "11"):
            for taken, here in ((8, 0), (0, 8)):
                done = self.into(gord, path, f"--request-id={name}")
                self.assertIn(f"{taken} jobs taken".encode(), done.err)
                self.assertIn(f"{here} are here already".encode(), done.err)
            ids |= {int(line.split()[1]) for line in done.text.splitlines()}
        self.assertEqual(len(ids), 32)
        for n in range(1, 9):  # as ids of jobs there are, which may be others' here
            reply = client.jobs("Submit", spec=client.native_spec("builtin.echo"),
                                request_id=bytes([0x11 ^ n] + [0] * 15))
            self.assertNotIn(reply.id, ids)
        self.checked(gord, client)

    def test_wrong_words(self):
        self.refused(ctl.USAGE, "which file?", "import")
        self.refused(ctl.USAGE, "one file at a time", "import", "a", "b")
        self.refused(ctl.USAGE, "is not one of hold, submit, skip", "import", "--live=maybe", "-")
        self.refused(ctl.USAGE, "is not 32 hex digits", "import", "--request-id=12", "-")
        self.refused(ctl.NOT_FOUND, "cannot read", "import", "/no/such/file")
        self.refused(ctl.NOT_FOUND, "cannot read", "import", "--resume", "/no/such/file", "-")
        path = self.file(["1 2 3"], "taken")
        self.refused(ctl.USAGE, "line 1: not two ids", "import", "--resume", path, "-")


if __name__ == "__main__":
    e2e.main()
