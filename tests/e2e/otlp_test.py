# SPDX-License-Identifier: MIT
"""Metrics for an OpenTelemetry collector: what is sent, and what becomes of it when that goes wrong."""

import os
import signal
import socket
import subprocess
import threading
import time
import unittest

import gor_e2e as e2e
import prometheus

if e2e.grpc is not None:
    import collector as otlp
    from collector import Answer, Collector

BRIEF = ("--otlp-interval", "100ms")
SELDOM = ("--otlp-interval", "1h")
# Whatever the machine has for a proxy, this is not for it.
DIRECT = {"no_proxy": "*", "NO_PROXY": "*"}


class OtlpTest(unittest.TestCase):
    def collector(self, **kw):
        made = Collector(**kw)
        self.addCleanup(made.close)
        return made

    def begin(self, *options, env=None):
        gord = e2e.Gord(*options, env={**DIRECT, **(env or {})})
        self.addCleanup(gord.close)
        gord.start()
        client = gord.client()
        self.addCleanup(client.close)
        return gord, client

    def end(self, gord):
        self.assertEqual(gord.stop(), 0)
        text = gord.stderr()
        self.assertNotIn("Sanitizer", text)
        self.assertNotIn("runtime error", text)

    def file(self, gord_or_folder, name, text, mode=0o600):
        path = os.path.join(getattr(gord_or_folder, "folder", gord_or_folder), name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def folder(self):
        gord = e2e.Gord()
        self.addCleanup(gord.close)
        return gord.folder


class Contents(OtlpTest):
    def setUp(self):
        self.server = self.collector()
        self.gord, self.client = self.begin("--otlp-endpoint", self.server.url + "/", *BRIEF,
                                            "--metrics-listen", "127.0.0.1:0")
        self.port = prometheus.port_of(self.gord)

    def series(self, page):
        """Of a page, what its samples are in an export: {(family, labels): value}, without histograms."""
        return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in page.families if family.type != "histogram"
                for sample in family.samples}

    def test_request_and_resource(self):
        began = time.time_ns()
        first = self.server.wait()
        self.assertEqual(first.path, "/v1/metrics")
        self.assertEqual(first.headers["Content-Type"], "application/x-protobuf")
        self.assertRegex(first.headers["User-Agent"], r"^gord/\d+\.\d+\.\d+$")
        self.assertEqual(first.resource["service.name"], "gord")
        self.assertEqual("gord/" + first.resource["service.version"], first.headers["User-Agent"])
        self.assertEqual(first.resource["host.name"], socket.gethostname())
        self.assertRegex(first.resource["service.instance.id"],
                         "^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
        scope = first.export.of_resources[0].of_scopes[0].scope
        self.assertEqual((scope.name, scope.version), ("gord", first.resource["service.version"]))
        point = first.point("gord_jobs_submitted_total")
        self.assertLess(point.start_ns, began)
        self.assertLess(abs(point.at_ns - began), 60 * e2e.SECOND)
        second = self.server.wait(after=len(self.server.requests))
        self.assertEqual(second.point("gord_jobs_submitted_total").start_ns, point.start_ns)
        self.assertEqual(second.resource, first.resource)
        self.gord.stop()  # another daemon of the same state is the same instance
        self.gord.start()
        third = self.server.wait(after=len(self.server.requests))
        self.assertEqual(third.resource, first.resource)
        self.assertGreater(third.point("gord_jobs_submitted_total").start_ns, point.start_ns)
        self.end(self.gord)

    def test_tells_what_the_page_tells(self):
        self.client.call("Queues", "SetQueue", name="two", slots=2)
        self.client.wait(self.client.native("builtin.echo", queue="two"),
                         self.client.native("builtin.fail", 1), self.client.native("builtin.echo"))
        export = self.server.wait(
            lambda r: r.point("gord_queue_run_seconds", queue="default") is not None and
            r.point("gord_queue_run_seconds", queue="default").count == 2)
        page = prometheus.scrape_until(
            self.port, lambda m: m.get("gord_queue_run_seconds_count", queue="default") == 2)
        families = {family.name + ("_total" if family.type == "counter" else ""): family
                    for family in page.families}
        created = {name for name in families if name.endswith("_created")}
        self.assertEqual(set(export.metrics), set(families) - created)
        kinds = {"gauge": "gauge", "counter": "sum", "histogram": "histogram"}
        for name, metric in export.metrics.items():
            with self.subTest(name=name):
                family = families[name]
                self.assertEqual(metric.WhichOneof("data"), kinds[family.type])
                self.assertEqual(metric.description, family.documentation)
                self.assertEqual(metric.unit, "s" if "_seconds" in name else
                                 "By" if name.endswith("_bytes") else "")
                data = getattr(metric, metric.WhichOneof("data"))
                if family.type != "gauge":
                    self.assertEqual(data.temporality, otlp.CUMULATIVE)
                if family.type == "counter":
                    self.assertTrue(data.monotonic)
                for point in data.points:
                    self.assertGreater(point.at_ns, 0)
                    if family.type == "gauge":
                        self.assertEqual(point.start_ns, 0)
                    else:
                        self.assertTrue(0 < point.start_ns <= point.at_ns)

    def test_values_are_those_of_the_page(self):
        self.client.wait(self.client.native("builtin.echo"), self.client.native("builtin.fail", 1))
        page = prometheus.scrape_until(
            self.port, lambda m: m.get("gord_queue_run_seconds_count", queue="default") == 2)
        export = self.server.wait(
            lambda r: r.value("gord_jobs", state="terminated") == 2, after=len(self.server.requests))
        told = {(name, tuple(sorted(otlp.labels_of(point).items()))): otlp.value_of(point)
                for name, metric in export.metrics.items()
                if metric.WhichOneof("data") != "histogram" for point in otlp.points_of(metric)}
        samples = {key: value for key, value in self.series(page).items()
                   if not key[0].endswith("_created")}
        self.assertEqual(set(told), set(samples))
        still = [key for key in samples
                 if key[0].startswith(("gord_jobs", "gord_queue", "gord_slots", "gord_info",
                                       "gor_info", "process_start", "process_max_fds"))]
        self.assertGreater(len(still), 20)
        for key in still:
            self.assertEqual(told[key], samples[key], key)
        self.assertIsInstance(export.value("gord_slots", kind="exec"), int)
        self.assertIsInstance(export.value("gord_uptime_seconds"), float)
        self.check_histogram(page, export.point("gord_queue_run_seconds", queue="default"))

    def check_histogram(self, page, point):
        name = "gord_queue_run_seconds"
        self.assertEqual(len(point.counts), len(point.bounds) + 1)
        self.assertEqual(sum(point.counts), point.count)
        self.assertEqual(point.count, page(name + "_count", queue="default"))
        self.assertAlmostEqual(point.sum, page(name + "_sum", queue="default"), places=9)
        self.assertEqual((point.bounds[0], point.bounds[-1]), (0.001, 86400))
        below = 0
        for count, bound in zip(point.counts, [*point.bounds, float("inf")]):
            below += count
            le = "+Inf" if bound == float("inf") else f"{bound:g}"
            self.assertEqual(page(name + "_bucket", queue="default", le=le), below)
        since = page(name + "_created", queue="default")
        self.assertAlmostEqual(point.start_ns / e2e.SECOND, since, places=5)

    def test_a_queue_made_again_begins_again(self):
        for i in range(2):
            self.client.call("Queues", "SetQueue", name="again", slots=1)
            self.client.wait(self.client.native("builtin.echo", queue="again"))
            point = self.server.wait(
                lambda r: r.point("gord_queue_run_seconds", queue="again") is not None and
                r.point("gord_queue_run_seconds", queue="again").count == 1,
                after=len(self.server.requests)).point("gord_queue_run_seconds", queue="again")
            if i == 1:
                self.assertGreater(point.start_ns, before)
            before = point.start_ns
            self.client.call("Queues", "RemoveQueue", name="again")
            self.server.wait(
                lambda r: r.point("gord_queue_jobs", queue="again", state="queued") is None,
                after=len(self.server.requests))


class Trouble(OtlpTest):
    def test_asked_to_come_later_it_comes_later(self):
        server = self.collector()
        server.answers = [Answer(503, Retry_After="1")]
        gord, _ = self.begin("--otlp-endpoint", server.url, *BRIEF)
        second = server.wait(after=1)
        self.assertGreaterEqual(second.at - server.requests[0].at, 0.99)
        third = server.wait(lambda r: (r.value("gord_otlp_exports_total") or 0) >= 1)
        self.assertEqual(third.value("gord_otlp_failed_attempts_total"), 1)
        self.assertGreaterEqual(third.value("gord_otlp_exports_dropped_total"), 5)
        self.end(gord)
        self.assertEqual(gord.stderr().count("cannot send metrics to " + server.url), 1)
        self.assertIn("it answers with HTTP status 503; trying again", gord.stderr())
        self.assertEqual(gord.stderr().count("metrics are sent to"), 1)

    def test_after_a_refusal_the_next_one_is_sent(self):
        server = self.collector()
        server.answers = [Answer(400), Answer(401)]
        gord, _ = self.begin("--otlp-endpoint", server.url, *BRIEF)
        told = server.wait(lambda r: (r.value("gord_otlp_exports_total") or 0) >= 1)
        self.assertEqual(told.value("gord_otlp_failed_attempts_total"), 2)
        self.assertEqual(told.value("gord_otlp_exports_dropped_total"), 2)
        self.end(gord)
        self.assertEqual(gord.stderr().count("cannot send metrics"), 1)

    def test_what_was_not_taken_is_told(self):
        server = self.collector()
        reply = otlp.MESSAGES["ExportReply"]()
        reply.partly.rejected_points = 7
        reply.partly.message = "seven are too old"
        server.answers = [Answer(200, reply.SerializeToString()), Answer(200, b"\xff\xff"),
                          Answer(200, b"x" * 200_000)]
        gord, _ = self.begin("--otlp-endpoint", server.url, *BRIEF)
        told = server.wait(lambda r: (r.value("gord_otlp_exports_total") or 0) >= 3)
        self.assertEqual(told.value("gord_otlp_rejected_points_total"), 7)
        self.assertIn("did not take 7 data points: seven are too old", gord.stderr())
        self.end(gord)

    def test_nobody_there_disturbs_nobody(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        gord, client = self.begin("--otlp-endpoint", f"http://127.0.0.1:{port}", *BRIEF,
                                  "--metrics-listen", "127.0.0.1:0")
        page = prometheus.scrape_until(prometheus.port_of(gord),
                                       lambda m: m("gord_otlp_exports_dropped_total") >= 2)
        self.assertGreaterEqual(page("gord_otlp_failed_attempts_total"), 1)
        self.assertEqual(page("gord_otlp_exports_total"), 0)
        client.wait(client.native("builtin.echo"))
        self.assertEqual(gord.stderr().count("cannot send metrics"), 1)
        server = self.collector(port=port)
        self.assertEqual(server.wait().value("gord_jobs_submitted_total"), 1)
        e2e.until(lambda: "metrics are sent to" in gord.stderr())
        self.end(gord)

    def test_a_collector_that_does_not_answer_holds_up_no_stop(self):
        server = self.collector()
        never = threading.Event()
        self.addCleanup(never.set)
        server.answers = [Answer(after=never)] * 100
        gord, client = self.begin("--otlp-endpoint", server.url, *BRIEF)
        server.wait()
        self.assertEqual(client.wait(client.native("builtin.echo")).outcome, e2e.SUCCEEDED)
        began = time.monotonic()
        self.end(gord)
        self.assertLess(time.monotonic() - began, 20 if e2e.SANITIZE else 9)
        self.assertEqual(len(server.requests), 2)  # the last one, too, was begun

    def test_the_end_is_sent(self):
        server = self.collector()
        gord, client = self.begin("--otlp-endpoint", server.url, *SELDOM)
        client.wait(client.native("builtin.echo"), client.native("builtin.echo"))
        self.assertEqual(server.requests, [])
        self.end(gord)
        self.assertEqual(len(server.requests), 1)
        self.assertEqual(server.requests[0].value("gord_jobs_ended_total", outcome="succeeded"), 2)


class Options(OtlpTest):
    def refuse(self, *options):
        done = subprocess.run(e2e.gord_command("--no-config", "--check-config", *options),
                              capture_output=True, text=True, check=False, timeout=e2e.PATIENCE)
        self.assertEqual(done.returncode, 2, done)
        return done.stderr

    def test_what_is_no_url(self):
        for url in ("", "collector", "collector:4318", "ftp://collector", "http://", "http:///x",
                    "http://:4318", "http://collector:", "http://collector:0",
                    "http://collector:65536", "http://collector:x", "http://a b", "http://[::1",
                    "http://[::g]", "http://user:secret@collector", "http://collector?x=1",
                    "http://collector/a#b", "http://collector/a b"):
            with self.subTest(url=url):
                self.assertIn("must be a URL such as http://collector:4318",
                              self.refuse("--otlp-endpoint", url))
        self.assertIn("otlp-interval", self.refuse("--otlp-interval", "99ms"))

    def test_what_is_a_url(self):
        for url in ("http://collector", "https://otel.example.org:443/a/b/", "http://[::1]:4318",
                    "http://192.0.2.1:4318", "HTTP://collector", "none"):
            with self.subTest(url=url):
                subprocess.run(e2e.gord_command("--no-config", "--check-config", "--otlp-endpoint",
                                                url), check=True, timeout=e2e.PATIENCE,
                               stdout=subprocess.DEVNULL)

    def test_headers_are_sent_and_kept_to_ourselves(self):
        server = self.collector()
        path = self.file(self.folder(), "headers",
                         "# for the tenant\n\nAuthorization: Bearer hush \r\n  X-Scope-OrgID: 7\n")
        gord, _ = self.begin("--otlp-endpoint", server.url, *BRIEF, "--otlp-headers", path)
        request = server.wait()
        self.assertEqual(request.headers["Authorization"], "Bearer hush")
        self.assertEqual(request.headers["X-Scope-OrgID"], "7")
        self.end(gord)
        self.assertNotIn("hush", gord.stderr())

    def test_headers_that_are_none(self):
        folder = self.folder()
        endpoint = ("--otlp-endpoint", "http://127.0.0.1:1")
        for text, why in (("hush\n", ":1: the line is no header"),
                          ("A: b\nhush: \n", ":2: the line has no value"),
                          ("Content-Type: hush\n", "gord sends by itself"),
                          ("A: hush\x01\n", "control character"), ("hush : x\n", "no header"),
                          ("A: hush\n" * 33, ":33: the line is one too many"),
                          ("#" * 20_000, "more than 16 KiB")):
            with self.subTest(text=text[:20]):
                path = self.file(folder, "headers", text)
                told = self.refuse(*endpoint, "--otlp-headers", path)
                self.assertIn(why, told)
                self.assertNotIn("hush", told)
        path = self.file(folder, "headers", "A: b\n", 0o644)
        self.assertIn("everybody can read", self.refuse(*endpoint, "--otlp-headers", path))
        self.assertIn("cannot read", self.refuse(*endpoint, "--otlp-headers", folder + "/none"))
        gord = e2e.Gord(*endpoint, "--otlp-headers", path)
        self.addCleanup(gord.close)
        gord.launch()
        self.assertEqual(gord.process.wait(e2e.PATIENCE), 2)
        self.assertIn("everybody can read", gord.stderr())

    def test_https(self):
        folder = os.path.join(self.folder(), "tls")
        subprocess.run([e2e.GORCTL, "tls", "init", folder], check=True, timeout=e2e.PATIENCE,
                       stdout=subprocess.DEVNULL)
        server = self.collector(certificate=(folder + "/server.crt", folder + "/server.key"))
        gord, _ = self.begin("--otlp-endpoint", server.url, *BRIEF, "--otlp-ca", folder + "/ca.crt")
        self.assertEqual(server.wait().path, "/v1/metrics")
        self.end(gord)
        count = len(server.requests)
        gord, _ = self.begin("--otlp-endpoint", server.url, *BRIEF)  # whom we do not trust
        e2e.until(lambda: "cannot send metrics" in gord.stderr())
        self.assertIn("certificate", gord.stderr())
        self.end(gord)
        self.assertEqual(len(server.requests), count)


class Reload(OtlpTest):
    def reload(self, gord, text):
        self.file(gord, "gord.conf", text)
        gord.process.send_signal(signal.SIGHUP)
        e2e.until(lambda: "reloaded:" in gord.stderr()[self.read:] or
                  "changed nothing" in gord.stderr()[self.read:])
        told = gord.stderr()[self.read:]
        self.read += len(told)
        return told

    def test_endpoint_headers_and_interval_change(self):
        first, second = self.collector(), self.collector()
        folder = self.folder()
        path = self.file(folder, "gord.conf", "")
        headers = self.file(folder, "headers", "X-Turn: 1\n")
        gord = e2e.Gord("--config", path, folder=folder, env=DIRECT)
        self.addCleanup(gord.close)
        gord.start()
        self.read = len(gord.stderr())
        self.reload(gord, f"otlp-endpoint = {first.url}\notlp-interval = 100ms\n"
                          f"otlp-headers = {headers}\n")
        self.assertEqual(first.wait().headers["X-Turn"], "1")
        self.file(folder, "headers", "X-Turn: 2\n")  # the same file, other headers
        self.reload(gord, f"otlp-endpoint = {first.url}\notlp-interval = 100ms\n"
                          f"otlp-headers = {headers}\n")
        first.wait(lambda r: r.headers["X-Turn"] == "2")
        self.reload(gord, f"otlp-endpoint = {second.url}\notlp-interval = 100ms\n")
        self.assertIsNone(second.wait().headers["X-Turn"])
        count = len(first.requests)
        second.wait(after=len(second.requests) + 1)
        self.assertEqual(len(first.requests), count)
        told = self.reload(gord, "otlp-endpoint = nonsense\n")
        self.assertIn("otlp-endpoint is 'nonsense'; it must be a URL", told)
        second.wait(after=len(second.requests))  # goes on as it was
        self.reload(gord, "")
        count = len(second.requests)
        self.end(gord)
        self.assertEqual(len(second.requests), count)


if __name__ == "__main__":
    prometheus.skip_without()
    e2e.main()
