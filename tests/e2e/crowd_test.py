# SPDX-License-Identifier: MIT
"""Crowds: users who would take every connection, or every call. What is idle makes room, who goes on is
told why, and others have what is theirs.
"""

import os
import signal
import socket

import gor_e2e as e2e
import hostile
import http2
from hostile import CALM, WATCH
from http2 import frame, headers, message

MANY = 2000 if e2e.SANITIZE else 10000
EXHAUSTED = e2e.grpc and e2e.grpc.StatusCode.RESOURCE_EXHAUSTED
# How much an idle connection may cost; measured is what docs/protocol.md says.
IDLE_BYTES = 24 << 10


def busy(to, calls=1):
    """A connection with so many calls that go on, and whether it was let in; else (code, text)."""
    peer = http2.Peer(to)
    for number in range(calls):
        peer.send(headers(2 * number + 1, http2.call_headers(WATCH)) +
                  frame(http2.DATA, http2.END_STREAM, 2 * number + 1, message(b"")))
    peer.send(frame(http2.PING, payload=b"let in??"))
    for kind, flags, _, payload in peer.frames():
        if kind == http2.PING and flags == http2.ACK:
            return peer, True
        if kind == http2.GOAWAY:
            return peer, (payload[7], payload[8:].decode())
    return peer, False


def connect(path, greet):
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    one.connect(path)
    if greet:
        try:
            one.sendall(http2.PREFACE + http2.settings())
        except (BrokenPipeError, ConnectionResetError):
            pass
    return one


class Crowds(hostile.OneByOne):
    def judge(self, name, counters, growth=hostile.MIB * 32):
        return super().judge(name, counters, growth)

    def attack(self, _, greet):
        """So many connections that do nothing; those of before go for those that come."""
        hostile.many_descriptors(self, MANY)
        peers = []
        try:
            for _ in range(MANY):
                peers.append(connect(self.gord.socket, greet))
            self.wait_for_cut("user_crowd", MANY - 1024)
            self.assertLessEqual(self.client.runtime("Stats").connections, 1024 * 3 // 4)
        finally:
            for one in peers:
                one.close()
        return "user_crowd"

    def test_those_who_are_idle_make_room(self):
        self.one_by_one(((f"{MANY:,} connections that only greet", True),
                         (f"{MANY:,} connections that say nothing", False)))


class Burst(hostile.HostileTest):
    def test_who_does_not_wait_in_connect_is_let_in_after_a_moment(self):
        """As grpc's clients: on a Unix socket, connect() fails at once for them when the queue is full."""
        many = 700
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
            if int(file.read()) < many:
                self.skipTest("this kernel's queues are shorter")
        hostile.many_descriptors(self, many)
        os.kill(self.gord.process.pid, signal.SIGSTOP)  # it is busy for a moment
        peers = []
        try:
            for _ in range(many):
                peers.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
                peers[-1].connect(self.gord.socket)
        finally:
            os.kill(self.gord.process.pid, signal.SIGCONT)
            self.addCleanup(lambda: [one.close() for one in peers])
        self.client.runtime("Version")


class Held(hostile.OneByOne):
    options = (f"--max-connections={2 * MANY}", f"--max-user-connections={MANY + 100}",
               "--handshake-timeout=5m")

    def attack(self, _, greet):
        hostile.many_descriptors(self, MANY)
        peers = []
        before = hostile.resident(self.gord.process.pid)
        try:
            for _ in range(MANY):
                peers.append(connect(self.gord.socket, greet))
            for one in peers if greet else ():
                one.settimeout(e2e.PATIENCE)
                self.assertEqual(one.recv(9)[3], http2.SETTINGS)
            self.client.runtime("Version")
            e2e.until(lambda: self.client.runtime("Stats").connections >= MANY)
            each = (hostile.resident(self.gord.process.pid) - before) / MANY
            if not e2e.SANITIZE:
                print(f"| each of {MANY:,} held connections | {each / 1024:.1f} KiB |")
                self.assertLess(each, IDLE_BYTES)
        finally:
            for one in peers:
                one.close()
        e2e.until(lambda: self.client.runtime("Stats").connections < 100)
        return ()

    def judge(self, name, counters, growth=MANY * IDLE_BYTES):
        return super().judge(name, counters, growth)

    def test_many_may_stay_where_there_is_room(self):
        self.one_by_one(((f"{MANY:,} idle connections held", True),))


class Users(hostile.HostileTest):
    options = ("--max-connections=40", "--max-user-connections=20", "--max-user-calls=50",
               "--listen=127.0.0.1:0")

    def other(self):
        """A client that is another user: by TCP."""
        port, token = hostile.tcp(self.gord)
        client = e2e.Client(f"127.0.0.1:{port}", token=token)
        self.addCleanup(client.close)
        return client

    def test_user_with_all_its_connections_is_told(self):
        self.watch(self.other())
        peers = []
        let_in = True
        while let_in is True and len(peers) < 40:
            peer, let_in = busy(self.gord.socket)
            peers.append(peer)
        self.assertEqual(let_in, (CALM, "this user has too many connections"))
        self.assertEqual(len(peers), 21)  # ours, which was idle, went for the last that was let in
        for peer in peers:
            peer.close()
        self.judge("a user with all its connections", ("user_full", "user_crowd"))

    def test_user_with_all_its_calls_is_refused(self):
        other = self.other()
        before = other.runtime("Stats").connections
        peer, let_in = busy(self.gord.socket, calls=50)
        self.assertIs(let_in, True)
        client = self.gord.client()
        text = self.assertStatus(EXHAUSTED, client.runtime, "Version")
        self.assertIn("this user has 50 calls open", text)
        client.close()
        other.runtime("Version")
        peer.close()
        e2e.until(lambda: other.runtime("Stats").connections <= before)
        self.client.runtime("Version")
        self.assertGreater(self.cuts()["user_calls"], 0)


if __name__ == "__main__":
    e2e.main()
