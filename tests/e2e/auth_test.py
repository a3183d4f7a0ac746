# SPDX-License-Identifier: MIT
"""Who may call: token over TCP, user over the Unix socket."""

import os
import re
import subprocess
import sys
import unittest

import gor_e2e as e2e
from gor_e2e import grpc


class Tcp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gord = e2e.Gord("--listen", "127.0.0.1:0").start()
        cls.port = int(re.search(r"listening on 127.0.0.1 port (\d+)", cls.gord.stderr())[1])
        cls.token_path = os.path.join(cls.gord.state, "token")
        with open(cls.token_path, encoding="ascii") as file:
            cls.token = file.read().strip()

    @classmethod
    def tearDownClass(cls):
        code = cls.gord.stop()
        cls.gord.close()
        assert code == 0

    def client(self, token):
        client = e2e.Client(f"127.0.0.1:{self.port}", token=token)
        self.addCleanup(client.close)
        return client

    def code_of(self, token):
        client = self.client(token)
        stub = client.channel.unary_unary("/gor.v1.Runtime/Version")
        try:
            stub(b"", timeout=e2e.PATIENCE, metadata=client.metadata)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def test_token_file_is_private(self):
        self.assertEqual(os.stat(self.token_path).st_mode & 0o777, 0o600)
        self.assertRegex(self.token, r"^[0-9a-f]{64}$")

    def test_right_token_does_everything(self):
        client = self.client(self.token)
        job_id = client.native("builtin.echo", "over tcp")
        self.assertEqual(client.wait(job_id).outcome, e2e.SUCCEEDED)
        self.assertEqual(client.logs(job_id), b"over tcp\n")

    def test_wrong_or_no_token(self):
        flipped = ("0" if self.token[0] != "0" else "1") + self.token[1:]
        for token in (None, "x", flipped, self.token[:-1], self.token + "0"):
            with self.subTest(token=token):
                self.assertEqual(self.code_of(token), grpc.StatusCode.UNAUTHENTICATED)

    def test_wrong_scheme(self):
        client = self.client(None)
        stub = client.channel.unary_unary("/gor.v1.Runtime/Version")
        for value in ("Basic " + self.token, self.token):
            with self.assertRaises(grpc.RpcError) as caught:
                stub(b"", timeout=e2e.PATIENCE, metadata=[("authorization", value)])
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED)

    def test_reflection_and_health_need_it_too(self):
        client = self.client(None)
        for path in ("/grpc.health.v1.Health/Check", "/no.such/Method"):
            with self.assertRaises(grpc.RpcError) as caught:
                client.channel.unary_unary(path)(b"", timeout=e2e.PATIENCE)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED)

    def test_token_is_never_logged(self):
        self.code_of("1" * 64)
        text = self.gord.stderr()
        self.assertNotIn(self.token, text)
        self.assertNotIn("1" * 64, text)
        self.assertIn("wrong token", text)

    def test_token_stays_over_a_restart(self):
        self.gord.stop()
        self.gord.start()
        ports = re.findall(r"listening on 127.0.0.1 port (\d+)", self.gord.stderr())
        type(self).port = int(ports[-1])
        self.assertEqual(self.code_of(self.token), grpc.StatusCode.OK)


class TokenFile(unittest.TestCase):
    def refuse(self, mode, text, why):
        gord = e2e.Gord("--listen", "127.0.0.1:0")
        self.addCleanup(gord.close)
        os.makedirs(gord.state)
        path = os.path.join(gord.state, "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)
        gord.launch()
        self.assertEqual(gord.process.wait(e2e.PATIENCE), 5, gord.stderr())
        self.assertIn(why, gord.stderr())

    def test_public_token_file_is_refused(self):
        self.refuse(0o644, "a" * 64 + "\n", "others can read")

    def test_senseless_token_file_is_refused(self):
        self.refuse(0o600, "short\n", "does not hold a token")


SCRIPT = """
import os, sys
os.setgroups([int(g) for g in sys.argv[4:]])
os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))
import grpc
channel = grpc.insecure_channel(sys.argv[1])
try:
    channel.unary_unary("/gor.v1.Runtime/Version")(b"", timeout=60)
    print("OK")
except grpc.RpcError as error:
    print(error.code().name, error.details())
"""


@unittest.skipUnless(e2e.is_root(), "becoming another user needs root")
class Peers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gord = e2e.Gord().start()
        os.chmod(cls.gord.folder, 0o755)

    @classmethod
    def tearDownClass(cls):
        cls.gord.stop()
        cls.gord.close()

    def call_as(self, uid, gid, *groups):
        done = subprocess.run([sys.executable, "-c", SCRIPT, self.gord.target, str(uid), str(gid),
                               *map(str, groups)], capture_output=True, text=True,
                              timeout=e2e.PATIENCE, check=False)
        return done.stdout.strip() or done.stderr

    def test_root_may(self):
        self.assertEqual(self.call_as(0, 0), "OK")

    def test_socket_keeps_strangers_out(self):
        self.assertEqual(os.stat(self.gord.socket).st_mode & 0o007, 0)
        self.assertTrue(self.call_as(65534, 65534).startswith("UNAVAILABLE"))

    def test_peer_is_checked_even_if_the_file_is_open_to_all(self):
        mode = os.stat(self.gord.socket).st_mode & 0o777
        os.chmod(self.gord.socket, 0o666)
        try:
            said = self.call_as(65534, 65534)
        finally:
            os.chmod(self.gord.socket, mode)
        self.assertTrue(said.startswith("PERMISSION_DENIED"), said)
        self.assertIn("65534", said)


if __name__ == "__main__":
    e2e.main()
