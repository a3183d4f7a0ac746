# SPDX-License-Identifier: MIT
"""webhook_e2e - what the tests of webhooks share: a server that takes them."""

import http.server
import json
import os
import queue
import shutil
import sys
import threading

import gor_e2e as e2e

for variable in [v for v in os.environ if v.lower().endswith("_proxy")]:
    del os.environ[variable]


class Receiver(http.server.ThreadingHTTPServer):
    """What webhooks are sent to. It answers with the codes of `plan`, each alone or with what is to be
    its Retry-After, then with 200; a code of 0 is no answer before `go` is set."""

    daemon_threads = True

    def __init__(self, *plan):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan = list(plan)
        self.got = queue.Queue()
        self.go = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path="/hook"):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def next(self):
        return self.got.get(timeout=e2e.PATIENCE)

    def documents(self, count):
        """So many, by their jobs' ids."""
        found = [self.next()["document"] for _ in range(count)]
        return {document["job"]: document for document in found}

    def close(self):
        self.go.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code = self.server.plan.pop(0) if self.server.plan else 200
        code, later = code if isinstance(code, tuple) else (code, None)
        self.server.got.put({"path": self.path, "headers": dict(self.headers), "body": body,
                             "document": json.loads(body.decode())})
        if code == 0:
            self.server.go.wait(e2e.PATIENCE)
            return
        self.send_response(code)
        self.send_header("Location", "/elsewhere")
        if later is not None:
            self.send_header("Retry-After", later)
        self.end_headers()
        self.wfile.write(f"so {code}\n".encode())

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


def hooks_of(client, job):
    return [j.id for j in client.jobs("List", limit=1000).jobs if j.spec.hook_of.job_id == job]


def receiver_for(test, *plan):
    receiver = Receiver(*plan)
    test.addCleanup(receiver.close)
    return receiver


def main():
    if shutil.which("curl") is None:
        print("SKIP: curl is not installed")
        sys.exit(e2e.SKIPPED)
    e2e.main()
