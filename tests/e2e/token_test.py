# SPDX-License-Identifier: MIT
"""Bearer tokens: made, used, bound to a role, an owner and queues, revoked, expired, never told again."""

import glob
import os
import re
import sqlite3
import subprocess
import threading
import time
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc

CODE = grpc.StatusCode if grpc else None


class Tokens(unittest.TestCase):
    options = ("--listen", "127.0.0.1:0", "--no-token-file")

    def setUp(self):
        self.gord = e2e.Gord(*self.options).start()
        self.find_port()

    def tearDown(self):
        code = self.gord.stop()
        text = self.gord.stderr()
        self.gord.close()
        self.assertEqual(code, 0, text)
        self.assertNotIn("Sanitizer", text)

    def find_port(self):
        ports = re.findall(r"listening on 127.0.0.1 port (\d+)", self.gord.stderr())
        self.host = f"127.0.0.1:{ports[-1]}"

    def make(self, *args):
        """A token, by root or the daemon's user over the Unix socket; its record and its text."""
        made = ctl.run("token", "create", "--json", *args, host=self.gord.socket)
        self.assertEqual(made.code, 0, made)
        return made.json["token"], made.json["secret"]

    def client(self, secret):
        client = e2e.Client(self.host, token=secret)
        self.addCleanup(client.close)
        return client

    def ctl(self, secret, *args):
        return ctl.run(*args, env=ctl.environment(self.host, GOR_TOKEN=secret))

    def code_of(self, secret, path="/gor.v1.Runtime/Version"):
        client = self.client(secret)
        try:
            client.channel.unary_unary(path)(b"", timeout=e2e.PATIENCE, metadata=client.metadata)
        except grpc.RpcError as error:
            return error.code()
        return CODE.OK

    def test_roles(self):
        mine = str(os.geteuid())
        cases = ((("--role", "viewer"), CODE.OK, CODE.PERMISSION_DENIED, CODE.PERMISSION_DENIED),
                 (("--role", "submitter", "--user", mine), CODE.OK, CODE.PERMISSION_DENIED,
                  CODE.PERMISSION_DENIED),
                 (("--role", "operator"), CODE.OK, CODE.OK, CODE.PERMISSION_DENIED),
                 (("--role", "admin"), CODE.OK, CODE.OK, CODE.OK))
        for options, *codes in cases:
            _, secret = self.make(*options)
            self.assertRegex(secret, r"^gor_[0-9a-f]{8}_[0-9a-f]{64}$")
            found = [self.code_of(secret, path) for path in
                     ("/gor.v1.Runtime/Version", "/gor.v1.Jobs/Resume", "/gor.v1.Tokens/ListTokens")]
            self.assertEqual(found, codes, options)

    def test_jobs_are_the_owners(self):
        _, secret = self.make("--role", "submitter", "--user", "4321", "--name", "ci")
        held = self.ctl(secret, "submit", "--hold", "true")
        self.assertEqual(held.code, 0, held)
        job_id = int(held.text)
        local = e2e.Client(self.gord.target)
        self.addCleanup(local.close)
        self.assertEqual(local.get(job_id).uid, 4321)
        other = local.native("builtin.sleep", "60s")
        self.assertEqual(self.ctl(secret, "cancel", str(other)).code, ctl.DENIED)
        self.assertEqual(self.ctl(secret, "cancel", str(job_id)).code, 0)
        self.assertEqual(local.wait(job_id).outcome, e2e.CANCELLED)
        local.jobs("Cancel", ids=[other])
        local.wait(other)

    def test_history_says_which(self):
        _, secret = self.make("--role", "operator", "--name", "ci")
        local = e2e.Client(self.gord.target)
        self.addCleanup(local.close)
        whose = r" with token 'ci' from 127\.0\.0\.1:\d+"
        cancelled, held = (local.native("builtin.echo", delay_ns=3600 * e2e.SECOND)
                           for _ in range(2))
        for words in (("hold", held), ("release", "--cause", "go", held),
                      ("update", "--priority", "3", held), ("cancel", cancelled),
                      ("terminate", held), ("retry", "--delay", "1h", cancelled),
                      ("cancel", "--cause", "no need", cancelled)):
            done = self.ctl(secret, *map(str, words))
            self.assertEqual(done.code, 0, (words, done))
        local.wait(cancelled, held)
        for job_id, reasons in ((held, ("held" + whose, "released" + whose + ": go",
                                        "updated" + whose + r" \(version 1: priority\)",
                                        "terminated" + whose)),
                                (cancelled, ("cancelled" + whose, "retried" + whose, "no need"))):
            told = [event.reason for event in local.events(job_id)]
            for reason in reasons:
                self.assertTrue(any(re.fullmatch(reason, one) for one in told), (reason, told))
        self.assertRegex(self.ctl(secret, "show", str(held)).text, "terminated" + whose)
        self.assertEqual(local.get(cancelled).detail, "no need")

    def test_queues(self):
        for queue in ("build", "other"):
            self.assertEqual(ctl.run("queue", "create", queue, host=self.gord.socket).code, 0)
        me = str(os.geteuid())
        _, secret = self.make("--role", "submitter", "--user", me, "--queue", "build")
        held = self.ctl(secret, "submit", "--hold", "-q", "build", "true")
        self.assertEqual(held.code, 0, held)
        for words in (("submit", "true"), ("submit", "-q", "other", "true"),
                      ("update", held.text.strip(), "--to-queue", "other"),
                      ("cron", "add", "x", "0 3 * * *", "--", "true")):
            refused = self.ctl(secret, *words)
            self.assertIn(refused.code, (ctl.DENIED, ctl.REFUSED), (words, refused))
            self.assertIn(b"your token is not for", refused.err, words)
        elsewhere = ctl.run("submit", "--hold", "-q", "other", "true", host=self.gord.socket)
        refused = self.ctl(secret, "cancel", elsewhere.text.strip())
        self.assertEqual(refused.code, ctl.DENIED, refused)
        self.assertIn(b"queue", refused.err)
        self.assertEqual(self.ctl(secret, "cancel", held.text.strip()).code, 0)

    def follow(self, secret):
        """A watch that is open, for it has told of a job, and what ends it."""
        client = self.client(secret)
        watch = client.jobs("Watch")
        ended, begun = {}, threading.Event()
        ctl.run("submit", "--hold", "true", host=self.gord.socket)

        def run():
            try:
                for _ in watch:
                    begun.set()
            except grpc.RpcError as error:
                ended["code"], ended["text"] = error.code(), error.details()

        thread = threading.Thread(target=run)
        thread.start()
        self.assertTrue(begun.wait(e2e.PATIENCE), ended)
        return thread, ended

    def test_revoked_at_once(self):
        token, secret = self.make("--role", "operator", "--name", "ops")
        thread, ended = self.follow(secret)
        waits = self.client(secret)
        local = e2e.Client(self.gord.target)
        self.addCleanup(local.close)
        job_id = local.native("builtin.sleep", "600s")
        future = waits.channel.unary_unary("/gor.v1.Jobs/Wait").future(
            waits.message("WaitRequest", ids=[job_id]).SerializeToString(),
            timeout=e2e.PATIENCE, metadata=waits.metadata)
        revoked = ctl.run("token", "revoke", "ops", host=self.gord.socket)
        self.assertEqual(revoked.code, 0, revoked)
        thread.join(e2e.PATIENCE)
        self.assertEqual(ended["code"], CODE.UNAUTHENTICATED, ended)
        self.assertEqual(future.code(), CODE.UNAUTHENTICATED)
        self.assertEqual(self.code_of(secret), CODE.UNAUTHENTICATED)
        again = ctl.run("token", "revoke", token["id"], host=self.gord.socket)
        self.assertEqual(again.code, ctl.NOT_FOUND, again)
        self.gord.stop()
        self.gord.start()
        self.find_port()
        self.assertEqual(self.code_of(secret), CODE.UNAUTHENTICATED)

    def test_revokes_itself(self):
        _, secret = self.make("--role", "admin", "--name", "self")
        done = self.ctl(secret, "token", "revoke", "self")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.code_of(secret), CODE.UNAUTHENTICATED)

    def test_expires(self):
        _, secret = self.make("--role", "viewer", "--expires", "3s")
        thread, ended = self.follow(secret)
        thread.join(e2e.PATIENCE)
        self.assertEqual(ended["code"], CODE.UNAUTHENTICATED, ended)
        refused = self.ctl(secret, "ls")
        self.assertEqual(refused.code, ctl.DENIED, refused)
        self.assertIn(b"expired", refused.err)
        listed = ctl.run("token", "ls", host=self.gord.socket)
        self.assertIn("expired", listed.text)

    def test_stays_over_a_restart_and_knows_its_last_use(self):
        token, secret = self.make("--role", "viewer", "--name", "dash", "--expires", "30d")
        self.assertEqual(self.code_of(secret), CODE.OK)
        self.gord.stop()
        self.gord.start()
        self.find_port()
        shown = ctl.run("token", "show", "dash", "--json", host=self.gord.socket).json
        self.assertEqual(shown["id"], token["id"])
        self.assertGreater(int(shown["used_ns"]), time.time_ns() - 600 * e2e.SECOND)
        self.assertEqual(self.code_of(secret), CODE.OK)
        text = ctl.run("token", "show", token["id"], host=self.gord.socket).text
        self.assertIn("viewer", text)

    def test_is_told_once(self):
        path = os.path.join(self.gord.folder, "t")
        made = ctl.run("token", "create", "--role", "admin", "--save", path,
                       host=self.gord.socket)
        self.assertEqual((made.code, made.out), (0, b""), made)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path, encoding="ascii") as file:
            secret = file.read().strip()
        used = ctl.run("-H", self.host, "--token-file", path, "run", "env")
        self.assertEqual(used.code, 0, used)
        self.assertNotIn(secret.encode(), used.out)
        self.code_of(secret[:-1] + ("0" if secret[-1] != "0" else "1"))
        os.chmod(path, 0o640)
        self.assertEqual(ctl.run("-H", self.host, "--token-file", path, "ls").code, ctl.DENIED)
        ctl.run("dump", host=self.gord.socket)
        bare = secret.split("_")[2].encode()
        told = b"".join(ctl.run(*words, host=self.gord.socket).out for words in
                        (("token", "ls", "--json"), ("dump",), ("export",), ("metrics",)))
        self.assertNotIn(bare, told)
        self.assertNotIn(bare[:-1], self.gord.stderr().encode())
        for name in glob.glob(os.path.join(self.gord.state, "**"), recursive=True):
            if os.path.isfile(name):
                with open(name, "rb") as file:
                    self.assertNotIn(bare, file.read(), name)
        with open(f"/proc/{self.gord.process.pid}/environ", "rb") as file:
            self.assertNotIn(bare, file.read())

    def test_wrong_ones_are_counted_and_slowed(self):
        _, good = self.make("--role", "viewer")
        wrong = "gor_00000000_" + "ab" * 32
        codes = [self.code_of(wrong) for _ in range(15)]
        self.assertEqual(codes[:10], 10 * [CODE.UNAUTHENTICATED])
        self.assertEqual(codes[-1], CODE.RESOURCE_EXHAUSTED)
        self.assertEqual(self.code_of(good), CODE.OK)
        text = self.gord.stderr()
        self.assertLess(text.count("wrong token"), 15)
        self.assertIn("refused a wrong token from 127.0.0.1", text)
        self.assertNotIn("abab", text)
        metrics = ctl.run("metrics", host=self.gord.socket).text
        self.assertRegex(metrics, r"(?m)^gord_wrong_tokens_total 15$")

    def test_what_cannot_be_made(self):
        self.make("--role", "viewer", "--name", "one")
        for words, said in ((("--role", "submitter"), "--user"),
                            (("--role", "king"), "viewer, submitter"),
                            (("--role", "viewer", "--expires", "2001-01-01"), "no time to come"),
                            (("--role", "viewer", "--name", "one"), "already"),
                            (("--role", "viewer", "--name", "Not so"), "a-z"),
                            (("--role", "viewer", "--name", "deadbeef"), "id"),
                            (("--role", "admin", "--queue", "x"), "viewers and submitters")):
            refused = ctl.run("token", "create", *words, host=self.gord.socket)
            self.assertNotEqual(refused.code, 0, words)
            self.assertIn(said, refused.err.decode(), words)

    def test_no_token_file(self):
        self.assertFalse(os.path.exists(os.path.join(self.gord.state, "token")))
        self.assertEqual(self.code_of("0" * 64), CODE.UNAUTHENTICATED)

    def test_a_store_with_a_broken_one(self):
        token, _ = self.make("--role", "viewer")
        self.gord.stop()
        store = sqlite3.connect(os.path.join(self.gord.state, "gord.db"))
        store.execute("UPDATE tokens SET role = 9 WHERE id = ?", (token["id"],))
        store.commit()
        store.close()
        self.gord.launch()
        self.assertNotEqual(self.gord.process.wait(e2e.PATIENCE), 0)
        self.assertIn("--check-store --repair", self.gord.stderr())
        repaired = subprocess.run(
            e2e.gord_command("--state-dir", self.gord.state, "--check-store", "--repair"),
            check=False, capture_output=True, text=True)
        self.assertEqual(repaired.returncode, 0, repaired)
        self.assertIn(f"token '{token['id']}'", repaired.stdout)
        self.gord.start()
        self.assertEqual(ctl.run("token", "ls", "--json", host=self.gord.socket).json.get(
            "tokens", []), [])


if __name__ == "__main__":
    e2e.main()
