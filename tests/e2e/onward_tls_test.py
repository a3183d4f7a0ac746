# SPDX-License-Identifier: MIT
"""gorctl goes on where it was over TLS as well, by its certificate and by a token, over upgrades,
restarts and the death of the daemon."""

import os
import shutil
import signal
import socket
import tempfile
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
import onward_test


def make_pki(folder):
    done = ctl.run("tls", "init", folder)
    if done.code != 0:
        raise AssertionError(repr(done))


def free_port():
    """One that is free now: the daemon is to have the same again after a restart."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class OverTls:
    """The tests of onward_test, by another way."""

    @classmethod
    def setUpClass(cls):
        cls.pki = tempfile.mkdtemp(prefix="gor-pki-")
        make_pki(cls.pki)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.pki)

    def file(self, name):
        return os.path.join(self.pki, name)

    def begin(self, *options):
        self.port = free_port()
        super().begin("--listen", f"127.0.0.1:{self.port}", "--tls-cert", self.file("server.crt"),
                      "--tls-key", self.file("server.key"), *self.tls_options(), *options)

    def reach(self):
        return {"GOR_HOST": f"tls://localhost:{self.port}", "GOR_TLS_CA": self.file("ca.crt"),
                **self.identity()}

    def requeued(self):
        """A job that is run again after each restart, and what ends it with success."""
        flag = os.path.join(self.gord.folder, "flag")
        return flag, ["run", "--requeue", "--on-stop", "requeue", "--shell",
                      f"echo begins; while test ! -e {flag}; do sleep 0.01; done; echo ends"]

    def test_a_run_goes_on_with_what_its_job_does_after_restarts(self):
        self.begin()
        flag, args = self.requeued()
        run = self.gorctl(*args)
        begun = 0
        for how in (self.gord.kill, self.gord.stop):
            begun += 1
            self.seen(run, "begins\n" * begun)
            self.restart(how)
        self.seen(run, "begins\n" * 3)
        with open(flag, "w", encoding="ascii"):
            pass
        code, out, _ = self.end(run)
        self.assertEqual((code, out), (0, "begins\n" * 3 + "ends\n"))

    def test_logs_go_on_over_restarts(self):
        self.begin()
        job = self.client.native("builtin.echo", "said", held=True)
        logs = self.gorctl_asks("logs", "-f", str(job))
        for how in (self.gord.kill, self.gord.stop):
            self.restart(how)
        self.client.jobs("Release", ids=[job])
        self.assertEqual(self.end(logs), (0, "said\n", ""))

    def test_over_many_restarts_in_a_row(self):
        self.begin()
        job = self.client.native("builtin.echo", "x", held=True)
        waits = [self.gorctl_asks("wait", str(job)) for _ in range(5)]
        for i in range(6):
            self.restart(self.gord.kill if i % 2 else self.gord.stop)
        for _ in range(3):
            self.upgrade()
        self.client.jobs("Release", ids=[job])
        for wait in waits:
            code, _, err = self.end(wait)
            self.assertEqual((code, err), (0, ""))

    def refused(self, process, *texts):
        """It does not wait for what cannot become better."""
        code, _, err = self.end(process)
        self.assertEqual(code, ctl.DENIED, err)
        for text in texts:
            self.assertIn(text, err)

    def test_a_daemon_of_another_ca_is_not_waited_for(self):
        self.begin()
        job = self.client.native("builtin.echo", "x", held=True)
        wait = self.gorctl_asks("wait", str(job))

        def change():
            self.gord.stop()
            other = tempfile.mkdtemp(prefix="gor-pki-")
            self.addCleanup(shutil.rmtree, other)
            make_pki(other)
            self.gord.options = [option.replace(self.pki, other) for option in self.gord.options]
        self.restart(change)
        self.refused(wait, "no secure connection", "CA that is not known here")


class ByCertificate(OverTls, onward_test.Onward):
    def tls_options(self):
        return "--tls-ca", self.file("ca.crt")

    def identity(self):
        return {"GOR_TLS_CERT": self.file("admin.crt"), "GOR_TLS_KEY": self.file("admin.key")}

    def test_a_certificate_that_is_revoked_meanwhile_is_not_waited_with(self):
        self.begin()
        job = self.client.native("builtin.echo", "x", held=True)
        made = ctl.run("tls", "client", "--role", "viewer", self.pki, "guest")
        self.assertEqual(made.code, 0, made)
        wait = self.gorctl_asks("wait", str(job), GOR_TLS_CERT=self.file("guest.crt"),
                                GOR_TLS_KEY=self.file("guest.key"))

        def revoke():
            self.gord.stop()
            done = ctl.run("tls", "revoke", self.pki, "guest")
            self.assertEqual(done.code, 0, done)
            self.gord.options = [*self.gord.options, "--tls-crl", self.file("ca.crl")]
        self.restart(revoke)
        self.refused(wait, "no secure connection", "revoked", "`gorctl tls client`")


class ByToken(OverTls, onward_test.Onward):
    def tls_options(self):
        return ()

    def begin(self, *options):
        super().begin(*options)
        self.secret = self.token("--role", "admin", "--user", str(os.geteuid()))["secret"]

    def token(self, *args):
        made = ctl.run("token", "create", "--json", *args, host=self.gord.socket)
        self.assertEqual(made.code, 0, made)
        return made.json

    def identity(self):
        return {"GOR_TOKEN": self.secret}

    def test_a_token_that_is_revoked_meanwhile_is_not_waited_with(self):
        self.begin()
        job = self.client.native("builtin.echo", "x", held=True)
        token = self.token("--role", "viewer", "--name", "guest")
        patient = self.gorctl_asks("wait", str(job))
        wait = self.gorctl_asks("wait", str(job), GOR_TOKEN=token["secret"])
        wait.send_signal(signal.SIGSTOP)  # until the daemon is another one
        self.restart(self.gord.kill)
        done = ctl.run("token", "revoke", "guest", host=self.gord.socket)
        self.assertEqual(done.code, 0, done)
        wait.send_signal(signal.SIGCONT)
        self.refused(wait, "token")
        self.client.jobs("Release", ids=[job])
        self.assertEqual(self.end(patient)[0], 0)


if __name__ == "__main__":
    e2e.main()
