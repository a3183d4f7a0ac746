# SPDX-License-Identifier: MIT
"""gorctl backup: a copy of everything as of one moment, taken while the daemon works, that restores."""

import os
import subprocess
import tarfile
import threading
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION if grpc else None


def restore(folder, archive):
    """A daemon, not started, on what the archive has."""
    gord = e2e.Gord()
    os.mkdir(gord.state, 0o700)
    done = subprocess.run(["tar", "-xf", archive, "-C", gord.state], capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    done = gord.check_store()
    assert done.returncode == 0, done.stdout
    return gord


class Backup(ctl.GorctlTest):
    options = ("--log-cap", "64K", "--exec-slots", "2")

    def backup(self, *options):
        path = os.path.join(self.gord.folder, "backup.tar")
        if os.path.exists(path):
            os.unlink(path)
        self.ok("backup", *options, path)
        return path

    def test_all_of_it_comes_back(self):
        good = self.client.exec("sh", "-c", "echo out; echo err >&2", labels={"a": "b"})
        long = self.client.exec("sh", "-c", "seq 100000; exit 3")
        self.client.wait(good, long)
        self.addCleanup(self.ok, "cancel", "--all")
        running = self.client.exec("sh", "-c", "echo runs; sleep 1000")
        next(self.client.jobs("Logs", id=running, follow=True))
        self.client.wait_process(running)
        self.client.exec("sleep", "1000")
        queued = self.client.exec("echo", "later")
        archive = self.backup()
        gord = restore(self.gord.folder, archive)
        self.addCleanup(gord.close)
        gord.start()
        copy = gord.client()
        for job_id in (good, long):
            self.assertEqual(str(copy.get(job_id)), str(self.client.get(job_id)))
            self.assertEqual(str(copy.events(job_id)), str(self.client.events(job_id)))
            self.assertEqual(copy.logs(job_id), self.client.logs(job_id))
        # What ran there is not here, and goes on there.
        self.assertEqual(copy.wait(running).outcome, e2e.LOST)
        self.assertEqual(copy.logs(running, 1), b"runs\n")
        self.assertEqual(copy.wait(queued).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.client.get(running).state, e2e.RUNNING)
        self.assertGreater(copy.native("builtin.echo"), queued)
        copy.close()
        self.assertEqual(gord.stop(), 0)

    def test_jobs_that_wait_go_on_waiting_there(self):
        hour = 3600 * e2e.SECOND
        done = self.client.exec("true")
        held = self.client.exec("true", held=True, unique_key="one of these")
        soon = self.client.exec("true", delay_ns=hour)
        clauses = [self.client.message("AnyOf", of=[self.client.message("Dependency", id=job)])
                   for job in (done, held)]
        after = self.client.exec("true", after=clauses)
        retry = self.client.message("RetryPolicy", retries=1, backoff_ns=hour)
        again = self.client.exec("sh", "-c", "echo out; exit 1", retry=retry)
        self.client.wait_state(again, e2e.WAITING)
        gord = restore(self.gord.folder, self.backup())
        self.addCleanup(gord.close)
        gord.start()
        copy = gord.client()
        for job in (held, soon, after, again):
            self.assertEqual(copy.get(job).state, self.client.get(job).state)
        self.assertEqual(b"".join(c.data for c in copy.jobs("Logs", id=again)), b"out\n")
        same = copy.jobs("Submit", spec=copy.exec_spec("true", unique_key="one of these"))
        self.assertEqual((same.id, same.existing), (held, True))
        copy.jobs("Release", ids=[held])
        self.assertEqual([j.outcome for j in copy.wait(held, after)], [e2e.SUCCEEDED] * 2)
        copy.close()
        self.assertEqual(gord.stop(), 0)
        lines = {line["job"]["id"]: line for line in self.ok("export", "--from-id", str(done)).lines}
        self.assertEqual(lines[again]["job"]["attempt"], 1)
        self.assertEqual(lines[held]["job"]["spec"]["held"], True)
        self.assertIn("retry 1 of 1", str(lines[again]["events"]))
        self.client.jobs("Cancel", ids=[held, soon, after, again])

    def test_it_is_sound_while_much_is_written(self):
        stop = threading.Event()
        client = self.gord.client()

        def work():
            while not stop.is_set():
                specs = [client.native_spec("builtin.echo", "x") for _ in range(500)]
                reply = client.jobs("SubmitMany", specs=specs)
                client.wait(*range(reply.first_id, reply.first_id + reply.count))

        worker = threading.Thread(target=work)
        worker.start()
        try:
            acknowledged = self.client.native("builtin.echo")
            for _ in range(3):
                gord = restore(self.gord.folder, self.backup("--without-output"))
                with tarfile.open(os.path.join(self.gord.folder, "backup.tar")) as archive:
                    self.assertEqual(archive.getnames(), ["gord.db"])
                gord.start()
                copy = gord.client()
                copy.get(acknowledged)  # what was acknowledged before is in it
                copy.close()
                gord.stop()
                gord.close()
                acknowledged = self.client.native("builtin.echo")
        finally:
            stop.set()
            worker.join()
            client.close()

    def test_tar_of_many_outputs_is_read_by_others(self):
        ids = [self.client.exec("sh", "-c", f"head -c {size} /dev/zero")
               for size in (1, 487, 488, 489, 1000, 40000)]
        self.client.wait(*ids)
        with tarfile.open(self.backup()) as archive:
            members = {m.name: m for m in archive.getmembers()}
            for job_id in ids:
                name = f"logs/{job_id // 1024}/{job_id}.log"
                with open(os.path.join(self.gord.state, name), "rb") as file:
                    self.assertEqual(archive.extractfile(members[name]).read(), file.read())
        self.assertEqual([n for n in os.listdir(self.gord.state) if n.startswith("backup")], [])

    def test_export_has_every_job_with_its_history(self):
        ids = [self.submit("--name", f"n{i}", "--label", "a=b", "--shell", f"exit {i % 3}")
               for i in range(30)]
        self.client.wait(*ids)
        lines = {line["job"]["id"]: line for line in self.ok("export").lines}
        for job_id in ids:
            line = lines[job_id]
            self.assertEqual(line["job"], self.ok("show", "--json", "--env",
                                                  str(job_id)).json["job"])
            self.assertEqual([e["seq"] for e in line["events"]],
                             [e.seq for e in self.client.events(job_id)])
        self.assertEqual(sorted(lines), list(lines))
        some = [line["job"]["id"] for line in self.ok("export", "--from-id", str(ids[20])).lines]
        self.assertEqual(some[:10], ids[20:])

    def test_wrong_words_and_a_full_output(self):
        self.refused(ctl.USAGE, "into which file?", "backup")
        self.refused(ctl.OUTPUT, "cannot write /nowhere/b.tar", "backup", "/nowhere/b.tar")
        out = self.gorctl("backup", "-")
        self.assertEqual(out.code, 0)
        self.assertEqual(out.out[257:262], b"ustar")


class InMemory(e2e.GordTest):
    options = ("--store", "memory")

    def test_there_is_nothing_to_copy(self):
        self.assertStatus(PRECONDITION, self.client.call, "Store", "Backup", text="in memory")


if __name__ == "__main__":
    e2e.main()
