# SPDX-License-Identifier: MIT
"""gorctl that looks on, at the daemon and its audit trail, goes on when that was away."""

import os
import signal

import gor_e2e as e2e
import gorctl_e2e as ctl
import onward_test


class Top(onward_test.GoingOn):
    def begin_top(self, *options):
        self.begin()
        screen = ctl.Terminal("top", "-d", "100ms", *options, host=self.gord.socket)
        self.addCleanup(screen.process.kill)
        screen.wait_for(self.serving())
        return screen

    def serving(self):
        """What tells this daemon from others."""
        return f"pid {self.gord.process.pid},".encode()

    def test_it_goes_on_over_restarts_and_upgrades(self):
        screen = self.begin_top()
        for how in (self.gord.kill, self.gord.stop):
            self.client.close()
            how()
            screen.wait_for(b"is away for")
            screen.wait_for(b"Goroutines")  # the last picture is still there
            self.gord.start()
            self.client = self.gord.client()
            screen.wait_for(self.serving())
        self.upgrade()
        job = self.client.exec("sleep", "1000", name="after-all-that")
        screen.wait_for(b"after-all-that")
        screen.type(b"q")
        self.assertEqual(screen.close(), (0, True))
        self.client.jobs("Cancel", ids=[job])

    def test_a_key_ends_it_while_the_daemon_is_away(self):
        screen = self.begin_top()
        self.client.close()
        self.gord.kill()
        screen.wait_for(b"is away for")
        screen.type(b"q")
        self.assertEqual(screen.close(), (0, True))
        self.gord.start()
        self.client = self.gord.client()

    def test_patience_has_an_end(self):
        for patience in ("300ms", "0s"):
            with self.subTest(patience=patience):
                screen = self.begin_top("--patience", patience)
                self.client.close()
                self.gord.kill()
                err = screen.process.stderr.read().decode()
                self.assertIn("does not answer any more", err)
                self.assertEqual(screen.close(), (ctl.NO_DAEMON, True))
                self.gord.start()
                self.client = self.gord.client()


class Audit(onward_test.GoingOn):
    def note(self, count):
        """So many lines, twice, by calls that change something."""
        for _ in range(count):
            job = self.client.native("builtin.echo", held=True)
            self.client.jobs("Cancel", ids=[job])

    def note_much(self, count):
        """So many lines of some 6 KB."""
        spec = self.client.native_spec("builtin.echo", held=True)
        spec.labels["text"] = "x" * 190
        for _ in range(count):
            self.client.jobs("SubmitMany", specs=[spec] * 20)

    def trail(self, *args):
        done = ctl.run("audit", "--json", *args, host=self.gord.socket)
        self.assertEqual(done.code, 0, done)
        return done.text.splitlines()

    def followed(self, process, code=-signal.SIGTERM):
        process.terminate()
        ended, out, err = self.end(process)
        self.assertEqual((ended, err), (code, ""))
        return out.splitlines()

    def test_following_goes_on_over_restarts_and_upgrades(self):
        self.begin()
        self.note(3)
        follow = self.gorctl("audit", "-f", "--json")
        for how in (self.gord.kill, None, self.gord.stop):
            self.note(5)
            self.seen(follow, self.trail()[-1])
            self.note(1)  # which it may have, or not
            if how is not None:
                self.restart(how)
            else:
                self.upgrade()
        self.note(2)
        all_of_it = self.trail()
        self.seen(follow, all_of_it[-1] + "\n")
        told = self.followed(follow)
        self.assertEqual(told[:len(all_of_it)], all_of_it)
        for line in told[len(all_of_it):]:
            self.assertIn("Store/Audit", line)  # that we have asked ourselves

    def test_a_picked_tail_and_what_follows(self):
        self.begin()
        self.note(10)
        follow = self.gorctl("audit", "-f", "-n", "2", "-m", "cancel")
        self.seen(follow, "METHOD")
        self.note(3)
        e2e.until(lambda: os.fstat(follow.texts[0].fileno()).st_size > 0
                  and self.shown(follow).count("Jobs/Cancel") == 5)
        self.restart(self.gord.kill)
        self.note(1)
        e2e.until(lambda: self.shown(follow).count("Jobs/Cancel") == 6)
        lines = self.followed(follow)
        self.assertEqual(len(lines), 7)  # one heading
        self.assertEqual([line.split()[0] for line in lines[1:]], sorted(
            line.split()[0] for line in lines[1:]))

    def shown(self, process):
        return os.pread(process.texts[0].fileno(), 1 << 20, 0).decode()

    def test_files_that_take_turns_meanwhile(self):
        self.begin("--audit-keep", "1048576")
        follow = self.gorctl("audit", "-f", "--json", "-m", "Submit")
        self.note_much(100)
        turned = os.path.join(self.gord.state, "audit.log.3")
        self.assertTrue(os.path.exists(turned))
        wanted = self.trail("-m", "Submit")
        self.assertEqual(len(wanted), 100)
        self.seen(follow, wanted[-1] + "\n")
        self.assertEqual(self.followed(follow), wanted)

    def test_who_does_not_read_is_let_go(self):
        self.begin("--audit-keep", "1048576")
        follow = self.gorctl_asks("audit", "-f", "--json")
        follow.send_signal(signal.SIGSTOP)
        self.note_much(320)  # more than is kept
        follow.send_signal(signal.SIGCONT)
        code, _, err = self.end(follow)
        self.assertEqual((code, "written faster than they are read" in err), (ctl.REFUSED, True), err)

    def test_bad_options(self):
        self.begin()
        done = ctl.run("audit", "-f", "--until", "today", host=self.gord.socket)
        self.assertEqual((done.code, b"exclude each other" in done.err), (ctl.USAGE, True), done)
        memory = e2e.Gord("--store=memory")
        self.addCleanup(memory.close)
        memory.start()
        done = ctl.run("audit", "-f", host=memory.socket)
        self.assertEqual((done.code, b"keeps no audit trail" in done.err), (ctl.USAGE, True), done)


if __name__ == "__main__":
    e2e.main()
