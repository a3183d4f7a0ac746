# SPDX-License-Identifier: MIT
"""Terminal is final: what has ended well never runs again, whatever happens to the daemon and to other
jobs, and what waited for it saw that end once."""

import os

import gor_e2e as e2e
import gorctl_e2e as ctl


class Final(ctl.GorctlTest):
    options = ("--exec-slots", "4")

    def ran(self):
        with open(os.path.join(self.gord.folder, "ran"), encoding="ascii") as file:
            return sorted(file.read().split())

    def program(self, *options):
        script = f"echo $GOR_JOB_ID >>{self.gord.folder}/ran"
        return self.submit(*options, "--shell", script)

    def ends(self, job):
        """How often its end is in its history."""
        return sum(event.state == e2e.TERMINATED for event in self.client.events(job))

    def restart(self, end):
        self.client.close()
        end()
        self.gord.start()
        type(self).client = self.gord.client()

    def test_what_has_ended_well_never_runs_again(self):
        again = ("--requeue", "--retries", "5")
        done = self.program(*again, "--on-stop", "requeue")
        after = self.program("--after", str(done))
        chance = self.program("--after", f"any:{done}?{after}")
        bad = self.submit("false")
        self.client.wait(done, after, chance, bad)
        self.gorctl("wait", "--quiet", str(bad))
        expected = sorted(map(str, (done, after, chance)))
        late = self.program("--hold", "--after", str(done))

        def check():
            for job in (done, after, chance):
                self.assertEqual(self.client.get(job).outcome, e2e.SUCCEEDED)
                self.assertEqual(self.ends(job), 1)
            self.assertEqual(self.ran(), expected)

        check()
        self.restart(self.gord.stop)
        check()
        self.restart(self.gord.kill)
        check()
        self.ok("drain")
        self.ok("undrain")
        self.ok("retry", "--outcome", "bad")
        self.client.wait(bad)
        self.ok("rm", str(bad))
        self.ok("pause")
        self.ok("resume")
        check()
        self.ok("release", str(late))
        self.assertEqual(self.client.wait(late).outcome, e2e.SUCCEEDED)
        expected.append(str(late))
        expected.sort()
        check()
        self.restart(self.gord.kill)
        check()


if __name__ == "__main__":
    e2e.main()
