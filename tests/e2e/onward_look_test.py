# SPDX-License-Identifier: MIT
"""gorctl that looks on, at the daemon and its audit trail, goes on when that was away."""

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


if __name__ == "__main__":
    e2e.main()
