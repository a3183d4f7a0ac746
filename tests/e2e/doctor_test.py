# SPDX-License-Identifier: MIT
"""gorctl doctor: with real faults, and with a daemon that only says it has them."""

import grp
import os
import re
import shutil
import signal
import socket
import tempfile
import time
import unittest
from concurrent import futures
from unittest import mock

import gor_e2e as e2e
import gorctl_e2e as ctl

NOBODY = 65534


class Doctor(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gor-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.systemctl("exit 1")

    def systemctl(self, script):
        os.makedirs(self.folder + "/bin", exist_ok=True)
        with open(self.folder + "/bin/systemctl", "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + script + "\n")
        os.chmod(self.folder + "/bin/systemctl", 0o755)

    def env(self, host=None, **more):
        return ctl.environment(host, XDG_CONFIG_HOME=self.folder, **{
            "PATH": self.folder + "/bin:" + os.environ["PATH"], **more})

    def findings(self, *args, host=None, code=None, **more):
        """{check: [(result, text, advice)]}"""
        result = ctl.run("doctor", "--json", *args, env=self.env(host), **more)
        self.assertEqual(result.err, b"")
        out = {}
        for one in result.json["checks"]:
            out.setdefault(one["check"], []).append((one["result"], one["text"],
                                                     one["advice"] or ""))
        count = lambda what: sum(f[0] == what for some in out.values() for f in some)
        self.assertEqual((result.json["faults"], result.json["warnings"]),
                         (count("fault"), count("warning")))
        self.assertEqual(result.code, (1 if count("fault") else 0) if code is None else code)
        for some in out.values():
            for what, text, advice in some:
                self.assertTrue(text)
                if what in ("warning", "fault"):
                    self.assertTrue(advice, text)
        return out

    def expect(self, found, check, result, *texts):
        for what, text, advice in found.get(check, []):
            if what == result and all(t in text + "\n" + advice for t in texts):
                return
        self.fail(f"no {result} of {check} with {texts}:\n{found}")


class NoDaemon(Doctor):
    def test_no_socket(self):
        found = self.findings(host=self.folder + "/none")
        self.expect(found, "address", "ok", "$GOR_HOST")
        self.expect(found, "socket", "fault", self.folder + "/none", "gord &",
                    "systemctl enable --now gord.socket")
        self.expect(found, "connection", "skipped")
        self.expect(found, "daemon", "skipped")

    def test_socket_without_a_daemon(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(self.folder + "/dead")
        found = self.findings("-H", self.folder + "/dead")
        self.expect(found, "socket", "ok")
        self.expect(found, "connection", "fault", "Connection refused", "has ended", "gord &")
        self.assertNotIn("gorctl doctor", str(found))

    def test_no_socket_at_all(self):
        self.expect(self.findings("-H", self.folder), "socket", "fault", "no socket", "-H PATH")

    @unittest.skipUnless(e2e.is_root(), "needs another user")
    def test_socket_of_another_group(self):
        path = self.folder + "/s"
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
        os.chmod(path, 0o660)
        group = grp.getgrgid(1).gr_name
        # Nobody may be unable to enter where this was built.
        programs = tempfile.mkdtemp(prefix="gor-", dir="/tmp")
        self.addCleanup(shutil.rmtree, programs)
        os.chmod(programs, 0o755)
        mine = mock.patch.object(e2e, "GORCTL", shutil.copy(e2e.GORCTL, programs))
        mine.start()
        self.addCleanup(mine.stop)
        os.chown(path, 0, 1)
        found = self.findings("-H", path, user=NOBODY, group=NOBODY, extra_groups=[])
        self.expect(found, "socket", "fault", "mode 660", f"sudo adduser nobody {group}")
        os.chmod(path, 0o600)
        self.expect(self.findings("-H", path, user=NOBODY, group=NOBODY, extra_groups=[]),
                    "socket", "fault", "Ask its owner", "gord &")
        os.chmod(self.folder, 0o700)
        self.expect(self.findings("-H", path, user=NOBODY, group=NOBODY, extra_groups=[],
                                  cwd="/"), "socket", "fault", "cannot look at")

    def test_addresses(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            host = f"127.0.0.1:{sock.getsockname()[1]}"
            found = self.findings("-H", host)
        self.expect(found, "connection", "fault", host, "Connection refused")
        self.expect(found, "systemd", "skipped", "another machine")
        self.expect(self.findings("-H", "no-such-host.invalid:7070"), "connection", "fault",
                    "host name is not known")
        self.expect(self.findings("-H", "http://build1:7070"), "address", "fault",
                    "'http' is no scheme", "HOST:PORT")
        self.expect(self.findings("-H", "nonsense"), "connection", "fault", "is no address")

    def test_contexts(self):
        self.expect(self.findings("--context", "x"), "address", "fault", "no context 'x'",
                    "gorctl context ls")
        os.mkdir(self.folder + "/gor")
        with open(self.folder + "/gor/contexts", "w", encoding="utf-8") as file:
            file.write("current = a\n[a]\nhost = /nonexistent/s\n")
        os.chmod(self.folder + "/gor/contexts", 0o600)
        self.expect(self.findings(), "address", "ok", "/nonexistent/s", "context a")
        with open(self.folder + "/gor/contexts", "a", encoding="utf-8") as file:
            file.write("color = red\n")
        self.expect(self.findings(), "address", "fault", "line 4", "'color'", "Correct that line")

    def test_systemd(self):
        def unit(**properties):
            known = {"LoadState": "loaded", "ActiveState": "active", "Result": "success",
                     "NRestarts": 0, "WatchdogUSec": "30s", "MainPID": 7, **properties}
            self.systemctl("printf '%s\\n' " + " ".join(f"'{k}={v}'" for k, v in known.items()))
            return self.findings("-H", self.folder + "/none")

        self.expect(unit(), "systemd", "ok", "watchdog after 30s")
        self.expect(unit(WatchdogUSec=0), "systemd", "ok", "without a watchdog")
        self.expect(unit(ActiveState="failed", Result="watchdog"), "systemd", "fault",
                    "has failed: watchdog", "journalctl -u gord", "systemctl restart gord")
        self.expect(unit(NRestarts=3), "systemd", "warning", "restarted 3 times", "reset-failed")
        self.expect(unit(ActiveState="activating", NRestarts=2), "systemd", "warning",
                    "after 2 restarts")
        self.expect(unit(ActiveState="inactive"), "systemd", "skipped", "inactive")
        self.expect(unit(LoadState="not-found", ActiveState="inactive"), "systemd", "skipped",
                    "not-found")
        self.systemctl("exit 1")
        self.expect(self.findings("-H", self.folder + "/none"), "systemd", "skipped")


class Daemon(Doctor):
    """A real one."""

    def gord(self, *options, **more):
        gord = e2e.Gord(*options, **more)
        self.addCleanup(gord.close)
        return gord.start()

    def test_well(self):
        gord = self.gord()
        self.systemctl("printf '%s\\n' LoadState=loaded ActiveState=active NRestarts=0 "
                       f"MainPID={gord.process.pid} WatchdogUSec=1min")
        found = self.findings(host=gord.socket)
        for check in ("address", "socket", "connection", "version", "systemd", "store", "new jobs",
                      "clock", "plug-ins", "queues", "calendar", "lost jobs"):
            self.assertEqual([f[0] for f in found[check]], ["ok"], check)
        result = ctl.run("doctor", env=self.env(gord.socket))
        self.assertNotIn(b"\x1b", result.out)
        self.assertIn("ok       connection     gord answers", result.text)

    def test_colours_on_a_terminal_only(self):
        gord = self.gord()
        self.assertIn(b"\x1b[32mok", ctl.run_on_terminal("doctor", host=gord.socket).out)
        self.assertNotIn(b"\x1b", ctl.run_on_terminal("doctor", host=gord.socket, NO_COLOR="1").out)

    def test_what_people_have_stopped(self):
        gord = self.gord()
        run = lambda *args: ctl.run(*args, host=gord.socket)
        run("queue", "create", "build")
        run("pause", "-q", "build")
        run("drain", "--cause", "new disks")
        run("pause")
        found = self.findings(host=gord.socket)
        self.expect(found, "queues", "warning", "'build' is paused", "gorctl resume -q 'build'")
        self.expect(found, "new jobs", "warning", "new disks", "gorctl undrain")
        self.expect(found, "new jobs", "warning", "everything is paused", "gorctl resume")
        self.findings("--strict", host=gord.socket, code=1)
        run("resume", "-q", "build")
        run("undrain")
        run("resume")
        found = self.findings(host=gord.socket)
        self.assertEqual(found["queues"][0][0] + found["new jobs"][0][0], "okok")

    def test_lost_jobs(self):
        gord = self.gord()
        client = gord.client()
        job = client.exec("sleep", "600")
        client.wait_process(job)
        client.close()
        gord.process.send_signal(signal.SIGKILL)
        gord.process.wait()
        client = gord.start().client()
        self.assertEqual(client.wait(job).outcome, e2e.LOST)
        client.close()
        found = self.findings(host=gord.socket)
        self.expect(found, "lost jobs", "warning", "1 job was lost", "history --outcome lost",
                    "retry --outcome lost")

    def test_few_descriptors_and_a_plugin_that_is_refused(self):
        os.mkdir(self.folder + "/plugins", mode=0o755)
        with open(self.folder + "/plugins/broken.so", "w", encoding="utf-8") as file:
            file.write("this is no shared object\n")
        gord = self.gord("--plugin-dir", self.folder + "/plugins", wrap=("prlimit", "--nofile=700"))
        found = self.findings(host=gord.socket)
        self.expect(found, "plug-ins", "fault", "broken.so", "gorctl plugins reload")
        self.expect(found, "descriptors", "warning", "of 700 in use", "LimitNOFILE")
        os.unlink(self.folder + "/plugins/broken.so")
        ctl.run("plugins", "reload", host=gord.socket)
        self.assertEqual(self.findings(host=gord.socket)["plug-ins"][0][0], "ok")

    def test_no_control_groups(self):
        gord = self.gord("--cgroup", "off")
        self.expect(self.findings(host=gord.socket), "control groups", "warning", "--cgroup=off",
                    "Delegate=yes")

    def test_token(self):
        gord = self.gord("--listen", "127.0.0.1:0")
        port = re.search(r"listening on 127.0.0.1 port (\d+)", gord.stderr())[1]
        host = f"127.0.0.1:{port}"
        self.expect(self.findings("-H", host), "connection", "fault", "--token-file", "`token`")
        copy = self.folder + "/token"
        shutil.copy(gord.state + "/token", copy)
        os.chmod(copy, 0o644)
        found = self.findings("-H", host, "--token-file", copy)
        self.expect(found, "token", "fault", "others can read", f"chmod 600 '{copy}'")
        os.chmod(copy, 0o600)
        self.expect(self.findings("-H", host, "--token-file", copy), "connection", "ok")


@unittest.skipIf(e2e.grpc is None, "no grpc for Python")
class Liar(Doctor):
    """A server that says it is a gord in trouble: what cannot be had otherwise."""

    @classmethod
    def setUpClass(cls):
        cls.real = e2e.Gord().start()
        cls.client = cls.real.client()
        cls.client.runtime("Stats")  # loads the messages
        cls.truth = {method: cls.client.runtime(method)
                     for method in ("Stats", "Version", "Surroundings")}

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.real.stop()
        cls.real.close()

    def lie(self, **lies):
        """Findings of a daemon whose replies have these fields: Method=dict."""
        replies = {}
        for method, truth in self.truth.items():
            reply = type(truth)()
            reply.CopyFrom(truth)
            for field, value in lies.get(method, {}).items():
                if isinstance(value, list):
                    getattr(reply, field).extend(value)
                else:
                    setattr(reply, field, value)
            if method == "Surroundings" and not reply.now_ns:
                reply.now_ns = time.time_ns()
            replies["/gor.v1.Runtime/" + method] = reply.SerializeToString()
        for method in lies.get("missing", ()):
            del replies["/gor.v1.Runtime/" + method]

        class Handler(e2e.grpc.GenericRpcHandler):
            def service(self, details):
                if details.method not in replies:
                    return None
                return e2e.grpc.unary_unary_rpc_method_handler(
                    lambda request, context: replies[details.method])

        server = e2e.grpc.server(futures.ThreadPoolExecutor(2))
        server.add_generic_rpc_handlers((Handler(),))
        path = self.folder + "/liar"
        server.add_insecure_port("unix:" + path)
        server.start()
        try:
            return self.findings("-H", path)
        finally:
            server.stop(None).wait()

    def around(self, **fields):
        return self.lie(Surroundings={"now_ns": 0, **fields})

    def test_version(self):
        found = self.lie(Version={"version": "9.9.9"}, Surroundings={"now_ns": 0})
        self.expect(found, "version", "warning", "gord is 9.9.9", "restart gord")
        self.expect(found, "queues", "skipped", "older")

    def test_older_daemon(self):
        self.expect(self.lie(missing=["Surroundings"]), "surroundings", "skipped", "older")

    def test_store(self):
        self.expect(self.lie(Stats={"store_error": "fsync: Input/output error"}), "store", "fault",
                    "takes no new jobs", "fsync")
        self.expect(self.lie(Stats={"commit_max_ns": 3 * e2e.SECOND}), "store", "warning", "slow",
                    "3.00s")
        self.expect(self.lie(Stats={"durability": "memory"}), "store", "ok", "in memory")

    def test_clock(self):
        for off, result, text in ((-30, "warning", "behind"), (30, "warning", "ahead"),
                                  (-7200, "fault", "behind"), (7200, "fault", "ahead")):
            self.expect(self.around(now_ns=time.time_ns() + off * e2e.SECOND), "clock", result,
                        text, "timedatectl")
        self.expect(self.around(), "clock", "ok")

    def test_disk(self):
        gib = 1 << 30
        for size, free, result in ((100 * gib, 60 * gib, "ok"), (100 * gib, 4 * gib, "warning"),
                                   (1000 * gib, 30 * gib, "ok"), (4 * gib, gib // 2, "warning"),
                                   (100 * gib, 1 << 20, "fault"), (0, 0, "skipped")):
            self.expect(self.around(disk_bytes=size, disk_free_bytes=free), "disk", result)

    def test_tasks(self):
        for limit, used, result in ((0, 0, "ok"), (1000, 100, "ok"), (1000, 900, "warning"),
                                    (100, 0, "warning"), (4000, 0, "ok")):
            self.expect(self.around(tasks_limit=limit, tasks=used), "processes", result)

    def test_groups(self):
        self.expect(self.around(groups=True, groups_problem=""), "control groups", "ok")


if __name__ == "__main__":
    e2e.main()
