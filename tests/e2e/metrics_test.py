# SPDX-License-Identifier: MIT
"""Metrics: what gord tells Prometheus, by gorctl and over HTTP, and who may disturb whom there."""

import os
import re
import socket
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.request

import gor_e2e as e2e
import prometheus
from prometheus import Metrics

# What dashboards for Go programs and for processes in general ask for, as far as it means something
# here.
DASHBOARDS = """
go_goroutines go_threads go_sched_gomaxprocs_threads go_sched_goroutines_goroutines
go_sched_latencies_seconds_bucket go_sched_latencies_seconds_sum go_sched_latencies_seconds_count
go_sched_pauses_stopping_other_seconds_bucket go_sched_pauses_total_other_seconds_bucket
go_sync_mutex_wait_total_seconds_total go_memory_classes_heap_stacks_bytes
go_memstats_stack_inuse_bytes
process_cpu_seconds_total process_resident_memory_bytes process_virtual_memory_bytes
process_virtual_memory_max_bytes process_start_time_seconds process_open_fds process_max_fds
""".split()


class MetricsTest(e2e.GordTest):
    options = ("--metrics-listen", "127.0.0.1:0", "--exec-slots", "2", "--native-slots", "3")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port = prometheus.port_of(cls.gord)

    def get(self, path="/metrics", method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        return urllib.request.urlopen(request, timeout=e2e.PATIENCE)

    def scrape(self):
        return prometheus.scrape(self.port)

    def scrape_until(self, holds):
        """The first answer that `holds` of; they are given again for a quarter of a second."""
        return prometheus.scrape_until(self.port, holds)

    def gorctl(self, *args):
        done = subprocess.run([e2e.GORCTL, *args], capture_output=True, text=True, check=False,
                              timeout=e2e.PATIENCE,
                              env=dict(os.environ, GOR_HOST=self.gord.socket))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout


class Contents(MetricsTest):
    def test_form_and_names(self):
        for name, text in (("HTTP", self.scrape().text), ("gorctl", self.gorctl("metrics"))):
            with self.subTest(by=name):
                metrics = Metrics(text)
                prometheus.check_form(self, metrics)
                self.assertLessEqual(set(DASHBOARDS), metrics.names())
                self.assertNotIn("go_info", metrics.names())

    def test_both_ways_tell_the_same_names(self):
        self.assertEqual(self.scrape().names(), Metrics(self.gorctl("metrics")).names())

    def test_jobs_are_counted(self):
        before = self.scrape()
        self.client.wait(self.client.native("builtin.echo"), self.client.native("builtin.fail", 1),
                         self.client.exec("sh", "-c", "exit 3"))
        after = self.scrape_until(
            lambda m: m("gord_jobs_submitted_total") >= before("gord_jobs_submitted_total") + 3)

        def grown(name, **labels):
            return after(name, **labels) - before(name, **labels)

        self.assertEqual(grown("gord_jobs_submitted_total"), 3)
        self.assertEqual(grown("gord_jobs_ended_total", outcome="succeeded"), 1)
        self.assertEqual(grown("gord_jobs_ended_total", outcome="failed"), 2)
        self.assertEqual(grown("gord_jobs", state="terminated"), 3)
        self.assertGreaterEqual(grown("go_sched_goroutines_created_goroutines_total"), 3)
        self.assertGreaterEqual(grown("gord_store_rows_total"), 3)
        self.assertGreaterEqual(grown("gord_rpc_calls_total"), 4)
        self.assertGreaterEqual(after("gord_heap_held_bytes"), after("gord_heap_used_bytes"))
        if not e2e.SANITIZE:
            self.assertGreater(after("gord_heap_used_bytes"), 10_000)
        for family in before.families:
            if family.type == "counter":
                for sample in family.samples:
                    self.assertGreaterEqual(after(sample.name, **sample.labels), sample.value)

    def test_queue_and_slots(self):
        ids = [self.client.native("builtin.sleep", "1h") for _ in range(5)]
        for job_id in ids[:3]:
            self.client.wait_state(job_id, e2e.RUNNING, e2e.WAITING)
        metrics = self.scrape_until(lambda m: m("gord_queued_jobs", kind="native") == 2)
        self.assertEqual(metrics("gord_slots", kind="native"), 3)
        self.assertEqual(metrics("gord_slots_taken", kind="native"), 3)
        self.assertEqual(metrics("gord_slots", kind="exec"), 2)
        self.assertEqual(metrics("gord_queued_jobs", kind="exec"), 0)
        self.assertGreaterEqual(metrics("go_goroutines"), 3)
        self.client.jobs("Cancel", ids=ids)
        self.client.wait(*ids)
        self.scrape_until(lambda m: m("gord_slots_taken", kind="native") == 0)

    def test_pause_is_told(self):
        self.assertEqual(self.scrape()("gord_paused"), 0)
        self.client.jobs("Pause")
        self.scrape_until(lambda m: m("gord_paused") == 1)
        self.client.jobs("Resume")
        self.scrape_until(lambda m: m("gord_paused") == 0)

    def test_process_is_the_daemon(self):
        metrics = self.scrape()
        pid = self.gord.process.pid
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            limit = re.search(r"Max open files\s+(\d+)", file.read())[1]
        self.assertEqual(metrics("process_max_fds"), float(limit))
        self.assertLess(abs(metrics("process_open_fds") - len(os.listdir(f"/proc/{pid}/fd"))), 20)
        self.assertLess(abs(time.time() - metrics("process_start_time_seconds")), 600)

    def test_gorctl_writes_a_file(self):
        path = os.path.join(self.gord.folder, "gord.prom")
        self.assertEqual(self.gorctl("metrics", "-o", path), "")
        with open(path, encoding="utf-8") as file:
            self.assertIn("gord_jobs", {n for n in Metrics(file.read()).names()})


class Http(MetricsTest):
    def raw(self, *pieces, patience=e2e.PATIENCE):
        """What a connection of its own answers to these bytes."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as raw:
            try:
                for piece in pieces:
                    raw.sendall(piece)
                while data := raw.recv(65536):
                    answer += data
            except (BrokenPipeError, ConnectionResetError):
                pass
        return answer

    def test_headers(self):
        with self.get() as reply:
            self.assertEqual(reply.headers["Content-Type"],
                             "text/plain; version=0.0.4; charset=utf-8")
            self.assertEqual(reply.headers["Connection"].lower(), "close")
            self.assertEqual(int(reply.headers["Content-Length"]), len(reply.read()))
        with self.get(method="HEAD") as reply:
            self.assertEqual((reply.status, reply.read()), (200, b""))

    def test_other_requests_are_refused(self):
        for path, method, code in (("/", "GET", 404), ("/metrics/x", "GET", 404),
                                   ("/metrics", "POST", 405), ("/metrics", "DELETE", 405)):
            with self.subTest(path=path, method=method):
                with self.assertRaises(urllib.error.HTTPError) as caught:
                    self.get(path, method)
                self.assertEqual(caught.exception.code, code)
                caught.exception.close()
        self.assertIn(b" 200 ", self.raw(b"GET /metrics HTTP/1.0\r\n\r\n").split(b"\r\n")[0])

    def test_names_of_the_internet_do_not_lead_here(self):
        """As those would that a page in a browser has lead to this machine."""
        for host, status in ((b"evil.example", b"421"), (b"evil.example:80", b"421"),
                             (b"127.0.0.1.example", b"421"), (300 * b"a", b"421"),
                             (b"127.0.0.1", b"200"), (b"127.0.0.1:9091", b"200"), (b"[::1]", b"200"),
                             (b"localhost:9091", b"200"), (b"build1", b"200"), (b"", b"200")):
            with self.subTest(host):
                answer = self.raw(b"GET /metrics HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
                self.assertEqual(answer.split()[1], status)

    def test_garbage_costs_only_its_own_connection(self):
        for junk in (b"\0" * 1000, os.urandom(5000), b"GET /metrics", b"\r\n" * 10, b"",
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /" + b"a" * 100_000,
                     b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 20_000,
                     b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"):
            with self.subTest(junk=junk[:20]):
                with socket.create_connection(("127.0.0.1", self.port),
                                              timeout=e2e.PATIENCE) as raw:
                    try:
                        raw.sendall(junk)
                        raw.shutdown(socket.SHUT_WR)
                        while raw.recv(65536):
                            pass
                    except (BrokenPipeError, ConnectionResetError, OSError):
                        pass
        self.assertGreater(self.scrape()("go_threads"), 0)
        self.assertEqual(self.client.runtime("Version").pid, self.gord.process.pid)

    def test_those_who_dawdle_keep_nobody_waiting(self):
        """Far more connections than there are places, all of which have begun a request and leave it
        at that, or do not read the answer: others get theirs, and the daemon does not notice."""
        slow = []
        try:
            for i in range(100):
                raw = socket.create_connection(("127.0.0.1", self.port), timeout=e2e.PATIENCE)
                slow.append(raw)
                try:
                    raw.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + b"\r\n" * (i % 2))
                except (BrokenPipeError, ConnectionResetError):
                    pass
                if i % 10 == 0:
                    self.assertEqual(self.client.runtime("Version").pid, self.gord.process.pid)
            end = time.monotonic() + e2e.PATIENCE
            answered = 0
            while answered < 5 and time.monotonic() < end:
                try:
                    answered += self.scrape()("go_threads") > 0
                except (urllib.error.URLError, ConnectionError):
                    pass  # turned away: it is full of those who have just come
            self.assertEqual(answered, 5)
            self.client.wait(self.client.native("builtin.echo"))
        finally:
            for raw in slow:
                raw.close()

    def test_many_at_once(self):
        """Their number does not come to the loop: an answer is given again for a while."""
        failures = []

        def ask():
            for _ in range(20):
                try:
                    if self.scrape()("go_threads") <= 0:
                        failures.append("no threads")
                except (urllib.error.URLError, ConnectionError) as error:
                    failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        ids = [self.client.native("builtin.echo") for _ in range(50)]
        self.client.wait(*ids)
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class Life(unittest.TestCase):
    def test_off_unless_asked_for(self):
        gord = e2e.Gord()
        try:
            gord.start()
            self.assertNotIn("metrics at", gord.stderr())
            listening = subprocess.run(["ls", "-l", f"/proc/{gord.process.pid}/fd"],
                                       capture_output=True, text=True, check=False).stdout
            self.assertIn("socket", listening)
            self.assertEqual(gord.stop(), 0)
        finally:
            gord.close()

    def test_stops_with_open_connections(self):
        gord = e2e.Gord("--metrics-listen", "[::1]:0")
        try:
            gord.start()
            port = int(re.search(r"metrics at http://\[::1\]:(\d+)/metrics", gord.stderr())[1])
            with socket.create_connection(("::1", port)) as raw:
                raw.sendall(b"GET /met")
                self.assertEqual(gord.stop(), 0)
        finally:
            gord.close()

    def test_address_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            gord = e2e.Gord("--metrics-listen", "127.0.0.1:%d" % taken.getsockname()[1])
            try:
                gord.launch()
                self.assertEqual(gord.process.wait(e2e.PATIENCE), 5)
                self.assertIn("--metrics-listen", gord.stderr())
            finally:
                gord.close()

    def test_what_is_no_address(self):
        for text in ("", "9091", "localhost:9091", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                     "127.0.0.1:-1", "::1:9091", "[::1]", "[127.0.0.1]:9091", "[::1:9091",
                     "127.0.0.1:9091x"):
            with self.subTest(text=text):
                done = subprocess.run(e2e.gord_command("--metrics-listen", text), timeout=e2e.PATIENCE,
                                      capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn("must be an IP address and a port", done.stderr)


if __name__ == "__main__":
    prometheus.skip_without()
    e2e.main()
