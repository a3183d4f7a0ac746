# SPDX-License-Identifier: MIT
"""import_e2e - what the tests of gorctl import share: another daemon, files of lines, a last look."""

import json
import os

import gor_e2e as e2e
import gorctl_e2e as ctl


def without_seqs(lines):
    """Exported lines, but for the numbers that every daemon gives for itself."""
    out = []
    for line in lines:
        line = json.loads(json.dumps(line))
        if "job" in line:
            line["job"]["last_seq"] = 0
            for event in line["events"]:
                event["seq"] = 0
        elif "output" in line:
            line["output"]["next_offset"] = 0
        out.append(line)
    return out


class ImportTest(ctl.GorctlTest):
    options = ("--exec-slots", "2")

    def other(self, *options):
        """A daemon, empty, with its client."""
        return e2e.begin_gord(self, *options)

    def file(self, lines, name="jobs.ndjson"):
        path = os.path.join(self.gord.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            for line in lines:
                out.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
        return path

    def into(self, gord, path, *options, code=0):
        done = ctl.run("import", *options, path, host=gord.socket)
        if code is not None:
            self.assertEqual(done.code, code, done)
        return done

    def checked(self, gord, client):
        """Stop it; its store has nothing to complain of, and it starts again."""
        client.close()
        self.assertEqual(gord.stop(), 0)
        done = gord.check_store()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        gord.start()
        client = gord.client()
        self.addCleanup(client.close)
        return client
