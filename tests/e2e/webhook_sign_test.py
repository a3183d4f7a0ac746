# SPDX-License-Identifier: MIT
"""Signatures of webhooks: receivers can tell that they are from this gord, and nobody sees the secret."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import re
import shutil
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from import_e2e import ImportTest
from webhook_e2e import hooks_of, main, receiver_for

UGLY = 'n\u00e4me "q" \\ {a,b} [1-3] \U0001f600\n@x'
SECRETS = ["whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3)]


def signed_by(got, secrets=tuple(SECRETS)):
    """Which of the secrets have signed what came, as a receiver would find out."""
    headers = {name.lower(): value for name, value in got["headers"].items()}
    if "webhook-signature" not in headers:
        return []
    given = headers["webhook-signature"].split(" ")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + got["body"]
    found = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        code = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if any(hmac.compare_digest(one, "v1," + code) for one in given):
            found.append(secret)
    assert len(found) == len(given), headers
    return found


def write_secrets(path, *secrets, mode=0o600):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
              encoding="utf-8") as file:
        file.write("".join(secret + "\n" for secret in secrets))
    os.chmod(path, mode)


class Signed(ctl.GorctlTest):
    @classmethod
    def setUpClass(cls):
        cls.home = e2e.tempfile.mkdtemp(prefix="gor-webhook-", dir="/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.home)
        cls.secrets = os.path.join(cls.home, "secrets")
        write_secrets(cls.secrets, SECRETS[0])
        cls.options = ("--webhook-secret-file", cls.secrets)
        super().setUpClass()

    def test_receiver_can_tell_that_it_is_ours(self):
        receiver = receiver_for(self, 503)
        before = int(datetime.datetime.now().timestamp())
        job = self.submit("-n", UGLY, "--on-finish-url", receiver.url(), "--", "true")
        first, second = receiver.next(), receiver.next()
        for got in (first, second):
            self.assertEqual(signed_by(got), [SECRETS[0]])
            self.assertEqual(got["document"]["job"], job)
            self.assertRegex(got["headers"]["webhook-id"], r"^msg_[0-9a-f]{32}$")
            at = int(got["headers"]["webhook-timestamp"])
            self.assertTrue(before <= at <= datetime.datetime.now().timestamp(), at)
        self.assertEqual(first["headers"]["webhook-id"], second["headers"]["webhook-id"])
        self.assertLess(int(first["headers"]["webhook-timestamp"]),
                        int(second["headers"]["webhook-timestamp"]))  # a second is between them
        changed = dict(first, body=first["body"].replace(b'"outcome":"succeeded"',
                                                         b'"outcome":"failed"'))
        with self.assertRaises(AssertionError):
            signed_by(changed)
        other = self.submit("--on-finish-url", receiver.url(), "--", "true")
        got = receiver.next()
        self.assertEqual(got["document"]["job"], other)
        self.assertNotEqual(got["headers"]["webhook-id"], first["headers"]["webhook-id"])

    def test_example_of_the_manual_verifies_it(self):
        with open(os.path.join(e2e.SOURCE, "docs", "webhooks.md"), encoding="utf-8") as file:
            example, = re.findall(r"```python\n(.*?)```", file.read(), re.S)
        scope = {}
        exec(example, scope)  # pylint: disable=exec-used
        receiver = receiver_for(self)
        self.submit("--on-finish-url", receiver.url(), "--", "true")
        got = receiver.next()
        right = scope["is_from_gord"]
        self.assertTrue(right(SECRETS[0] + "\n", got["headers"], got["body"]))
        self.assertFalse(right(SECRETS[1], got["headers"], got["body"]))
        self.assertFalse(right(SECRETS[0], got["headers"], got["body"] + b" "))
        old = dict(got["headers"], **{"webhook-timestamp": "1795911345"})
        self.assertFalse(right(SECRETS[0], old, got["body"]))

    def test_secret_is_made_as_the_manual_and_gord_say(self):
        with open(os.path.join(e2e.SOURCE, "docs", "webhooks.md"), encoding="utf-8") as file:
            line, = re.findall(r"^\(umask .*\)$", file.read(), re.M)
        path = os.path.join(self.home, "made")
        command = [e2e.GORD, "--no-config", "--webhook-secret-file", path, "--check-config"]
        write_secrets(path)
        told = e2e.subprocess.run(command, capture_output=True, text=True, check=False)
        hint, = re.findall(r"make one: (\(umask .*\))$", told.stdout + told.stderr, re.M)
        for words in (line.replace("> webhook-secret", f"> {path}"), hint):
            os.unlink(path)
            e2e.subprocess.run(["sh", "-c", words], check=True)
            told = e2e.subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(told.returncode, 0, told)

    def test_secret_is_nowhere_to_be_seen(self):
        receiver = receiver_for(self, 0)
        job = self.submit("--on-finish-url", receiver.url(), "--", "true")
        self.assertEqual(signed_by(receiver.next()), [SECRETS[0]])
        hook, = hooks_of(self.client, job)
        pid = self.client.get(hook).pid
        found = b""
        for what in ("cmdline", "environ", "fd/0"):  # it reads the signature, and no secret
            with open(f"/proc/{pid}/{what}", "rb") as file:
                found += file.read()
        with open(f"/proc/{self.gord.process.pid}/cmdline", "rb") as file:
            found += file.read()
        receiver.go.set()
        self.client.wait(hook)
        for text in (self.ok("show", "--env", "--reveal", str(job), str(hook)).text,
                     self.ok("export", "--reveal").text, self.ok("audit").text,
                     self.ok("daemon", "reload").text, self.ok("metrics").text,
                     self.gord.stderr()):
            found += text.encode()
        self.assertIn(b"webhook-signature: v1,", found)
        secret = SECRETS[0].removeprefix("whsec_")
        self.assertNotIn(secret[:16].encode(), found)
        self.assertNotIn(b"\1" * 8, found)

    def test_new_secrets_by_a_reload(self):
        receiver = receiver_for(self)
        self.addCleanup(self.ok, "daemon", "reload")
        self.addCleanup(write_secrets, self.secrets, SECRETS[0])
        for secrets in (SECRETS[1:], SECRETS[2:]):
            write_secrets(self.secrets, *secrets)
            self.ok("daemon", "reload")
            self.assertIn("reload: webhooks are signed with other secrets from now on",
                          self.gord.stderr())
            self.submit("--on-finish-url", receiver.url(), "--", "true")
            self.assertEqual(signed_by(receiver.next()), secrets)
        write_secrets(self.secrets, SECRETS[0], mode=0o644)
        done = ctl.run("daemon", "reload", host=self.gord.socket)
        self.assertNotEqual(done.code, 0)
        self.assertIn("everybody has a right to it", done.text + done.err.decode())
        self.submit("--on-finish-url", receiver.url(), "--", "true")
        self.assertEqual(signed_by(receiver.next()), SECRETS[2:])

    def test_a_bad_file_stops_gord_and_its_check(self):
        path = os.path.join(self.home, "bad")
        for secrets, mode, text in (
                ([SECRETS[0]], 0o604, "everybody has a right to it; make the file private"),
                (["whsec_c2VjcmV0"], 0o600, f"{path}:1: the line does not have the 24 to 64 bytes"),
                ([], 0o600, f"there is no secret of webhooks in '{path}'; make one")):
            write_secrets(path, *secrets, mode=mode)
            for more in ((), ("--check-config",)):
                done = e2e.subprocess.run(
                    [e2e.GORD, "--no-config", "--state-dir", os.path.join(self.home, "state"),
                     "--socket", os.path.join(self.home, "s"), "--webhook-secret-file", path, *more],
                    stdin=e2e.subprocess.DEVNULL, capture_output=True, text=True, check=False,
                    timeout=e2e.PATIENCE)
                told = done.stdout + done.stderr
                self.assertEqual(done.returncode, 2, told)
                self.assertIn(text, told)
                self.assertIn("--webhook-secret-file: ", told)
                self.assertNotIn("c2VjcmV0", told)
        self.assertFalse(os.path.exists(os.path.join(self.home, "state")))


class SignedOptions(unittest.TestCase):
    def test_signing_is_begun_and_ended_by_a_reload(self):
        receiver = receiver_for(self)
        folder = e2e.tempfile.mkdtemp(prefix="gor-webhook-", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder)
        config, secrets = os.path.join(folder, "gord.conf"), os.path.join(folder, "secrets")
        write_secrets(secrets, SECRETS[0])
        write_secrets(config)
        gord = e2e.Gord("--config", config)
        self.addCleanup(gord.close)
        gord.start()
        client = gord.client()
        self.addCleanup(client.close)
        for line, want in (("", []), (f"webhook-secret-file = {secrets}", SECRETS[:1]), ("", [])):
            write_secrets(config, line)
            client.runtime("Reload")
            client.exec("true", on_finish_url=receiver.url())
            got = receiver.next()
            self.assertEqual(signed_by(got), want)
            self.assertEqual("webhook-id" in got["headers"], bool(want))
        self.assertIn("reload: webhooks are not signed from now on", gord.stderr())


class Imported(ImportTest):
    def exported_hook(self):
        """The lines of one that waits to be sent, and who would get it."""
        receiver = receiver_for(self, 0)
        ended = self.client.exec("true", on_finish_url=receiver.url())
        receiver.next()
        hook, = hooks_of(self.client, ended)
        lines = self.ok("export", "--jobs-only", "--reveal", "--from-id", str(hook)).lines
        self.client.jobs("Cancel", ids=[hook])
        return receiver, hook, lines

    def test_only_what_operators_bring_is_signed(self):
        """A signature says that a gord made the document, and who imports can write anything."""
        receiver, hook, lines = self.exported_hook()
        of = lines[0]["job"]["spec"]["hook_of"]
        self.assertIs(of["ours"], True)
        of["document"] = json.dumps({"job": 1, "outcome": "forged"})
        ours = self.file(lines)
        del of["ours"]  # as of a gord that does not know what it has made, and what others
        whose = self.file(lines, "whose.ndjson")
        secrets = os.path.join(self.gord.folder, "secrets")
        write_secrets(secrets, SECRETS[0])
        for role, path, want in (("submitter", ours, []), ("operator", ours, SECRETS[:1]),
                                 ("operator", whose, [])):
            gord, client = self.other("--webhook-secret-file", secrets, "--listen", "127.0.0.1:0")
            port = re.findall(r"listening on 127.0.0.1 port (\d+)", gord.stderr())[-1]
            made = ctl.run("token", "create", "--json", "--role", role, "--user", str(os.getuid()),
                           host=gord.socket)
            env = ctl.environment(f"127.0.0.1:{port}", GOR_TOKEN=made.json["secret"])
            done = ctl.run("import", "--live=submit", path, env=env)
            self.assertEqual(done.code, 0, done)
            self.assertEqual(signed_by(receiver.next()), want)
            client.wait(hook)
            self.assertEqual(client.get(hook).spec.hook_of.ours, bool(want))
            out = ctl.run("export", "--jobs-only", host=gord.socket)
            self.assertEqual("ours" in out.lines[0]["job"]["spec"]["hook_of"], bool(want))
            client.jobs("Rerun", ids=[hook])
            self.assertEqual(signed_by(receiver.next()), want)

    def test_what_a_later_gord_may_know_of_it_is_not_kept(self):
        receiver, hook, _ = self.exported_hook()
        receiver.go.set()
        job = self.client.get(hook, reveal=True)
        field = b"\x9a\x06\x06future"  # 99, of bytes
        job.spec.hook_of.MergeFromString(field)
        self.assertIn(field, job.spec.hook_of.SerializeToString())
        _, client = self.other()
        result, = client.call("Store", "Import", iter([client.message("ImportRequest").FromString(
            self.client.message("ImportRequest", job=job).SerializeToString())]))
        of = client.get(result.id).spec.hook_of
        self.assertTrue(of.ours)
        self.assertNotIn(field, of.SerializeToString())


if __name__ == "__main__":
    main()
