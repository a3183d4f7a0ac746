# SPDX-License-Identifier: MIT
"""Who may do what, over the network and on this machine."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import unittest

import gor_e2e as e2e
from gor_e2e import grpc


def gorctl(*args, env=None):
    """Run it where every user may be, so that any can run the jobs of this; what it did."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GOR_")}
    return subprocess.run([e2e.GORCTL, *args], capture_output=True, text=True, check=False,
                          timeout=e2e.PATIENCE, env={**clean, **(env or {})}, cwd="/")


class Secure(unittest.TestCase):
    """A gord with TLS, and the files that `gorctl tls` has made."""

    options = ()

    @classmethod
    def setUpClass(cls):
        cls.gord = e2e.Gord()
        cls.pki = os.path.join(cls.gord.folder, "pki")
        made = gorctl("tls", "init", cls.pki)
        assert made.returncode == 0, made.stderr
        cls.made = made.stdout
        cls.gord.options = ("--listen", "127.0.0.1:0", "--tls-cert", cls.file("server.crt"),
                            "--tls-key", cls.file("server.key"), "--tls-ca", cls.file("ca.crt"),
                            *cls.options)
        cls.gord.start()
        port = re.search(r"port (\d+) with TLS", cls.gord.stderr())[1]
        cls.target = f"localhost:{port}"
        with open(os.path.join(cls.gord.state, "token"), encoding="ascii") as file:
            cls.token = file.read().strip()

    @classmethod
    def tearDownClass(cls):
        code = cls.gord.stop()
        text = cls.gord.stderr()
        cls.gord.close()
        assert code == 0 and "Sanitizer" not in text and "runtime error" not in text, text

    @classmethod
    def file(cls, name):
        return os.path.join(cls.pki, name)

    def read(self, name):
        with open(self.file(name), "rb") as file:
            return file.read()

    def channel(self, who=None):
        """A stock client, with the certificate of `who`."""
        credentials = grpc.ssl_channel_credentials(
            self.read("ca.crt"), self.read(who + ".key") if who else None,
            self.read(who + ".crt") if who else None)
        channel = grpc.secure_channel(self.target, credentials)
        self.addCleanup(channel.close)
        return channel

    def code_of(self, channel, path="/gor.v1.Runtime/Version", token=None, request=b""):
        metadata = [("authorization", "Bearer " + token)] if token else []
        try:
            channel.unary_unary(path)(request, timeout=e2e.PATIENCE, metadata=metadata)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def ctl(self, *args, who="admin", ca="ca.crt", host=None, **kw):
        env = {"GOR_HOST": "tls://" + (host or self.target), "GOR_TLS_CA": self.file(ca)}
        if who:
            env.update(GOR_TLS_CERT=self.file(who + ".crt"), GOR_TLS_KEY=self.file(who + ".key"))
        return gorctl(*args, env={**env, **kw})


class Tls(Secure):
    def test_files_are_private_and_the_next_steps_are_told(self):
        self.assertEqual(sorted(os.listdir(self.pki))[:3], ["admin.crt", "admin.key", "ca.crt"])
        for name in os.listdir(self.pki):
            self.assertEqual(os.stat(self.file(name)).st_mode & 0o777, 0o600, name)
        for word in ("gord --listen", "export GOR_HOST=tls://", "gorctl tls client"):
            self.assertIn(word, self.made)

    def test_init_writes_over_nothing(self):
        again = gorctl("tls", "init", self.pki)
        self.assertEqual(again.returncode, 64)
        self.assertIn("ca.key", again.stderr)
        self.assertIn("File exists", again.stderr)

    def test_stock_client_with_certificate(self):
        self.assertEqual(self.code_of(self.channel("admin")), grpc.StatusCode.OK)

    def test_stock_client_with_token(self):
        self.assertEqual(self.code_of(self.channel(), token=self.token), grpc.StatusCode.OK)
        self.assertEqual(self.code_of(self.channel(), token="0" * 64),
                         grpc.StatusCode.UNAUTHENTICATED)

    def test_stock_client_with_neither(self):
        for path in ("/gor.v1.Runtime/Version", "/grpc.health.v1.Health/Check", "/no.such/Method"):
            self.assertEqual(self.code_of(self.channel(), path), grpc.StatusCode.UNAUTHENTICATED)

    def test_wrong_token_is_not_saved_by_a_certificate(self):
        self.assertEqual(self.code_of(self.channel("admin"), token="0" * 64),
                         grpc.StatusCode.UNAUTHENTICATED)

    def test_gorctl_runs_a_job(self):
        done = self.ctl("run", "echo", "over tls")
        self.assertEqual((done.returncode, done.stdout), (0, "over tls\n"), done.stderr)

    def test_gorctl_says_what_is_wrong(self):
        port = self.target.split(":")[1]
        other = os.path.join(self.gord.folder, "other")
        self.assertEqual(gorctl("tls", "init", other).returncode, 0)
        stranger = {"GOR_TLS_CERT": os.path.join(other, "admin.crt"),
                    "GOR_TLS_KEY": os.path.join(other, "admin.key")}
        cases = [
            (self.ctl("ls", who=None), 77, "who are you?"),
            (self.ctl("ls", ca="../other/ca.crt"), 77, "CA that is not known"),
            (self.ctl("ls", host=f"127.1:{port}"), 77, "for another name"),
            (self.ctl("ls", who=None, **stranger), 77, "does not know the CA"),
            (self.ctl("ls", ca="none.crt"), 66, "none.crt"),
            (gorctl("-H", self.target, "ls"), 69, "perhaps it wants TLS"),
            (self.ctl("ls", who=None, GOR_TLS_CERT=self.file("admin.crt")), 64, "go together"),
        ]
        for done, code, text in cases:
            with self.subTest(text=text):
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(text, done.stderr)

    def test_older_tls_and_other_protocols_are_refused(self):
        if shutil.which("openssl") is None:
            self.skipTest("openssl is not installed")
        for options, good in ((["-alpn", "h2"], True), (["-alpn", "h2", "-tls1_2"], False),
                              (["-alpn", "http/1.1"], False)):
            done = subprocess.run(["openssl", "s_client", "-connect", self.target, *options],
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False,
                                  timeout=e2e.PATIENCE)
            self.assertEqual(done.returncode == 0, good, options)


class Roles(Secure):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, *options in (("eve", "--role", "viewer"), ("anna", "--user", "1"),
                               ("ben", "--user", "2"), ("nobodys",),
                               ("olga", "--role", "operator", "--user", "3")):
            done = gorctl("tls", "client", *options, cls.pki, name)
            assert done.returncode == 0, done.stderr

    def refused(self, done, text):
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn(text, done.stderr)

    def submit(self, who):
        done = self.ctl("submit", "sleep", "600", who=who)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(self.ctl, "cancel", done.stdout.strip())
        return done.stdout.strip()

    def test_viewer_looks_and_does_nothing(self):
        self.assertEqual(self.ctl("ls", who="eve").returncode, 0)
        self.assertEqual(self.ctl("stats", who="eve").returncode, 0)
        self.refused(self.ctl("submit", "true", who="eve"), "takes the role of submitter")
        self.refused(self.ctl("cancel", "1", who="eve"), "takes the role of submitter")
        self.refused(self.ctl("drain", who="eve"), "takes the role of operator")

    def test_submitter_has_his_own(self):
        job = self.submit("anna")
        other = self.submit("ben")
        shown = self.ctl("show", "--json", job, who="ben")
        self.assertRegex(shown.stdout, r"\"uid\": 1\b")
        for verb in ("cancel", "terminate", "hold", "pause"):
            self.refused(self.ctl(verb, job, who="ben"), "another user's")
        self.refused(self.ctl("logs", job, who="ben"), "another user's")
        self.refused(self.ctl("cancel", other, job, who="ben"), "another user's")
        self.assertEqual(self.ctl("cancel", "--all", who="ben").returncode, 0)
        self.ctl("wait", other, who="ben")
        self.assertIn('"running"', self.ctl("show", "--json", job, who="ben").stdout.lower())
        self.assertEqual(self.ctl("cancel", job, who="anna").returncode, 0)

    def test_what_changes_a_job_is_its_owners(self):
        job = self.submit("anna")
        for verb in (("update", "--priority", "3"), ("rm",), ("retry",), ("signal", "TERM")):
            self.refused(self.ctl(*verb, job, who="ben"), "another user's")
        done = self.ctl("submit", "--parent", job, "true", who="ben")
        self.refused(done, "another user's")
        child = self.ctl("submit", "--parent", job, "true", who="anna")
        self.assertEqual(child.returncode, 0, child.stderr)

    def test_unique_keys_are_ones_own(self):
        ids = {}
        for who in ("anna", "ben"):
            done = self.ctl("submit", "--unique", "the-key", "sleep", "600", who=who)
            self.assertEqual(done.returncode, 0, done.stderr)
            ids[who] = done.stdout.strip()
            self.addCleanup(self.ctl, "cancel", ids[who])
        self.assertNotEqual(ids["anna"], ids["ben"])
        again = self.ctl("submit", "--unique", "the-key", "--on-conflict", "replace", "true",
                         who="ben")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(self.ctl("wait", ids["ben"], who="ben").returncode, 79)
        self.assertIn('"running"', self.ctl("show", "--json", ids["anna"]).stdout.lower())
        same = self.ctl("submit", "--unique", "the-key", "true", who="anna")
        self.assertEqual(same.stdout.strip(), ids["anna"])

    def test_calendar_entries_are_their_owners(self):
        made = self.ctl("cron", "add", "nightly", "0 3 * * *", "true", who="anna")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("nightly", self.ctl("cron", "ls", who="eve").stdout)
        for verb in ("pause", "resume", "run", "rm"):
            self.refused(self.ctl("cron", verb, "nightly", who="ben"), "another user's")
        self.refused(self.ctl("cron", "add", "--replace", "nightly", "0 4 * * *", "id", who="ben"),
                     "another user's")
        self.refused(self.ctl("cron", "add", "mine", "0 3 * * *", "true", who="eve"), "submitter")
        self.assertEqual(self.ctl("cron", "pause", "nightly", who="olga").returncode, 0)
        self.assertEqual(self.ctl("cron", "rm", "nightly", who="anna").returncode, 0)

    def test_result_is_its_owners(self):
        done = self.ctl("submit", "--cwd", "/", "--shell", "echo mine >&$GOR_RESULT_FD", who="anna")
        job = done.stdout.strip()
        self.assertEqual(self.ctl("wait", job, who="anna").returncode, 0)
        self.assertEqual(self.ctl("result", job, who="anna").stdout, "mine\n")
        self.assertEqual(self.ctl("result", job, who="olga").stdout, "mine\n")
        for who in ("ben", "eve"):
            self.refused(self.ctl("result", job, who=who), "another user's")
            shown = self.ctl("show", "--json", job, who=who)
            self.assertIn('"result": "",', shown.stdout, shown.stderr)

    def test_operator_has_everybodys(self):
        job = self.submit("anna")
        self.assertEqual(self.ctl("cancel", job, who="olga").returncode, 0)
        self.assertEqual(self.ctl("logs", job, who="olga").returncode, 0)
        self.refused(self.ctl("gomaxprocs", "2", who="olga"), "takes the role of admin")
        self.refused(self.ctl("backup", os.path.join(self.gord.folder, "b"), who="olga"), "admin")

    def test_jobs_need_an_owner(self):
        self.refused(self.ctl("submit", "true", who="nobodys"), "names no user")

    def test_foreign_certificates_have_no_role(self):
        if shutil.which("openssl") is None:
            self.skipTest("openssl is not installed")
        script = ("set -e; cd {0}; openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
                  " -keyout plain.key -subj /CN=plain -out plain.csr; openssl x509 -req -in"
                  " plain.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out plain.crt -days 5")
        subprocess.run(["sh", "-c", script.format(self.pki)], check=True, capture_output=True)
        os.chmod(self.file("plain.key"), 0o600)
        self.refused(self.ctl("ls", who="plain"), "has no role")


@unittest.skipUnless(e2e.is_root(), "running as another user needs root")
class Users(Secure):
    """Of a gord that is root each job runs as its owner."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, uid in (("anna", "1"), ("noone", "64999")):
            assert gorctl("tls", "client", "--user", uid, cls.pki, name).returncode == 0

    def run_as(self, who, script):
        return self.ctl("run", "--cwd", "/", "--", "sh", "-c", script, who=who)

    def test_job_is_its_owners_process(self):
        owner = pwd.getpwuid(1)
        done = self.run_as("anna", "id -u; id -g; id -G; id -ru; echo $HOME $USER $LOGNAME")
        groups = os.getgrouplist(owner.pw_name, owner.pw_gid)
        lines = done.stdout.split("\n")
        self.assertEqual(lines[:2], ["1", str(owner.pw_gid)], done.stderr)
        self.assertEqual(sorted(map(int, lines[2].split())), sorted(groups))
        self.assertEqual(lines[3], "1")
        self.assertEqual(lines[4], f"{owner.pw_dir} {owner.pw_name} {owner.pw_name}")

    def test_it_cannot_read_what_is_roots_or_become_root(self):
        done = self.run_as("anna", f"cat {self.gord.state}/token; ls {self.gord.state}/logs;"
                                   " grep CapEff /proc/self/status")
        self.assertEqual(done.stderr.count("Permission denied"), 2, done.stderr)
        self.assertIn("0000000000000000", done.stdout)

    def test_folder_is_entered_as_the_owner(self):
        done = self.ctl("run", "--cwd", self.pki, "--", "true", who="anna")
        self.assertEqual(done.returncode, 81, done.stderr)
        self.assertIn("cannot enter folder", done.stderr)

    def test_user_that_does_not_exist(self):
        done = self.run_as("noone", "true")
        self.assertEqual(done.returncode, 81, done.stderr)
        self.assertIn("no such user", done.stderr)

    def test_roots_own_jobs_stay_roots(self):
        self.assertEqual(self.run_as("admin", "id -u").stdout, "0\n")


class Reload(Secure):
    def serial(self):
        done = subprocess.run(f"openssl s_client -connect {self.target} -alpn h2 </dev/null 2>&1 |"
                              " openssl x509 -noout -serial", shell=True, capture_output=True,
                              text=True, check=False, timeout=e2e.PATIENCE)
        return done.stdout

    def reload(self, text):
        """Send SIGHUP; until the log says `text` once more."""
        before = self.gord.stderr().count(text)
        self.gord.process.send_signal(signal.SIGHUP)
        admin = self.channel("admin")
        while self.gord.stderr().count(text) == before:
            self.code_of(admin)  # each call is a turn of its loop

    @unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
    def test_new_ones_are_taken_and_broken_ones_are_not(self):
        old = self.serial()
        standing = self.channel("admin")
        self.assertEqual(self.code_of(standing), grpc.StatusCode.OK)
        for name in ("server.crt", "server.key"):
            os.unlink(self.file(name))
        other = os.path.join(self.gord.folder, "fresh")
        os.mkdir(other, 0o700)
        for name in ("ca.crt", "ca.key"):
            shutil.copy(self.file(name), other)
        self.reload("the reload changed nothing")
        self.assertEqual(self.serial(), old)
        self.assertIn("server.crt", self.gord.stderr())
        new = gorctl("tls", "init", other + "2")
        self.assertEqual(new.returncode, 0)
        for name in ("server.crt", "server.key"):
            shutil.copy(os.path.join(other + "2", name), self.file(name))
        self.reload("certificates read again")
        self.assertNotEqual(self.serial(), old)
        self.assertEqual(self.code_of(standing), grpc.StatusCode.OK)
        with open(self.file("server.crt"), "w", encoding="ascii") as file:
            file.write("nonsense")
        self.reload("the reload changed nothing")
        self.assertIn("holds no certificate that can be used", self.gord.stderr())


class Plain(unittest.TestCase):
    def test_other_machines_need_tls(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0"):
            done = subprocess.run(e2e.gord_command("--listen", address), capture_output=True,
                                  text=True, check=False, timeout=e2e.PATIENCE)
            self.assertEqual(done.returncode, 2)
            self.assertIn("without TLS", done.stderr)

    def test_missing_certificate_is_named(self):
        gord = e2e.Gord("--listen", "127.0.0.1:0", "--tls-cert", "/nowhere/a.crt", "--tls-key",
                        "/nowhere/a.key")
        self.addCleanup(gord.close)
        gord.launch()
        self.assertEqual(gord.process.wait(e2e.PATIENCE), 5, gord.stderr())
        self.assertIn("/nowhere/a.crt", gord.stderr())


class Revoked(Secure):
    """Certificates that were good once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("anna", "berta"):
            assert gorctl("tls", "client", "--role", "admin", cls.pki, name).returncode == 0
        assert gorctl("tls", "revoke", cls.pki, "berta").returncode == 0
        cls.gord.stop()
        cls.gord.options += ("--tls-crl", cls.file("ca.crl"))
        cls.gord.start()
        cls.target = f"localhost:{re.findall(r'port ([0-9]+) with TLS', cls.gord.stderr())[-1]}"

    def test_revoked_before_the_start(self):
        refused = self.ctl("ls", who="berta")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("our certificate is revoked", refused.stderr)
        self.assertEqual(self.ctl("ls").returncode, 0)

    def test_revoked_while_it_is_in_use(self):
        channel = self.channel("anna")
        self.assertEqual(self.code_of(channel), grpc.StatusCode.OK)
        watch = channel.unary_stream("/gor.v1.Jobs/Watch")(b"\x18\x01", timeout=e2e.PATIENCE)
        said = gorctl("tls", "revoke", self.pki, "anna")
        self.assertEqual(said.returncode, 0, said.stderr)
        again = gorctl("tls", "revoke", self.pki, "anna")
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("already", again.stderr)
        self.gord.process.send_signal(signal.SIGHUP)
        with self.assertRaises(grpc.RpcError) as caught:
            for _ in watch:
                pass
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("revoked", self.ctl("ls", who="anna").stderr)
        self.assertEqual(self.ctl("ls").returncode, 0)

    def test_lists_that_are_none(self):
        other = os.path.join(self.gord.folder, "other")
        self.assertEqual(gorctl("tls", "init", other).returncode, 0)
        self.assertEqual(gorctl("tls", "revoke", other, "admin").returncode, 0)
        for path, why in ((os.path.join(other, "ca.crl"), "not signed by the CA"),
                          (self.file("ca.crt"), "holds no list"), ("/no/such", "cannot read")):
            gord = e2e.Gord("--listen", "127.0.0.1:0", "--tls-cert", self.file("server.crt"),
                            "--tls-key", self.file("server.key"), "--tls-ca", self.file("ca.crt"),
                            "--tls-crl", path)
            self.addCleanup(gord.close)
            gord.launch()
            self.assertEqual(gord.process.wait(e2e.PATIENCE), 5, gord.stderr())
            self.assertIn(why, gord.stderr())

    def test_what_cannot_be_revoked(self):
        self.assertNotEqual(gorctl("tls", "revoke", self.pki, "nobody").returncode, 0)
        self.assertNotEqual(gorctl("tls", "revoke", self.pki).returncode, 0)


if __name__ == "__main__":
    e2e.main()
