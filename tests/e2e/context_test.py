# SPDX-License-Identifier: MIT
"""gorctl context: names for daemons, which of them counts, and the file they are in."""

import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl


class Contexts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gor-", dir="/tmp")
        self.path = self.folder + "/config/gor/contexts"
        self.env = ctl.environment(XDG_CONFIG_HOME=self.folder + "/config")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def run_it(self, *args, **env):
        return ctl.run(*args, env={**self.env, **env}, cwd=self.folder)

    def ok(self, *args, **env):
        result = self.run_it(*args, **env)
        self.assertEqual((result.code, result.err), (0, b""), result)
        return result

    def refused(self, code, *texts, args, **env):
        before = self.text()
        result = self.run_it(*args, **env)
        self.assertEqual((result.code, result.out), (code, b""), result)
        for text in texts:
            self.assertIn(text, result.err.decode())
        self.assertEqual(self.text(), before)

    def text(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, text, mode=0o600):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path, mode)

    def test_a_life(self):
        none = {"tls_ca": None, "tls_cert": None, "tls_key": None}
        self.assertEqual(self.run_it("context").out, b"")
        self.ok("context", "add", "near", "--host", "./s", "--token-file", "t")
        self.ok("context", "add", "far", "-H", "build1:7070", "--use")
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(self.text(), f"current = far\n[near]\nhost = {self.folder}/s\n"
                                      f"token-file = {self.folder}/t\n\n[far]\nhost = build1:7070\n")
        self.assertEqual(self.ok("context", "ls", "--json").json, {"contexts": [
            {"name": "near", "current": False, "host": self.folder + "/s",
             "token_file": self.folder + "/t", **none},
            {"name": "far", "current": True, "host": "build1:7070", "token_file": None, **none}]})
        self.assertIn("*  far ", self.ok("context").text)
        self.ok("context", "use", "near")
        self.ok("context", "rename", "near", "here")
        self.assertEqual(self.ok("context", "show", "here", "--json").json["current"], True)
        self.ok("context", "add", "here", "--replace", "--host", "unix:r")
        self.assertIn(f"unix:{self.folder}/r", self.ok("context", "show", "here").text)
        self.ok("context", "rm", "here")
        self.assertEqual(self.text(), "[far]\nhost = build1:7070\n")
        self.ok("context", "use", "far")
        self.ok("context", "use", "--none")
        self.assertEqual(self.text(), "[far]\nhost = build1:7070\n")

    def test_what_is_said_wrong(self):
        self.write("[a]\nhost = x\n")
        for texts, args in (
                (("a context 'a' already", "--replace"), ("add", "a", "-H", "y")),
                (("where is the daemon?",), ("add", "b")),
                (("cannot be the name",), ("add", "b c", "-H", "y")),
                (("one line of UTF-8",), ("add", "b", "-H", "y\nhost = z")),
                (("--context names a context that there is",), ("add", "b", "--context", "a")),
                (("name of a context is needed",), ("use",)),
                (("'c' is not expected",), ("use", "b", "c")),
                (("exclude each other",), ("use", "a", "--none")),
                (("a new name for 'a'",), ("rename", "a")),
                (("a context 'a' already",), ("rename", "a", "a")),
                (("no `context nonsense`",), ("nonsense",))):
            self.refused(ctl.USAGE, *texts, args=("context", *args))
        for args in (("use", "b"), ("rm", "b"), ("rename", "b", "c"), ("show", "b")):
            self.refused(ctl.NOT_FOUND, "no context 'b'", "context ls", args=("context", *args))

    def test_a_file_that_is_not_understood_is_never_lost(self):
        self.write("[a]\nhost = x\ntls-pin = /ca\n")
        for args in (("ls",), ("context", "ls"), ("context", "add", "b", "-H", "y"),
                     ("context", "use", "a"), ("context", "rm", "a")):
            self.refused(ctl.USAGE, self.path, "line 3", "'tls-pin'", "Nothing was changed",
                         args=args)
        # It can be gone around.
        self.refused(ctl.NO_DAEMON, "/nonexistent", args=("ls", "-H", "/nonexistent/s"))
        self.refused(ctl.NO_DAEMON, "/nonexistent", args=("ls",), GOR_HOST="/nonexistent/s")

    def test_a_file_that_others_may_write_is_refused(self):
        self.write("current = a\n[a]\nhost = x\n", mode=0o666)
        self.refused(ctl.DENIED, "others may write", "chmod 600", args=("ls",))
        self.write("current = a\n[a]\nhost = /nonexistent/s\n", mode=0o644)
        self.refused(ctl.NO_DAEMON, "/nonexistent", args=("ls",))

    def test_a_file_that_cannot_be_written(self):
        os.makedirs(self.folder + "/config")
        with open(self.folder + "/config/gor", "w", encoding="utf-8"):
            pass
        self.refused(ctl.OUTPUT, "cannot write the contexts", self.path, "Not a directory",
                     args=("context", "add", "a", "-H", "x"))

    def test_links_and_comments_stay(self):
        self.write("# mine\n[a]\nhost = x\n")
        os.rename(self.path, self.folder + "/real")
        os.symlink(self.folder + "/real", self.path)
        self.ok("context", "use", "a")
        self.assertTrue(os.path.islink(self.path))
        self.assertEqual(self.text(), "current = a\n# mine\n[a]\nhost = x\n")

    def test_changes_at_the_same_time_are_all_made(self):
        names = [f"n{i}" for i in range(8)]
        running = [subprocess.Popen(ctl.command("context", "add", name, "-H", "x"), env=self.env)
                   for name in names]
        self.assertEqual([process.wait(e2e.PATIENCE) for process in running], [0] * len(names))
        listed = self.ok("context", "ls", "--json").json["contexts"]
        self.assertEqual(sorted(context["name"] for context in listed), names)
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["contexts"])

    def test_which_counts(self):
        self.write("current = c\n" + "".join(f"[{n}]\nhost = /nonexistent/{n}\n" for n in "cef"))
        everything = {"GOR_HOST": "/nonexistent/h", "GOR_CONTEXT": "e"}
        for wanted, by, args, env in (
                ("o", "--host", ("-H", "/nonexistent/o"), everything),
                ("f", "--context", ("--context", "f"), everything),
                ("h", "$GOR_HOST", (), everything),
                ("e", "$GOR_CONTEXT", (), {"GOR_CONTEXT": "e"}),
                ("c", "`gorctl context use`", (), {}),
                ("c", "`gorctl context use`", (), {"GOR_HOST": "", "GOR_CONTEXT": ""})):
            chosen = self.ok("context", "show", "--json", *args, **env).json
            self.assertEqual((chosen["host"], chosen["by"]), ("/nonexistent/" + wanted, by))
            self.refused(ctl.NO_DAEMON, "/nonexistent/" + wanted, args=("ls", *args), **env)
            self.refused(ctl.NO_DAEMON, "/nonexistent/" + wanted, args=(*args, "ls"), **env)
        self.refused(ctl.NO_DAEMON, "that of the context 'f'", self.path, "--context",
                     args=("--context", "f", "ls"))
        self.refused(ctl.USAGE, "leave one of them out", args=("ls", "-H", "x", "--context", "e"))
        self.refused(ctl.NOT_FOUND, "no context 'x'", "$GOR_CONTEXT", args=("ls",),
                     GOR_CONTEXT="x")
        self.ok("context", "use", "--none")
        self.assertEqual(self.ok("context", "show", "--json").json["by"], "the usual places")

    def test_current_that_is_not_there(self):
        self.write("current = gone\n[a]\nhost = x\n")
        self.refused(ctl.NOT_FOUND, "no context 'gone'", args=("ls",))
        self.ok("context", "use", "a")

    def test_what_is_before_it_is_told(self):
        self.write("[a]\nhost = x\n")
        result = self.run_it("context", "use", "a", GOR_HOST="y")
        self.assertEqual(result.code, 0)
        self.assertIn(b"unset GOR_HOST", result.err)


class Token(e2e.GordTest):
    """The context's token is that of its host, whatever $GOR_TOKEN says; --token-file is nearer."""

    options = ("--listen", "127.0.0.1:0")

    def test_token(self):
        port = re.search(r"listening on 127.0.0.1 port (\d+)", self.gord.stderr())[1]
        config = self.gord.folder + "/config"
        env = ctl.environment(XDG_CONFIG_HOME=config, GOR_TOKEN="wrong")
        added = ctl.run("context", "add", "local", "--host", "127.0.0.1:" + port, "--token-file",
                        self.gord.state + "/token", "--use", env=env)
        self.assertEqual(added.code, 0, added)
        self.assertEqual(ctl.run("ls", env=env).code, 0)
        self.assertEqual(ctl.run("ls", "-H", "127.0.0.1:" + port, env=env).code, ctl.DENIED)
        wrong = self.gord.folder + "/wrong"
        with open(wrong, "w", encoding="utf-8") as file:
            file.write("wrong\n")
        self.assertEqual(ctl.run("ls", "--token-file", wrong, env=env).code, ctl.DENIED)


if __name__ == "__main__":
    e2e.main()
