# SPDX-License-Identifier: MIT
"""gorctl's completion: what is offered, by gorctl itself and in real shells."""

import os
import pty
import select
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl

CONFIG = tempfile.TemporaryDirectory(prefix="gor-completion-")  # fish writes there
SHELLS = os.path.join(e2e.SOURCE, "client", "shells")


def environment(host=None, **more):
    """A machine that is busy must not make candidates go missing."""
    folder = os.path.dirname(e2e.GORCTL)
    more.setdefault("GOR_COMPLETE_TIMEOUT", f"{e2e.PATIENCE}s")
    more.setdefault("XDG_CONFIG_HOME", CONFIG.name)
    return ctl.environment(host, PATH=folder + ":" + os.environ["PATH"], **more)


def complete(*words, host=None, **more):
    """What to do, and {candidate: what is said about it}; nothing is ever said on stderr."""
    result = ctl.run("complete", "--", *words, env=environment(host, **more))
    assert (result.code, result.err) == (0, b""), result
    how, *lines = result.text.split("\n")[:-1] or [""]
    return how, dict(line.split("\t", 1) for line in lines)


class Tables(unittest.TestCase):
    """What gorctl knows without a daemon."""

    def offers(self, how, wanted, *words, exactly=False):
        got, candidates = complete(*words, host="/nonexistent/s")
        self.assertEqual(got, how, words)
        if exactly:
            self.assertEqual(list(candidates), wanted, words)
        else:
            self.assertLessEqual(set(wanted), set(candidates), words)

    def test_commands(self):
        self.offers("words", ["submit", "ls", "doctor", "context", "help"], "")
        self.offers("words", ["lua", "ls", "logs"], "l", exactly=True)
        self.offers("words", ["add", "ls", "show", "next", "run", "pause", "resume", "rm"],
                    "cron", "", exactly=True)
        self.offers("words", ["ls"], "queue", "l", exactly=True)
        self.offers("words", ["signal", "send", "show", "stats", "submit"], "help", "s")
        self.assertNotIn("complete", complete("")[1])

    def test_every_command_that_help_lists(self):
        listed = [line.split()[0] for line in ctl.run("help").text.split("\n")
                  if line.startswith("  ") and line[2:3].islower()
                  and not line.startswith("  gorctl")]
        self.assertGreater(len(listed), 40)
        self.assertEqual(sorted(set(listed)), sorted(complete("")[1]))

    def test_options(self):
        self.offers("words", ["--state", "--since", "--columns", "--json", "--host", "--context",
                              "--help"], "ls", "-")
        self.offers("words", ["--on-stop", "--on-stuck", "--on-finish", "--on-finish-url", "--output-max",
                              "--on-conflict"],
                    "submit", "--o", exactly=True)
        self.offers("words", ["--host", "--version", "--json"], "-")
        self.offers("words", ["--missed"], "cron", "add", "--mi", exactly=True)
        # An abbreviation that argp takes is understood.
        self.offers("nospace", ["terminated"], "ls", "--stat", "t", exactly=True)

    def test_values(self):
        self.offers("nospace", ["created", "runnable", "running", "waiting", "terminated"],
                    "ls", "--state", "", exactly=True)
        self.offers("nospace", ["--state=running,waiting"], "ls", "--state=running,w", exactly=True)
        self.offers("nospace", ["timed-out"], "history", "--outcome", "t", exactly=True)
        self.offers("nospace", ["exec", "native", "lua", "array"], "ls", "--kind", "", exactly=True)
        self.offers("nospace", ["--kind=exec,lua"], "cancel", "--kind=exec,l", exactly=True)
        self.offers("nospace", ["failed,bad"], "retry", "--outcome", "failed,b", exactly=True)
        self.offers("nospace", ["-oid,name"], "ls", "-oid,na", exactly=True)
        self.offers("nospace", ["mem=1,cpu="], "submit", "--limit", "mem=1,cpu", exactly=False)
        self.offers("words", ["skip", "replace", "queue", "fail"], "submit", "--on-conflict", "",
                    exactly=True)
        self.offers("words", ["kill", "wait", "requeue", "leave"], "submit", "--on-stop", "",
                    exactly=True)
        self.offers("words", ["report", "kill"], "submit", "--on-stuck", "", exactly=True)
        self.offers("nospace", ["ok:", "any:", "notok:", "start:", "corr:"], "submit", "--after", "",
                    exactly=True)
        self.offers("words", ["cpu", "block", "mutex", "goroutine"], "profile", "", exactly=True)
        self.offers("words", ["TERM", "TSTP", "TTIN", "TTOU", "TRAP"], "signal", "T")
        self.offers("words", ["Europe/Berlin"], "cron", "add", "--zone", "Europe/Ber", exactly=True)
        self.offers("words", [], "submit", "--priority", "", exactly=True)

    def test_files_and_commands(self):
        self.offers("files", [], "submit", "--input", "x")
        self.offers("files", [], "submit", "--input=x")
        self.offers("files", [], "lua", "")
        self.offers("files", [], "import", "--live", "hold", "")
        self.offers("folders", [], "submit", "-C", "")
        # Whatever follows is the program's, options too.
        for word in ("", "ls", "./x"):
            self.offers("command 2", [], "submit", word)
        self.offers("command 4", [], "run", "-q", "x", "ls", "-")
        self.offers("command 3", [], "run", "--", "ls", "--color=")
        self.offers("command 5", [], "cron", "add", "night", "@daily", "backup", "-")
        self.offers("command 7", [], "-H", "/s", "submit", "--timeout", "5s", "--", "a", "b")

    def test_nonsense_is_answered_with_nothing(self):
        for words in (("nonsense", ""), ("cron", "nonsense", ""), ("ls", "--nonsense", ""),
                      ("ls", "--nonsense=", ""), ("stats", ""), ("", "x", ""), ("ls", "\x1b", ""),
                      ("queue", "nonsense", ""), ("submit", "--after", "7", "--after=?,:", "-"),
                      ("complete", "--", "")):
            complete(*words, host="/nonexistent/s")
        self.assertEqual(ctl.run("complete").code, 0)

    @unittest.skipIf(e2e.SANITIZE, "a thousand processes")
    def test_every_option_and_argument_is_in_the_tables(self):
        """A new option needs a row that says what its values are, if only that they are free."""
        commands = [(name,) for name in complete("")[1]]
        commands += [("cron", verb) for verb in complete("cron", "")[1]]
        commands += [("context", verb) for verb in complete("context", "")[1]]
        for command in commands:
            if command in (("cron",), ("context",), ("help",)):
                continue
            usage = ctl.run(*command, "--help", host="/nonexistent/s").text
            for option in complete(*command, "--")[1]:
                if f"{option}=" in usage:
                    how, _ = complete(*command, option, "", host="/nonexistent/s")
                    self.assertNotEqual(how, "", f"{command} {option}")

    def test_every_word_offered_is_taken(self):
        cron = ("n", "@daily", "--", "true")
        for words, more in ((("ls", "--state"), ()), (("history", "--outcome"), ()),
                            (("ls", "-o"), ()), (("wait", "--for"), ("1",)), (("dump", "-s"), ()),
                            (("submit", "--on-conflict"), ("--unique", "x", "true")),
                            (("signal",), ("1",)), (("cron", "add", "--missed"), cron),
                            (("cron", "add", "--overlap"), cron), (("cron", "add", "--gap"), cron),
                            (("cron", "add", "--repeat"), cron), (("profile",), ("-o", "/dev/null")),
                            (("submit", "--signal"), ("true",)), (("completion",), ())):
            candidates = complete(*words, "")[1]
            self.assertGreater(len(candidates), 1, words)
            for word in list(candidates)[:5] if e2e.SANITIZE else candidates:
                result = ctl.run(*words, word, *more, host="/nonexistent/s")
                self.assertIn(result.code, (0, ctl.NO_DAEMON), f"{words} {word}: {result}")

    def test_daemon_that_never_answers_adds_nothing(self):
        folder = tempfile.mkdtemp(prefix="gor-", dir="/tmp")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(folder + "/s")
            sock.listen()
            for words in (("cancel", ""), ("submit", "-q", ""), ("cron", "show", "")):
                # With or without the word that says how candidates are to be taken.
                _, candidates = complete(*words, host=folder + "/s", GOR_COMPLETE_TIMEOUT="300ms")
                self.assertEqual(candidates, {}, words)
            # What is known without it is offered all the same.
            _, candidates = complete("submit", "--after", "", host=folder + "/s",
                                     GOR_COMPLETE_TIMEOUT={"": "1s", "thread": "15s"}.get(
                                         e2e.SANITIZE, "5s"))
            self.assertIn("any:", candidates)
        shutil.rmtree(folder)


class Daemon(ctl.GorctlTest):
    """What a daemon has now; and in the shells that are installed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run = lambda *args: ctl.run(*args, host=cls.gord.socket)
        run("queue", "create", "build", "1")
        run("queue", "create", "bulk")
        run("pool", "create", "licences", "3")
        run("cron", "add", "nightly", "0 3 * * *", "--", "true")
        cls.ended = run("submit", "-n", "over", "true").text.strip()
        cls.client.wait(int(cls.ended))
        cls.live = run("submit", "-n", "long: one", "-l", "team=x", "-l", "with space=a b", "--in",
                       "1h", "sleep", "60").text.strip()
        cls.config = os.path.join(cls.gord.folder, "config")
        ctl.run("context", "add", "here", "--host", cls.gord.socket,
                env=ctl.environment(XDG_CONFIG_HOME=cls.config))
        with open(os.path.join(cls.gord.folder, "report.txt"), "w", encoding="utf-8"):
            pass

    def offered(self, *words, **more):
        return complete(*words, host=self.gord.socket, **more)[1]

    def test_ids(self):
        self.assertEqual(list(self.offered("cancel", "")), [self.live])
        self.assertEqual(list(self.offered("rm", "")), [self.ended])
        self.assertEqual(list(self.offered("show", "")), [self.live, self.ended])
        # Jobs are handed in below one that lives, and looked for below any.
        self.assertEqual(list(self.offered("submit", "--parent", "")), [self.live])
        for command in ("ls", "cancel"):
            self.assertEqual(list(self.offered(command, "--parent", "")), [self.live, self.ended])
        self.assertIn("long: one  sleep 60", self.offered("signal", "TERM", "")[self.live])
        self.assertEqual(list(self.offered("submit", "--after", "ok:")),
                         ["ok:" + self.live, "ok:" + self.ended])

    def test_names(self):
        self.assertEqual(set(self.offered("submit", "-q", "b")), {"build", "bulk"})
        self.assertEqual(set(self.offered("queue", "set", "b")), {"build", "bulk"})
        self.assertEqual(set(self.offered("pause", "--queue=bui")), {"--queue=build"})
        self.assertEqual(set(self.offered("pool", "rm", "")), {"licences"})
        self.assertEqual(set(self.offered("run", "--token", "l")), {"licences"})
        self.assertEqual(set(self.offered("cron", "pause", "")), {"nightly"})
        self.assertEqual(set(self.offered("ls", "-l", "team")), {"team=x"})
        self.assertEqual(set(self.offered("update", "1", "--unset-label", "t")), {"team"})
        self.assertEqual(set(self.offered("ls", "--name", "")), {"long: one", "over"})
        self.assertIn("builtin.fib", self.offered("submit", "--native", "builtin.f"))

    def test_where_the_words_say_the_daemon_is(self):
        for words in (("-H", self.gord.socket, "cancel", ""), ("cancel", "-H", self.gord.socket, ""),
                      ("--host=" + self.gord.socket, "cancel", "")):
            self.assertEqual(list(complete(*words, host="/nonexistent/s")[1]), [self.live], words)
        self.assertEqual(list(complete("--context", "here", "cancel", "", host="/nonexistent/s",
                                       XDG_CONFIG_HOME=self.config)[1]), [self.live])
        self.assertEqual(complete("--context", "h", XDG_CONFIG_HOME=self.config),
                         ("words", {"here": self.gord.socket}))

    # ------------------------------------------------------------- shells

    def bash(self, *words):
        """COMPREPLY after those words, as bash itself cuts them; the last is at the cursor."""
        script = ('source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; shift 2; COMP_WORDS=("$@"); '
                  'COMP_CWORD=$(($# - 1)); _gorctl; printf "%s\\n" "${COMPREPLY[@]}"')
        pieces = [p for word in words for p in self.pieces(word)]
        done = subprocess.run(["bash", "--norc", "-c", script, "bash", SHELLS + "/gorctl.bash",
                               " ".join(words), *pieces], capture_output=True, timeout=e2e.PATIENCE,
                              env=environment(self.gord.socket), check=False,
                              cwd=self.gord.folder)
        self.assertEqual(done.stderr, b"")
        return sorted(done.stdout.decode().split("\n")[:-1])

    @staticmethod
    def pieces(word):
        for mark in "=:":
            word = word.replace(mark, f"\0{mark}\0")
        return [p for p in word.split("\0") if p] or [""]

    def test_bash(self):
        self.assertEqual(self.bash("gorctl", "que"), ["queue", "queues"])
        self.assertEqual(self.bash("gorctl", "ls", "--state", "t"), ["terminated"])
        self.assertEqual(self.bash("gorctl", "ls", "--state=run"), ["runnable", "running"])
        self.assertEqual(self.bash("gorctl", "cancel", ""), [self.live])
        self.assertEqual(self.bash("gorctl", "submit", "-q", "bui"), ["build"])
        self.assertEqual(self.bash("gorctl", "submit", "--after=ok:"), [self.ended, self.live])
        self.assertEqual(self.bash("gorctl", "ls", "-l", "team="), ["x"])
        self.assertEqual(self.bash("gorctl", "submit", "--input=rep"), ["report.txt"])
        self.assertEqual(self.bash("gorctl", "lua", "rep"), ["report.txt"])
        self.assertEqual(self.bash("gorctl", "run", "gorct"), ["gorctl"])

    @unittest.skipUnless(shutil.which("bash"), "no bash")
    def test_bash_at_a_prompt(self):
        """The tab key, pressed."""
        shell = Prompt(["bash", "--norc", "--noprofile", "-i"], environment(self.gord.socket,
                                                                           TERM="dumb", PS1="> "))
        shell.type(f"source {SHELLS}/gorctl.bash; echo rea''dy\n")
        shell.wait_for("ready")
        shell.type("gorctl submit -q bui\t")
        shell.wait_for("build ")
        shell.type("--state=\x15gorctl ls --state=ter\t")
        shell.wait_for("--state=terminated")
        shell.close()

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh(self):
        folder = os.path.join(self.gord.folder, "z")
        os.mkdir(folder)
        shutil.copy(SHELLS + "/gorctl.zsh", folder + "/_gorctl")
        shell = Prompt(["zsh", "-f", "-i"], environment(self.gord.socket, TERM="dumb", PS1="> ",
                                                        HOME=self.gord.folder))
        shell.type(f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; "
                   "echo rea''dy\n")
        shell.wait_for("ready")
        for typed, wanted in (("gorctl submit -q bui\t", "build"),
                              ("gorctl ls --state=ter\t", "--state=terminated"),
                              ("gorctl ls --columns id,inv\t", "id,involuntary"),
                              ("gorctl signal TERM \t", "TERM " + self.live),
                              ("gorctl que\t\t", "pools of tokens"),
                              (f"gorctl lua {self.gord.folder}/rep\t", "report.txt"),
                              ("gorctl run -q bulk gorct\t", "gorctl")):
            shell.type(typed)
            shell.wait_for(wanted)
            shell.type("\x15")
        shell.close()

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish(self):
        def fish(line):
            done = subprocess.run(
                ["fish", "--no-config", "-c", f"source {SHELLS}/gorctl.fish; complete -C $argv[1]",
                 line], capture_output=True, timeout=e2e.PATIENCE, check=False,
                env=environment(self.gord.socket, HOME=self.gord.folder), cwd=self.gord.folder)
            return dict((line + "\t").split("\t")[:2] for line in
                        done.stdout.decode().split("\n")[:-1])

        self.assertEqual(set(fish("gorctl que")), {"queue", "queues"})
        self.assertEqual(fish("gorctl que")["queues"], "queues, pools of tokens and rates")
        self.assertEqual(set(fish("gorctl ls --state=run")),
                         {"--state=runnable", "--state=running"})
        self.assertEqual(set(fish("gorctl cancel ")), {self.live})
        self.assertEqual(set(fish("gorctl submit --after=ok:")),
                         {"--after=ok:" + self.live, "--after=ok:" + self.ended})
        self.assertEqual(set(fish("gorctl lua rep")), {"report.txt"})
        self.assertEqual(set(fish("gorctl submit --input=rep")), {"--input=report.txt"})
        self.assertIn("gorctl", fish("gorctl run -q bulk gorct"))

    def test_the_scripts_are_what_gorctl_prints(self):
        for shell in ("bash", "zsh", "fish"):
            with open(f"{SHELLS}/gorctl.{shell}", "rb") as file:
                self.assertEqual(self.ok("completion", shell).out, file.read())
        self.refused(ctl.USAGE, "bash, zsh or fish", "completion")
        self.refused(ctl.USAGE, "'sh' is not bash, zsh or fish", "completion", "sh")


class Prompt:
    """A shell on a terminal."""

    def __init__(self, command, env):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, env)
        self.text = ""

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def wait_for(self, text):
        end = time.monotonic() + e2e.PATIENCE
        while text not in self.text:
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {text!r} on the terminal:\n{self.text!r}")
            self.text += os.read(self.terminal, 65536).decode(errors="replace")
        self.text = self.text.partition(text)[2]

    def close(self):
        self.type("\x15exit\n")
        try:
            while os.read(self.terminal, 65536):
                pass
        except OSError:
            pass
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


if __name__ == "__main__":
    e2e.main()
