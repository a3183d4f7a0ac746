# SPDX-License-Identifier: MIT
"""collector - an OpenTelemetry collector for tests: takes exports over HTTP, and answers as it is told."""

import http.server
import os
import ssl
import subprocess
import tempfile
import threading
import time

import gor_e2e as e2e
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DELTA, CUMULATIVE = 1, 2


def load_messages():
    """Message classes of proto/gor/otlp.proto, by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "otlp.pb")
        subprocess.run(["protoc", "-I", os.path.join(e2e.SOURCE, "proto"),
                        "--descriptor_set_out=" + path, "gor/otlp.proto"], check=True)
        with open(path, "rb") as file:
            files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return {name: message_factory.MessageFactory(pool).GetPrototype(
        pool.FindMessageTypeByName("gor.otlp." + name)) for name in ("Export", "ExportReply")}


MESSAGES = load_messages()


class Request:
    """What came, and when."""

    def __init__(self, path, headers, body):
        self.at = time.monotonic()
        self.path = path
        self.headers = headers
        self.export = MESSAGES["Export"].FromString(body)

    @property
    def resource(self):
        attributes = self.export.of_resources[0].resource.attributes
        return {a.key: a.value.text for a in attributes}

    @property
    def metrics(self):
        scope = self.export.of_resources[0].of_scopes[0]
        return {metric.name: metric for metric in scope.metrics}

    def point(self, name, **labels):
        """The point of that series; None if there is none."""
        metric = self.metrics.get(name)
        for point in points_of(metric) if metric is not None else ():
            if labels_of(point) == labels:
                return point
        return None

    def value(self, name, **labels):
        point = self.point(name, **labels)
        return None if point is None else value_of(point)


def points_of(metric):
    return getattr(metric, metric.WhichOneof("data")).points


def labels_of(point):
    return {a.key: a.value.text for a in point.attributes}


def value_of(point):
    return getattr(point, point.WhichOneof("value"))


class Answer:
    """What is answered: a status, headers, a body; with an event, once that is set."""

    def __init__(self, status=200, body=b"", after=None, **headers):
        self.status = status
        self.body = body
        self.after = after
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Collector:
    """Serves on a port of 127.0.0.1 until it is closed."""

    def __init__(self, port=0, certificate=None):
        self.requests = []
        self.answers = []  # the next ones; then it is 200
        self.came = threading.Condition()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = collector.take(Request(self.path, self.headers, body))
                if answer.after is not None:
                    answer.after.wait(e2e.PATIENCE)
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                except (BrokenPipeError, ConnectionResetError):
                    pass

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def take(self, request):
        with self.came:
            self.requests.append(request)
            self.came.notify_all()
            return self.answers.pop(0) if self.answers else Answer()

    def wait(self, holds=lambda request: True, after=0):
        """The first request behind the first `after` ones that `holds` of."""
        seen = after
        with self.came:
            end = time.monotonic() + e2e.PATIENCE
            while True:
                for request in self.requests[seen:]:
                    if holds(request):
                        return request
                seen = max(seen, len(self.requests))
                if not self.came.wait(end - time.monotonic()):
                    raise AssertionError(f"none of {seen} exports was it")

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
