# SPDX-License-Identifier: MIT
"""Webhooks: the end of a job as a POST of JSON, at least once, whatever dies in between."""

import base64
import datetime
import json
import os
import re
import shutil
import socket
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc
from import_e2e import ImportTest
from webhook_e2e import Receiver, hooks_of, main, receiver_for

INVALID = grpc.StatusCode.INVALID_ARGUMENT if grpc else None
UGLY = 'n\u00e4me "q" \\ {a,b} [1-3] \U0001f600\n@x'
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
FIELDS = ["job", "host", "uid", "kind", "name", "queue", "labels", "cron", "outcome", "exit_code",
          "signal", "core_dumped", "cause", "attempts", "submitted_at", "started_at", "ended_at", "task", "array"]


class OwnWebhooks(ctl.GorctlTest):
    def told(self, job, receiver):
        """The document of a job, once it has been sent."""
        self.client.wait(job)
        hook, = hooks_of(self.client, job)
        self.assertEqual(self.client.wait(hook).outcome, e2e.SUCCEEDED)
        got = receiver.next()
        self.assertEqual(got["document"]["job"], job)
        return got

    def test_it_is_told_how_the_job_ended(self):
        receiver = receiver_for(self)
        job = self.submit("-n", UGLY, "-l", f"\u00fc={UGLY}", "--on-finish-url",
                          receiver.url("/a;b?c=%20&d={}".replace("{}", "$x")), "--",
                          "sh", "-c", "exit 3")
        got = self.told(job, receiver)
        document = got["document"]
        self.assertEqual(list(document), FIELDS)
        self.assertEqual(got["path"], "/a;b?c=%20&d=$x")
        self.assertEqual(got["headers"]["Content-Type"], "application/json")
        self.assertRegex(got["headers"]["User-Agent"], r"^gord/\d")
        self.assertNotIn(b"\n", got["body"])
        self.assertEqual((document["name"], document["labels"]), (UGLY, {"\u00fc": UGLY}))
        self.assertEqual((document["outcome"], document["exit_code"], document["signal"]),
                         ("failed", 3, None))
        self.assertEqual((document["host"], document["uid"], document["kind"], document["queue"]),
                         (socket.gethostname(), os.getuid(), "exec", "default"))
        self.assertEqual((document["attempts"], document["task"], document["array"]),
                         (1, None, None))
        times = [document[f"{what}_at"] for what in ("submitted", "started", "ended")]
        for time in times:
            self.assertRegex(time, TIME)
        self.assertEqual(times, sorted(times))
        ended = self.client.get(job).finished_ns / 1e9
        told = datetime.datetime.fromisoformat(times[2].replace("Z", "+00:00")).timestamp()
        self.assertAlmostEqual(told, ended, places=3)
        hook, = hooks_of(self.client, job)
        self.assertEqual(self.client.logs(hook, 1), b"so 200\n")

    def test_other_ends(self):
        receiver = receiver_for(self)
        killed = self.submit("--on-finish-url", receiver.url(), "--", "sh", "-c", "kill -9 $$")
        document = self.told(killed, receiver)["document"]
        self.assertEqual((document["outcome"], document["exit_code"], document["signal"]),
                         ("signaled", None, 9))
        retried = self.submit("--on-finish-url", receiver.url(), "--retries", "1", "--backoff", "1ms",
                              "--", "false")
        self.assertEqual(self.told(retried, receiver)["document"]["attempts"], 2)
        held = self.submit("--on-finish-url", receiver.url(), "--hold", "--native", "builtin.echo")
        self.client.jobs("Cancel", ids=[held], cause='"enough"')
        document = self.told(held, receiver)["document"]
        self.assertEqual((document["outcome"], document["kind"], document["attempts"],
                          document["started_at"]), ("cancelled", "native", 0, None))
        self.assertIn('"enough"', document["cause"])
        script = os.path.join(self.gord.folder, "x.lua")
        with open(script, "w", encoding="utf-8") as file:
            file.write("return 1")
        self.ok("lua", "--on-finish-url", receiver.url(), script)
        self.assertEqual(receiver.next()["document"]["kind"], "lua")

    def test_a_failure_is_sent_again(self):
        receiver = receiver_for(self, 500)
        job = self.submit("--on-finish-url", receiver.url(), "--", "true")
        self.told(job, receiver)
        self.assertEqual(receiver.next()["document"]["job"], job)
        hook, = hooks_of(self.client, job)
        shown = self.client.get(hook, with_attempts=True)
        self.assertEqual([(a.outcome, a.exit_code) for a in shown.attempts],
                         [(e2e.FAILED, 22), (e2e.SUCCEEDED, 0)])
        self.assertEqual(self.client.logs(hook, 1), b"so 500\nso 200\n")
        self.assertIn(b"error: 500", self.client.logs(hook, 2))

    def tries(self):
        """How many tries there were, by what became of them."""
        page = self.ok("metrics").text
        return {found[1]: int(found[2]) for found in
                re.finditer(r'^gord_webhook_tries_total\{result="(\w+)"\} (\d+)$', page, re.M)}

    def test_what_is_refused_is_not_sent_again(self):
        long = 600 * "x"
        receiver = receiver_for(self, 404, (410, long))
        before = self.tries()
        for code, later in ((404, ""), (410, long)):
            job = self.submit("--on-finish-url", receiver.url("/s3cret"), "--", "true")
            self.client.wait(job)
            hook, = hooks_of(self.client, job)
            ended = self.client.wait(hook)
            self.assertEqual((ended.outcome, ended.exit_code, ended.detail),
                             (e2e.FAILED, 22,
                              f"answered {code}, which another try would not change"))
            self.assertEqual(len(self.client.get(hook, with_attempts=True).attempts), 1)
            self.assertEqual(self.client.logs(hook, 1), f"so {code}\n".encode())
            self.assertTrue(self.client.logs(hook, 2).endswith(f"answer: {code} {later}\n".encode()))
            self.assertEqual(receiver.next()["document"]["job"], job)
            told = f"the webhook of job {job} is not sent again: {receiver.url('/(hidden)')} answered {code}"
            if code == 404:
                self.assertIn(told, self.gord.stderr())
            else:  # once a minute
                self.assertNotIn(told, self.gord.stderr())
        job = self.submit("--on-finish-url", receiver.url(), "--", "true")
        self.told(job, receiver)
        self.assertTrue(receiver.got.empty())
        after = self.tries()
        self.assertEqual(after["refused"] - before["refused"], 2)
        self.assertGreater(after["taken"], before["taken"])  # other tests' may be on their way

    def test_what_may_be_taken_later_is_sent_when_it_is_asked_for(self):
        far = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1800)
        plan = [(503, "600"), (429, "100000"), (503, far.strftime("%a, %d %b %Y %H:%M:%S GMT")),
                (503, "0"), (408, "600"), (425, None), (429, "soon")]
        waits = [(600, 600), (3600, 3600), (1790, 1801), (1, 1), (1, 1), (1, 1), (1, 1)]
        receiver = receiver_for(self, *plan)
        before = self.tries()
        for (code, later), (least, most) in zip(plan, waits):
            job = self.submit("--on-finish-url", receiver.url(), "--", "true")
            self.client.wait(job)
            hook, = hooks_of(self.client, job)
            reason = self.client.wait_state(hook, e2e.WAITING).reason
            self.assertIn(f"exit code 22: answered {code}", reason)
            self.assertEqual("Retry-After" in reason, most > 1, (reason, later))
            planned = float(re.search(r"; retry 1 of 3 in (\S+) s$", reason)[1])
            self.assertTrue(least - 1 <= planned <= most, reason)
            self.client.jobs("Cancel", ids=[hook])
        after = self.tries()
        self.assertEqual(after["refused"], before["refused"])
        self.assertGreaterEqual(after["failed"] - before["failed"], len(plan))

    def test_who_is_not_there_and_who_sends_elsewhere(self):
        receiver = receiver_for(self, 302)
        with socket.socket() as taken:  # bound, but nobody listens
            taken.bind(("127.0.0.1", 0))
            nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/"
            for url, why in ((nobody, "exit code 7; retry 1 of 3"),
                             (receiver.url(), "exit code 47: answered 302, and redirections are not "
                                              "followed; retry 1 of 3")):
                job = self.submit("--on-finish-url", url, "--", "true")
                self.client.wait(job)
                hook, = hooks_of(self.client, job)
                event = self.client.wait_state(hook, e2e.WAITING)
                self.assertIn(why, event.reason)
                self.client.jobs("Cancel", ids=[hook])
        self.assertEqual(receiver.next()["path"], "/hook")
        self.assertTrue(receiver.got.empty())

    def test_tasks_and_their_array(self):
        receiver = receiver_for(self)
        group = self.submit("--array", "0,3,4", "-n", "all", "-l", "a=b", "--on-finish-url",
                            receiver.url(), "--", "sh", "-c", "exit $GOR_ARRAY_INDEX")
        documents = receiver.documents(4)
        self.assertEqual(sorted(documents), list(range(group, group + 4)))
        whole = documents[group]
        self.assertEqual((whole["kind"], whole["name"], whole["outcome"], whole["task"],
                          whole["labels"]), ("array", "all", "failed", None, {"a": "b"}))
        self.assertEqual(whole["array"], {"count": 3, "succeeded": 1, "failed": 2, "cancelled": 0,
                                          "never_ran": 0})
        for task, index, code in ((group + 1, 0, 0), (group + 2, 3, 3), (group + 3, 4, 4)):
            document = documents[task]
            self.assertEqual((document["name"], document["exit_code"], document["array"]),
                             (f"all[{index}]", code, None))
            self.assertEqual(document["task"], {"array": group, "index": index, "count": 3})

    def test_beside_a_program(self):
        receiver = receiver_for(self)
        line = {"argv": ["true"], "on_finish": ["echo", "own"], "on_finish_url": receiver.url()}
        job = int(self.ok("submit", "--from", "-", stdin=json.dumps(line).encode()).out)
        self.client.wait(job)
        program, webhook = sorted(hooks_of(self.client, job))
        self.client.wait(program, webhook)
        self.assertEqual(self.client.logs(program, 1), b"own\n")
        self.assertEqual(receiver.next()["document"]["job"], job)
        self.assertEqual([self.client.get(j).spec.name for j in (program, webhook)],
                         [f"hook of job {job}", f"webhook of job {job}"])

    def test_run_and_cron_and_rerun_have_it(self):
        receiver = receiver_for(self)
        self.ok("run", "--on-finish-url", receiver.url(), "--", "true")
        first = receiver.next()["document"]
        again = self.client.jobs("Rerun", ids=[first["job"]]).results[0].new_id
        self.assertEqual(receiver.next()["document"]["job"], again)
        self.ok("cron", "add", "yearly", "@yearly", "--on-finish-url", receiver.url("/s3cret"), "--",
                "true")
        self.client.call("Crons", "Run", name="yearly")
        got = receiver.next()
        self.assertEqual((got["path"], got["document"]["cron"]), ("/s3cret", "yearly"))
        for shown in (self.client.call("Crons", "List").crons[0], self.client.call("Crons", "Show",
                                                                                   name="yearly")):
            self.assertEqual(shown.spec.job.on_finish_url, receiver.url("/(hidden)"))
        shown = self.client.call("Crons", "Show", name="yearly", reveal=True)
        self.assertEqual(shown.spec.job.on_finish_url, receiver.url("/s3cret"))
        # The hook itself can be sent once more.
        hook, = hooks_of(self.client, again)
        self.client.jobs("Rerun", ids=[hook])
        self.assertEqual(receiver.next()["document"]["job"], again)

    def test_secrets_of_urls_are_used_and_not_shown(self):
        receiver = receiver_for(self, 0)
        path = "/T0/s3cret-of-url?key=s3cret-of-url"
        url = receiver.url(path).replace("http://", "http://me:s3cret%20of-user@")
        job = self.submit("--on-finish-url", url, "--", "true")
        got = receiver.next()
        self.assertEqual(got["path"], path)
        self.assertEqual(got["headers"]["Authorization"],
                         "Basic " + base64.b64encode(b"me:s3cret of-user").decode())
        hook, = hooks_of(self.client, job)
        pid = self.client.get(hook).pid  # while it waits for its answer
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            self.assertEqual(file.read(), b"curl\0--disable\0--config\0-\0")
        with open(f"/proc/{pid}/environ", "rb") as file:
            self.assertNotIn(b"s3cret", file.read())
        receiver.go.set()
        shown = url.replace("me:s3cret%20of-user", "(hidden)").split("/T0")[0] + "/(hidden)"
        for seen in (self.client.get(job), self.client.jobs("List"),
                     self.client.jobs("List", without_env=True), self.client.jobs("Wait", ids=[job])):
            self.assertNotIn("s3cret", str(seen))
        self.assertEqual(self.client.get(job).spec.on_finish_url, shown)
        for text in (self.ok("show", str(job)).text, self.ok("show", str(hook)).text,
                     self.ok("ls", "-a", "--json").text, self.ok("tree", str(job), "--json").text,
                     self.ok("history", "--json").text, self.ok("audit").text,
                     self.ok("export", "--jobs-only").text, self.gord.stderr()):
            self.assertNotIn("s3cret", text)
        self.assertIn(f"On finish   POST {shown}", self.ok("show", str(job)).text)
        self.assertIn(f"Sent to     {shown}", self.ok("show", str(hook)).text)
        self.assertIn('Document    {"job":', self.ok("show", str(hook)).text)
        revealed = self.ok("show", "--env", "--reveal", str(job), str(hook)).text
        self.assertEqual(revealed.count(url), 2)

    def test_what_is_wrong_is_named(self):
        for url, text in (("ftp://a/", "http:// or https://"), ("--output", "http:// or https://"),
                          ("http:///x", "has no host"), ("http://a:0/", "port"),
                          ("http://a/" + "x" * 2000, "has 2009 bytes, at most 2000"),
                          ("http://a/(hidden)", "gorctl show --env --reveal"),
                          ("http://me:s3cret@a/\n", "%0A")):
            spec = self.client.exec_spec("true", on_finish_url=url)
            told = self.assertStatus(INVALID, self.client.submit, spec, text=text)
            self.assertTrue(told.startswith("spec.on_finish_url "), told)
            self.assertNotIn("s3cret", told)
            self.refused(ctl.USAGE, text, "submit", f"--on-finish-url={url}", "--", "true")
        self.refused(ctl.USAGE, "--on-finish-url: the URL is an empty text", "submit",
                     "--on-finish-url", "", "--", "true")
        self.refused(ctl.USAGE, "requires an argument", "submit", "--on-finish-url")
        for value, text in ((7, '"on_finish_url" must be a string'), ("", "is an empty text")):
            self.refused(ctl.USAGE, text, "submit", "--from", "-",
                         stdin=json.dumps({"argv": ["true"], "on_finish_url": value}).encode())
        self.refused(ctl.USAGE, "http:// or https://", "submit", "--from", "-",
                     stdin=b'{"argv": ["true"], "on_finish_url": "x"}\n')
        spec = self.client.message("CronSpec", name="x", expr="@yearly",
                                   job=self.client.exec_spec("true", on_finish_url="x"))
        self.assertStatus(INVALID, self.client.call, "Crons", "Put", spec=spec,
                          text="spec.job.on_finish_url")


class AfterACrash(e2e.KillTest):
    def test_lost_job_is_told_of(self):
        receiver = receiver_for(self)
        job = self.client.exec("sleep", "1000", on_finish_url=receiver.url())
        self.client.wait_process(job)
        queued = self.client.exec("true", held=True, on_finish_url=receiver.url())
        self.restart()
        document = receiver.next()["document"]
        self.assertEqual((document["job"], document["outcome"]), (job, "lost"))
        self.client.wait(*hooks_of(self.client, job))
        self.restart()
        self.assertEqual(len(hooks_of(self.client, job)), 1)
        self.client.jobs("Cancel", ids=[queued])
        self.assertEqual(receiver.next()["document"]["job"], queued)

    def test_one_that_dies_with_the_daemon_is_sent_again(self):
        receiver = receiver_for(self, 0)
        job = self.client.exec("true", on_finish_url=receiver.url())
        first = receiver.next()
        self.restart()
        second = receiver.next()
        self.assertEqual(second["body"], first["body"])
        hook, = hooks_of(self.client, job)
        self.assertEqual(self.client.wait(hook).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.client.get(hook).losses, 1)


class WebhookOfAll(ctl.GorctlTest):
    @classmethod
    def setUpClass(cls):
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.close)
        cls.options = ("--finish-hook-url", cls.receiver.url("/all"), "--exec-slots", "8")
        super().setUpClass()

    def test_every_job_is_told_of_but_hooks(self):
        reply = self.client.jobs("SubmitMany",
                                 specs=[self.client.native_spec("builtin.echo")] * 9)
        ids = range(reply.first_id, reply.first_id + reply.count)
        self.client.wait(*ids)
        self.assertEqual(sorted(self.receiver.documents(9)), list(ids))
        both = self.submit("--on-finish-url", self.receiver.url("/own"), "--on-finish", "true", "--",
                           "true")
        self.client.wait(both)
        self.assertEqual({self.receiver.next()["path"] for _ in range(2)}, {"/all", "/own"})
        self.assertEqual(len(hooks_of(self.client, both)), 3)
        self.client.wait(*hooks_of(self.client, both))
        self.assertEqual(self.client.jobs("Count").total, 22)
        self.assertTrue(self.receiver.got.empty())

    def test_job_whose_spec_was_not_in_memory(self):
        """Far back in the queue only its place is kept; the document has its name all the same."""
        self.ok("queue", "create", "shut")
        self.ok("pause", "-q", "shut")
        reply = self.client.jobs("SubmitMany", specs=[self.client.native_spec(
            "builtin.echo", queue="shut", name=f"n{i}", labels={"i": str(i)}) for i in range(5000)])
        last = reply.first_id + 4999
        self.client.jobs("Cancel", ids=[last])
        document = self.receiver.next()["document"]
        self.assertEqual(document["job"], last)
        self.assertEqual((document["name"], document["labels"], document["outcome"]),
                         ("n4999", {"i": "4999"}, "cancelled"))


class Options(unittest.TestCase):
    def gord(self, text):
        folder = e2e.tempfile.mkdtemp(prefix="gor-webhook-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "gord.conf")
        self.write(path, text)
        gord = e2e.Gord("--config", path)
        self.addCleanup(gord.close)
        gord.start()
        client = gord.client()
        self.addCleanup(client.close)
        return path, gord, client

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)

    def test_a_reload_changes_it_and_tells_no_secrets(self):
        first, second = receiver_for(self), receiver_for(self)
        path, gord, client = self.gord(f"finish-hook-url = {first.url('/s3cret')}\n")
        job = client.native("builtin.echo")
        self.assertEqual(first.next()["document"]["job"], job)
        self.write(path, f"finish-hook-url = {second.url('/s3cret')}\n")
        done = ctl.run("daemon", "reload", host=gord.socket)
        self.assertEqual(done.code, 0, done)
        self.assertIn(second.url("/(hidden)"), done.text)
        job = client.native("builtin.echo")
        self.assertEqual(second.next()["document"]["job"], job)
        self.write(path, f"finish-hook-url = {second.url('/s3cret2')}\n")
        self.assertEqual(len(client.runtime("Reload").changes), 1)
        self.write(path, "finish-hook-url = ftp://me:s3cret@a/\n")
        with self.assertRaises(grpc.RpcError) as caught:
            client.runtime("Reload")
        self.assertIn("finish-hook-url does not begin with http:// or https://",
                      caught.exception.details())
        self.write(path, "")
        self.assertEqual(client.runtime("Reload").changes[0].after, "none")
        client.wait(client.native("builtin.echo"))
        self.assertTrue(second.got.empty())
        self.assertNotIn("s3cret", done.text + gord.stderr())

    def test_a_machine_without_curl(self):
        receiver = receiver_for(self)
        gord = e2e.Gord()
        gord.extra_env["PATH"] = "/nonexistent"
        self.addCleanup(gord.close)
        gord.start()
        client = gord.client()
        self.addCleanup(client.close)
        job = client.exec("true", on_finish_url=receiver.url())
        client.wait(job)
        hook, = hooks_of(client, job)
        ended = client.wait(hook)
        self.assertEqual(ended.outcome, e2e.SPAWN_ERROR)
        self.assertEqual(ended.detail, "cannot start 'curl': not found in PATH (/nonexistent); "
                                       "webhooks need Debian's package curl")
        checks = {check["check"]: check
                  for check in ctl.run("doctor", "--json", host=gord.socket).json["checks"]}
        self.assertEqual(checks["webhooks"]["result"], "warning")
        self.assertIn("apt install curl", checks["webhooks"]["advice"])


class Import(ImportTest):
    def test_they_come_along(self):
        receiver = receiver_for(self, 0)
        held = self.client.exec("true", held=True, on_finish_url=receiver.url("/s3cret"))
        ended = self.client.exec("true", on_finish_url=receiver.url("/s3cret"))
        receiver.next()
        hook, = hooks_of(self.client, ended)
        told = self.gorctl("export", "--jobs-only")
        self.assertIn(b"values of secrets are hidden", told.err)
        hidden = told.lines
        shown = self.ok("export", "--jobs-only", "--reveal").lines
        self.addCleanup(self.client.jobs, "Cancel", ids=[held, hook])
        gord, client = self.other()
        done = self.into(gord, self.file(hidden), "--live=submit", code=ctl.USAGE)
        self.assertIn(b"the value of on_finish_url was hidden when it was exported", done.err)
        self.assertIn(b"the value of hook_of.url was hidden when it was exported", done.err)
        self.assertEqual([j.id for j in client.jobs("List").jobs], [ended])
        self.assertEqual(client.get(ended).spec.on_finish_url, receiver.url("/(hidden)"))
        result = client.jobs("Rerun", ids=[ended]).results[0]
        self.assertIn("(hidden)", result.message)
        gord, client = self.other()
        self.into(gord, self.file(shown), "--live=submit")
        self.assertEqual(receiver.next()["document"]["job"], ended)
        self.assertEqual(client.wait(hook).outcome, e2e.SUCCEEDED)
        client.jobs("Release", ids=[held])
        self.assertEqual(receiver.next()["document"]["job"], held)

    def test_wrong_ones_are_refused(self):
        receiver = receiver_for(self, 0)
        ended = self.client.exec("true", on_finish_url=receiver.url())
        receiver.next()
        hook, = hooks_of(self.client, ended)
        line, = self.ok("export", "--jobs-only", "--reveal", "--from-id", str(hook)).lines
        gord, client = self.other()
        of = line["job"]["spec"]["hook_of"]
        url, of["url"] = of["url"], "file:///etc/passwd"
        done = self.into(gord, self.file([line]), "--live=submit", code=ctl.USAGE)
        self.assertIn(b"job.spec.hook_of.url does not begin with http:// or https://", done.err)
        of["url"], of["document"] = url, "x" * 50000
        done = self.into(gord, self.file([line]), "--live=submit", code=ctl.USAGE)
        self.assertIn(b"job.spec.hook_of.document has 50000 bytes, at most 49152", done.err)
        self.assertEqual(client.jobs("Count").total, 0)


if __name__ == "__main__":
    main()
