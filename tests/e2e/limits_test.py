# SPDX-License-Identifier: MIT
"""What programs may have: limits of the caller's, limits asked for, and what holds them.

A control group to play with is made below the root of version 2, which takes a privileged user.
Where version 2 has no controllers (they may belong to version 1), limits cannot be held by groups
and those tests say so; everything else about groups is tested all the same.
"""

import os
import resource
import signal
import subprocess
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from exec_use_test import lives

HOLDS = {"mem": "memory", "cpu": "cpu", "pids": "pids"}


def cgroup_mount():
    """Where version 2 is mounted; None: nowhere."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            fields, _, kind = line.partition(" - ")
            if kind.startswith("cgroup2 "):
                return fields.split()[4]
    return None


class Group:
    """A control group of our own; `why` tells why there is none."""

    def __init__(self):
        self.path, self.why = None, ""
        mount = cgroup_mount()
        if mount is None:
            self.why = "there is no cgroup version 2"
            return
        path = os.path.join(mount, f"gor-test-{os.getpid()}")
        try:
            os.mkdir(path)
            self.path = path
        except OSError as error:
            self.why = f"cannot make {path}: {error.strerror}"

    def controllers(self):
        with open(os.path.join(self.path, "cgroup.controllers"), encoding="ascii") as file:
            return file.read().split()

    def remove(self):
        if self.path is None:
            return
        for folder, _, _ in os.walk(self.path, topdown=False):
            os.rmdir(folder)


class Rlimits(ctl.GorctlTest):
    options = ("--grace", "300ms", "--cgroup", "off")

    def output(self, job_id):
        self.client.wait(job_id)
        return self.client.logs(job_id, 1).decode()

    def test_the_callers_limits_go_along(self):
        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (77, 99))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_STACK, (4 << 20, resource.RLIM_INFINITY))
        job_id = self.submit("--", "sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -Ss; "
                             "ulimit -Hs", preexec_fn=lower)
        self.assertEqual(self.output(job_id).split(), ["77", "99", "0", "4096", "unlimited"])
        self.assertEqual(len(self.client.get(job_id).spec.exec.rlimits), 16)
        shown = self.ok("show", "--env", str(job_id)).text
        self.assertIn("nofile=77:99", shown)
        self.assertNotIn("nofile=77:99", self.ok("show", str(job_id)).text)

    def test_a_client_without_limits_leaves_the_daemons(self):
        job_id = self.client.exec("sh", "-c", "ulimit -Sn")
        self.assertEqual(self.output(job_id).split(),
                         [str(resource.getrlimit(resource.RLIMIT_NOFILE)[0])])

    def test_limits_asked_for_win(self):
        job_id = self.submit("--limit", "nofile=50:60,fsize=1M", "--limit", "core=0", "--",
                             "sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -f; ulimit -c")
        self.assertEqual(self.output(job_id).split(), ["50", "60", "2048", "0"])
        events = [e.reason for e in self.client.events(job_id)]
        self.assertIn("limits: nofile 50, fsize 1048576, core 0", events)
        self.assertIn("nofile=50:60,fsize=1M,core=0", self.ok("show", str(job_id)).text)

    def test_limits_that_signal(self):
        path = os.path.join(self.gord.folder, "large")
        job_id = self.submit("--limit", "fsize=4K,core=0", "--", "dd", "if=/dev/zero",
                             "of=" + path, "bs=8192", "count=2")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal), (e2e.SIGNALED, signal.SIGXFSZ))
        job_id = self.submit("--limit", "cputime=1s:5s,core=0", "--", "sh", "-c", "while :; do :; done")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal), (e2e.SIGNALED, signal.SIGXCPU))

    def test_memory_without_a_group_is_address_space(self):
        job_id = self.submit("--limit", "mem=300M,cpu=1.5,pids=100", "--", "/usr/bin/python3",
                             "-c", "b = bytearray(400 << 20)")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.exit_code), (e2e.FAILED, 1))
        self.assertIn(b"MemoryError", self.client.logs(job_id, 2))
        self.assertIn("limits: memory 314572800 as address space of each process, cpu 1.5 not "
                      "held, pids 100 not held (control groups are off (--cgroup=off))",
                      [e.reason for e in self.client.events(job_id)])

    def test_strict_limits_that_cannot_be_held_are_refused(self):
        for limit in ("mem=1G", "cpu=1", "pids=5"):
            told = self.refused(ctl.USAGE, "control groups are off", "submit", "--limit", limit,
                                "--limit-strict", "true")
            self.assertRegex(told.err.decode(), r"gorctl: --limit: strict ones must hold, but a "
                             rf".* \({limit.partition('=')[0]}\) cannot be held for all of the job")
        job_id = self.submit("--limit", "nofile=50", "--limit-strict", "true")
        self.assertEqual(self.client.wait(job_id).outcome, e2e.SUCCEEDED)
        # The kernel refuses more descriptors than fs.nr_open.
        job_id = self.submit("--limit", "nofile=4000000000", "--limit-strict", "true")
        job = self.client.wait(job_id)
        self.assertEqual(job.outcome, e2e.SPAWN_ERROR)
        self.assertIn("the limit 'nofile' cannot be set", job.detail)
        job_id = self.submit("--limit", "nofile=4000000000", "true")
        self.assertEqual(self.client.wait(job_id).outcome, e2e.SUCCEEDED)

    def test_cpus_and_turns(self):
        ours = sorted(os.sched_getaffinity(0))
        job_id = self.submit("--limit", f"cpus={ours[-1]}", "--nice", "5", "--ionice", "idle",
                             "--limit-strict", "--", "sh", "-c", "nice; ionice; "
                             "grep Cpus_allowed_list /proc/self/status")
        self.assertEqual(self.output(job_id), f"5\nidle\nCpus_allowed_list:\t{ours[-1]}\n")
        self.assertIn(f"limits: cpus {ours[-1]} as affinity of each process, nice 5, ionice idle",
                      [e.reason for e in self.client.events(job_id)])
        shown = self.ok("show", str(job_id)).text
        for line in (f"Limits      cpus={ours[-1]} (strict)", "Nice        5", "Ionice      idle"):
            self.assertIn(line, shown)
        line = b'{"argv": ["sh", "-c", "nice; ionice"], "nice": 3, "ionice": "best-effort:6"}\n'
        job_id = int(self.ok("submit", "--from", "-", stdin=line).out)
        self.assertEqual(self.output(job_id), "3\nbest-effort: prio 6\n")

    def test_cpus_and_turns_that_cannot_be_had(self):
        self.refused(ctl.USAGE, "there is no CPU 1023", "submit", "--limit", "cpus=0,1023",
                     "--limit-strict", "true")
        job_id = self.submit("--limit", "cpus=1023,io-weight=50", "true")
        self.assertEqual(self.client.wait(job_id).outcome, e2e.SUCCEEDED)
        held = [e.reason for e in self.client.events(job_id) if e.reason.startswith("limits:")]
        self.assertIn("limits: io weight 50 not held, cpus 1023 not held (", held[0])
        self.refused(ctl.USAGE, "io_weight cannot be held", "submit", "--limit", "io-weight=50",
                     "--limit-strict", "true")
        for option, value in (("--nice", "20"), ("--ionice", "idle:3"), ("--ionice", "often")):
            self.refused(ctl.USAGE, f"{option} is '{value}'", "submit", option, value, "true")
        self.refused(ctl.USAGE, "for programs", "submit", "--nice", "3", "--native",
                     "builtin.echo")

    @unittest.skipUnless(os.geteuid() != 0 or subprocess.run(
        ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice", "true"],
        check=False, capture_output=True).returncode == 0, "cannot give up a capability")
    def test_a_turn_before_others_takes_a_right(self):
        gord, client = e2e.begin_gord(self, "--cgroup", "off", kind=lambda *options: e2e.Gord(
            *options, **self.without_nice()))
        for strict in (True, False):
            spec = client.exec_spec("true")
            spec.exec.nice = -5
            spec.exec.limits.strict = strict
            job = client.wait(client.submit(spec))
            if strict:
                self.assertEqual(job.outcome, e2e.SPAWN_ERROR)
                self.assertIn("nice cannot be set as asked (it is strict): Permission denied",
                              job.detail)
            else:
                self.assertEqual(job.outcome, e2e.SUCCEEDED)
                self.assertIn("limits: nice -5 not held",
                              [e.reason for e in client.events(job.id)])

    @staticmethod
    def without_nice():
        """How to begin a daemon that may not give others a turn before all."""
        if os.geteuid() != 0:
            return {}
        return {"wrap": ("setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice")}

    def test_limits_are_checked(self):
        make = self.client.message
        for field, value in (("nice", 20), ("nice", -21), ("io_class", 4), ("io_level", 1)):
            spec = self.client.exec_spec("true")
            setattr(spec.exec, field, value)
            self.assertStatus(e2e.grpc.StatusCode.INVALID_ARGUMENT, self.client.submit, spec,
                              text=f"spec.exec.{field}")
        wrong = [make("Limits", cpus="0-"), make("Limits", cpus="1024"),
                 make("Limits", io_weight=10001),
                 make("Limits", memory_bytes=1), make("Limits", cpu_milli=9),
                 make("Limits", cpu_milli=10000001),
                 make("Limits", rlimits=[make("Rlimit", resource=0)]),
                 make("Limits", rlimits=[make("Rlimit", resource=17)]),
                 make("Limits", rlimits=[make("Rlimit", resource=10, soft_plus_1=0,
                                              hard_plus_1=5)]),
                 make("Limits", rlimits=[make("Rlimit", resource=10)] * 17)]
        for limits in wrong:
            spec = self.client.exec_spec("true")
            spec.exec.limits.CopyFrom(limits)
            self.assertStatus(e2e.grpc.StatusCode.INVALID_ARGUMENT, self.client.submit, spec,
                              text="spec.exec.limits")
        each_once = ",".join(map(str, range(1024)))
        self.ok("submit", "--dry-run", "--limit", f"cpus={each_once}", "true")
        self.refused(ctl.USAGE, f"cpus has {len(each_once) + 98} bytes; a list takes 4095 at most",
                     "submit", "--limit", f"cpus={each_once}{',0' * 49}", "true")
        for text in ("mem", "bogus=1", "nofile=x"):
            self.refused(ctl.USAGE, "--limit: ", "submit", "--limit", text, "true")
        self.refused(ctl.USAGE, "for programs", "submit", "--limit", "mem=1G", "--native",
                     "builtin.echo")
        self.refused(ctl.USAGE, "no limit 'bogus'", "submit", "--from", "-",
                     stdin=b'{"argv": ["true"], "limit": "bogus=1"}\n')
        job_id = int(self.ok("submit", "--from", "-", stdin=b'{"argv": ["sh", "-c", "ulimit -n"], '
                             b'"limit": "nofile=44", "limit_strict": true}\n').out)
        self.assertEqual(self.output(job_id), "44\n")


class Groups(ctl.GorctlTest):
    @classmethod
    def setUpClass(cls):
        cls.group = Group()
        if cls.group.path is None:
            raise unittest.SkipTest(cls.group.why)
        cls.options = ("--grace", "300ms", "--cgroup", cls.group.path)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.group.remove()

    def folder(self, job_id):
        return os.path.join(self.group.path, "jobs", str(job_id))

    def need(self, limit):
        if HOLDS[limit] not in self.group.controllers():
            self.skipTest(f"cgroup version 2 has no controller '{HOLDS[limit]}' here")

    def read(self, job_id, file):
        with open(os.path.join(self.folder(job_id), file), encoding="ascii") as opened:
            return opened.read()

    def begin(self, script, limit="pids=1000"):
        """A job that has printed something, and what."""
        job_id = self.submit("--limit", limit, "--", "sh", "-c", script)
        for chunk in self.client.jobs("Logs", id=job_id, follow=True):
            return job_id, chunk.data.decode().split()
        raise AssertionError("the job wrote nothing")

    def test_a_job_with_limits_has_a_group_and_takes_it_along(self):
        job_id, words = self.begin("grep ^0:: /proc/self/cgroup; sleep 1000")
        self.assertTrue(words[0].endswith(f"/jobs/{job_id}"), words)
        self.client.jobs("Cancel", ids=[job_id])
        self.client.wait(job_id)
        self.assertFalse(os.path.exists(self.folder(job_id)))

    def test_a_job_without_limits_has_none(self):
        job_id = self.submit("--limit", "nofile=50", "--", "grep", "^0::", "/proc/self/cgroup")
        self.client.wait(job_id)
        self.assertNotIn(b"/jobs/", self.client.logs(job_id, 1))

    def test_nobody_escapes_a_group(self):
        # In a session of its own, without our word in its environment, its parent gone.
        job_id, words = self.begin("env -i setsid sh -c 'exec sleep 1000' >/dev/null 2>&1 & "
                                   "echo $!; sleep 1000")
        self.client.jobs("Cancel", ids=[job_id])
        self.client.wait(job_id)
        self.assertFalse(lives(int(words[0])))
        self.assertFalse(os.path.exists(self.folder(job_id)))

    def test_a_group_is_frozen_and_thawed(self):
        job_id, _ = self.begin("echo ready; sleep 1000")
        self.assertEqual(self.ok("pause", str(job_id)).text, f"{job_id}  paused\n")
        self.assertEqual(self.read(job_id, "cgroup.freeze"), "1\n")
        self.assertEqual(self.ok("resume", str(job_id)).text, f"{job_id}  resumed\n")
        self.assertEqual(self.read(job_id, "cgroup.freeze"), "0\n")
        self.ok("pause", str(job_id))
        self.client.jobs("Cancel", ids=[job_id])
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal), (e2e.CANCELLED, signal.SIGTERM))

    def test_a_frozen_job_can_be_killed(self):
        job_id, _ = self.begin("trap '' TERM; echo ready; while :; do sleep 1; done")
        self.ok("pause", str(job_id))
        self.ok("signal", "KILL", str(job_id))
        self.assertEqual(self.client.wait(job_id).signal, signal.SIGKILL)

    def test_use_is_that_of_the_group(self):
        # What is not waited for by anybody counts too.
        job_id, _ = self.begin(
            "env -i setsid /usr/bin/python3 -c 'import time\nend = time.process_time() + 0.2\n"
            "while time.process_time() < end: pass\nprint(1, flush=True)\ntime.sleep(1000)' & wait")
        self.client.jobs("Cancel", ids=[job_id])
        self.client.wait(job_id)
        use = self.client.get(job_id).use
        self.assertGreater(use.user_ns + use.system_ns, 200_000_000)

    def test_what_a_dead_daemon_left_is_ended(self):
        group = Group.__new__(Group)
        group.path = os.path.join(self.group.path, "other")
        os.mkdir(group.path)
        gord = e2e.Gord("--cgroup", group.path)
        try:
            client = gord.start().client()
            spec = client.exec_spec("sh", "-c", "env -i setsid sleep 1000 >/dev/null 2>&1 & "
                                    "echo $!; sleep 1000")
            spec.exec.limits.processes = 1000
            job_id = client.submit(spec)
            for chunk in client.jobs("Logs", id=job_id, follow=True):
                pid = int(chunk.data)
                break
            client.close()
            gord.kill()
            self.assertTrue(lives(pid))
            client = gord.start().client()
            self.assertEqual(client.get(job_id).outcome, e2e.LOST)
            e2e.until(lambda: not lives(pid))
            self.assertEqual(os.listdir(os.path.join(group.path, "jobs"))
                             .count(str(job_id)), 0)
            client.close()
            self.assertEqual(gord.stop(), 0)
        finally:
            gord.close()
            group.remove()

    def test_memory_of_a_group_and_what_becomes_of_who_wants_more(self):
        self.need("mem")
        job_id = self.submit("--limit", "mem=50M", "--limit-strict", "--", "/usr/bin/python3",
                             "-c", "b = bytearray(100 << 20)")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal), (e2e.OOM_KILLED, signal.SIGKILL))
        self.assertIn("52428800 bytes", job.detail)
        self.assertEqual(self.gorctl("wait", str(job_id)).code, 137)
        use = self.client.get(job_id).use
        self.assertFalse(use.peak_is_bound)
        self.assertLessEqual(use.peak_memory_bytes, 50 << 20)

    def test_processes_of_a_group(self):
        self.need("pids")
        job_id = self.submit("--limit", "pids=3", "--", "sh", "-c",
                             "for i in 1 2 3 4 5; do sleep 0.1 & done; wait")
        self.client.wait(job_id)
        self.assertIn(b"fork", self.client.logs(job_id, 2))
        self.assertEqual(self.client.get(job_id).use.peak_processes, 3)

    def test_cpu_time_of_a_group(self):
        self.need("cpu")
        job_id, _ = self.begin("echo ready; while :; do :; done", "cpu=0.25")
        self.assertEqual(self.read(job_id, "cpu.max"), "25000 100000\n")
        self.client.jobs("Cancel", ids=[job_id])
        self.client.wait(job_id)


class Wrong(unittest.TestCase):
    def test_a_group_that_cannot_be_used_is_an_error(self):
        for where, text in (("/tmp", "none of version 2"), ("/no/such", "No such file")):
            gord = e2e.Gord("--cgroup", where, notify=False)
            try:
                gord.launch()
                self.assertEqual(gord.process.wait(e2e.PATIENCE), 1)
                self.assertIn(text, gord.stderr())
            finally:
                gord.close()
        done = subprocess.run(e2e.gord_command("--cgroup", "here"), capture_output=True,
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"--cgroup is 'here'", done.stderr)


if __name__ == "__main__":
    e2e.main()
