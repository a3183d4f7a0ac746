# SPDX-License-Identifier: MIT
"""`gorctl daemon reload`: the configuration read again by a call, with an answer."""

import os
import re
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl


class Reload(unittest.TestCase):
    def setUp(self):
        self.gord = e2e.Gord("--config=/dev/null", "--listen=127.0.0.1:0", "--lua-slots=7")
        self.addCleanup(self.gord.close)
        self.path = os.path.join(self.gord.folder, "gord.conf")
        self.gord.options = (f"--config={self.path}", *self.gord.options[1:])
        self.write("exec-slots = 1\n")
        self.gord.start()

    def tearDown(self):
        self.assertEqual(self.gord.stop(), 0)
        self.assertNotIn("Sanitizer", self.gord.stderr())

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path, 0o644)

    def ctl(self, *args, code=0, **more):
        result = ctl.run(*args, env=ctl.environment(more.pop("host", self.gord.socket), **more))
        self.assertEqual(result.code, code, result)
        return result

    def slots(self):
        return self.ctl("stats", "--json").json["exec_slots"]

    def test_what_changed_is_told_and_in_force(self):
        self.assertEqual(self.ctl("daemon", "reload").text, "no option has another value\n")
        self.write("exec-slots = 3\ngomaxprocs = 2\ngrace = 1s\nlua-slots = 9\n")
        shown = self.ctl("daemon", "reload").text
        self.assertEqual(shown, "exec-slots: 1 -> 3\n"
                                "gomaxprocs: auto -> 2  (not yet: needs a restart)\n"
                                "grace: 5s -> 1s\n")
        self.assertEqual(self.slots(), 3)
        again = self.ctl("daemon", "reload", "--json").json
        self.assertEqual(again["file"], self.path)
        self.assertEqual(again["changes"], [{"option": "gomaxprocs", "before": "auto", "after": "2",
                                             "stays": "needs a restart"}])
        self.assertIn("reload: exec-slots: 1 -> 3", self.gord.stderr())
        line = self.ctl("audit", "--json", "-m", "reload").lines[-1]
        self.assertEqual((line["method"], line["status"], line["role"]),
                         ("Runtime/Reload", "OK", "admin"))
        self.assertEqual(line["uid"], os.getuid())

    def test_faults_are_told_and_change_nothing(self):
        self.write("exec-slots = 3\ngrace = soon\nno-key = 1\n")
        refused = self.ctl("daemon", "reload", code=ctl.USAGE)
        self.assertEqual(refused.out, b"")
        said = refused.err.decode()
        self.assertIn("nothing was changed", said)
        self.assertIn(f"{self.path}:2: grace is 'soon'", said)
        self.assertIn(f"{self.path}:3: 'no-key' is no key", said)
        self.assertEqual(self.slots(), 1)
        line = self.ctl("audit", "--json", "-m", "reload", "--failed").lines[-1]
        self.assertEqual(line["status"], "FAILED_PRECONDITION")
        self.assertIn("grace is 'soon'", line["detail"])
        self.write("".join(f"no-such-key-{i} = 1\n" for i in range(100)))
        said = self.ctl("daemon", "reload", code=ctl.USAGE).err.decode()
        self.assertRegex(said, r"no-such-key-0.*; and [1-9]\d more, see the daemon's log")
        os.unlink(self.path)
        said = self.ctl("daemon", "reload", code=ctl.USAGE).err.decode()
        self.assertIn("there is no such file", said)
        self.assertEqual(self.slots(), 1)

    def test_systemd_is_told_as_on_sighup(self):
        self.gord.notify.said.clear()
        self.ctl("daemon", "reload")
        self.assertIsNotNone(self.gord.notify.wait_for("STATUS=reloaded", alive=self.gord.alive))
        self.assertEqual(self.gord.notify.said[0], "RELOADING=1")

    def test_it_takes_an_admin(self):
        port = re.search(r"listening on 127.0.0.1 port (\d+)", self.gord.stderr())[1]
        for role in ("viewer", "operator"):
            secret = self.ctl("token", "create", "--json", "--role", role).json["secret"]
            refused = self.ctl("daemon", "reload", code=ctl.DENIED, host=f"127.0.0.1:{port}",
                               GOR_TOKEN=secret)
            self.assertIn("admin", refused.err.decode())

    def test_words(self):
        self.assertIn("reload", self.ctl("daemon", "--help").text)
        self.assertIn("gorctl daemon --help", self.ctl("daemon", code=ctl.USAGE).err.decode())
        self.assertIn("no `daemon relaod`",
                      self.ctl("daemon", "relaod", code=ctl.USAGE).err.decode())
        self.ctl("daemon", "reload", "now", code=ctl.USAGE)


if __name__ == "__main__":
    e2e.main()
