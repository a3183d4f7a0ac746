# SPDX-License-Identifier: MIT
"""h2spec, a conformance suite for HTTP/2, against a running gord, over TCP, over its Unix socket and over TLS.

It is a Go program of its own: $H2SPEC, or what PATH has, or what the Go of this machine can fetch from
its module proxy and build; without it there is nothing to run here."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

import gor_e2e as e2e

MODULE = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"


def find_h2spec():
    """Its path, or None and why not."""
    found = os.environ.get("H2SPEC") or shutil.which("h2spec")
    if found:
        return found, None
    folder = os.path.join(e2e.BUILD or tempfile.gettempdir(), "h2spec")
    program = os.path.join(folder, "h2spec")
    if os.path.exists(program):
        return program, None
    if shutil.which("go") is None:
        return None, "neither h2spec nor Go to build it is here"
    result = subprocess.run(["go", "install", MODULE],
                            env={**os.environ, "GOBIN": folder}, capture_output=True, text=True,
                            timeout=240, check=False)
    if result.returncode != 0 or not os.path.exists(program):
        return None, "Go cannot build h2spec: " + result.stderr[-300:]
    return program, None


class Relay:
    """A TCP port that leads to a Unix socket: h2spec knows no others."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.path)
            for here, there in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(here, there), daemon=True).start()

    @staticmethod
    def _pass_on(here, there):
        try:
            while data := here.recv(65536):
                there.sendall(data)
        except OSError:
            pass
        for end in (here, there):
            try:
                end.shutdown(socket.SHUT_RDWR)  # the other thread closes
            except OSError:
                pass

    def close(self):
        self.listener.close()


H2SPEC, WHY_NOT = find_h2spec()


@unittest.skipIf(H2SPEC is None, WHY_NOT)
class H2Spec(e2e.GordTest):
    options = ("--listen", "127.0.0.1:0")

    def check(self, port, *options):
        result = subprocess.run(
            [H2SPEC, "-h", "127.0.0.1", "-p", str(port), "-P", "/gor.v1.Runtime/Version", "-o",
             "20" if e2e.SANITIZE else "5", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=280, check=False)
        out = result.stdout.decode(errors="replace")
        failed = set(re.findall(r"\u00d7 \d+: (.*)", out))
        totals = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", out)
        self.assertIsNotNone(totals, out)
        print(totals.group())
        self.assertEqual(failed, set(), out)
        self.assertGreaterEqual(int(totals.group(2)), 145, out)
        self.assertEqual(int(totals.group(3)), 0, out)

    def test_tcp(self):
        text = self.gord.stderr()
        self.check(int(text.split("127.0.0.1 port ")[1].split(";")[0]))

    def test_unix_socket(self):
        relay = Relay(self.gord.socket)
        self.check(relay.port)
        relay.close()

    def test_tls(self):
        gord = e2e.Gord()
        self.addCleanup(gord.close)
        pki = os.path.join(gord.folder, "pki")
        subprocess.run([e2e.GORCTL, "tls", "init", pki], check=True, capture_output=True,
                       timeout=e2e.PATIENCE)
        gord.options = ("--listen=127.0.0.1:0", f"--tls-cert={pki}/server.crt",
                        f"--tls-key={pki}/server.key")
        gord.start()
        self.check(int(gord.stderr().split("127.0.0.1 port ")[1].split(" ")[0]), "-t", "-k")
        self.assertEqual(gord.stop(), 0, gord.stderr())


if __name__ == "__main__":
    if H2SPEC is None:
        print(f"skipped: {WHY_NOT}")
        raise SystemExit(e2e.SKIPPED)
    e2e.main()
