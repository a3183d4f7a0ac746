# SPDX-License-Identifier: MIT
"""Peers that take their time, in every phase of a connection: its beginning, headers, a request, a reply,
silence. Each is cut off in time, with its code and its counter, and costs little until then.
"""

import socket
import threading

import gor_e2e as e2e
import hostile
import http2
from hostile import CALM, GET, MIB
from http2 import frame, headers, message, settings, window

BLOCK = http2.call_headers(GET)
VERSION = headers(1, http2.call_headers("/gor.v1.Runtime/Version")) + \
    frame(http2.DATA, http2.END_STREAM, 1, message(b""))
HALF = headers(1, http2.call_headers("/gor.v1.Jobs/Submit")) + \
    frame(http2.DATA, 0, 1, message(b"", size=1000))

# name, bytes, whether preface and SETTINGS come first
SLOW = (
    ("nothing at all", b"", False),
    ("half a preface", http2.PREFACE[:10], False),
    ("a preface without SETTINGS", http2.PREFACE, False),
    ("half a header block", headers(1, BLOCK[:20], 0), True),
    ("half of a HEADERS frame", headers(1, BLOCK)[:-9], True),
    ("half a block of trailers", headers(1, BLOCK) + headers(1, b"", http2.END_STREAM), True),
)


class Trickle(threading.Thread):
    """Sends byte by byte, and gains no time by it."""

    def __init__(self, peer, pieces):
        super().__init__()
        self.peer, self.pieces, self.over = peer, pieces, threading.Event()
        self.start()

    def run(self):
        for piece in self.pieces:
            if not self.peer.send(piece) or self.over.wait(0.2):
                return

    def end(self):
        self.over.set()
        self.join()


class Dawdlers(hostile.HostileTest):
    options = ("--handshake-timeout=2s", "--stall-timeout=2s", "--keepalive=1s",
               "--keepalive-timeout=1s", "--listen=127.0.0.1:0")

    def assertAlive(self, peer):
        """The call has ended, the connection has not."""
        peer.send(frame(http2.PING, payload=b"are you?"))
        self.assertIn(b"are you?", (payload for kind, _, _, payload in peer.frames()
                                    if kind == http2.PING))

    def test_beginning_and_headers(self):
        self.watch()
        peers = []
        for name, data, greet in SLOW:
            peer = http2.Peer(self.gord.socket, greet=greet)
            peer.send(data)
            peers.append((name, peer))
        slow = http2.Peer(self.gord.socket, greet=False)
        trickle = Trickle(slow, [bytes([byte]) for byte in http2.PREFACE[:-1]])
        try:
            for name, peer in peers + [("a preface byte by byte", slow)]:
                with self.subTest(name):
                    said = peer.goaway()
                    self.assertEqual(said[0], CALM)
                    self.assertIn("in time", said[1])
                    peer.close()
        finally:
            trickle.end()
        self.assertEqual(self.judge("dawdling at the beginning, in seven ways",
                                    ("handshake", "slow_headers")),
                         {"handshake": 4, "slow_headers": 3})

    def test_request_that_does_not_go_on(self):
        self.watch()
        silent, slow = http2.Peer(self.gord.socket), http2.Peer(self.gord.socket)
        silent.send(HALF)
        slow.send(HALF)
        trickle = Trickle(slow, 999 * [frame(http2.DATA, 0, 1, b"\0")])
        try:
            for peer in (silent, slow):
                self.assertEqual(peer.reset(1), CALM)
                self.assertAlive(peer)
                peer.close()
        finally:
            trickle.end()
        self.assertEqual(self.judge("requests that do not go on", "call_stall"), {"call_stall": 2})

    def test_reply_that_is_not_wanted(self):
        self.watch()
        peer = http2.Peer(self.gord.socket, first=settings((4, 0)))
        peer.send(VERSION)
        self.assertEqual(peer.reset(1), CALM)
        self.assertAlive(peer)
        peer.close()
        self.assertEqual(self.judge("a reply for a window of 0", "call_stall"), {"call_stall": 1})

    def test_socket_that_is_not_read(self):
        job = self.client.exec("head", "-c", str(4 * MIB), "/dev/zero")
        self.client.wait(job)
        self.watch()
        peer = http2.Peer(self.gord.socket, first=settings((4, 64 * MIB)))
        peer.send(window(0, 64 * MIB) + headers(1, http2.call_headers("/gor.v1.Jobs/Logs")) +
                  frame(http2.DATA, http2.END_STREAM, 1, message(b"\x08" + bytes([job]))))
        self.wait_for_cut("socket_stall")
        said = peer.goaway()  # in the time that it is given to read
        if said is not None:
            self.assertEqual(said, (CALM, "the replies are not read"))
        peer.close()
        self.assertEqual(self.judge("a socket that is not read", ("socket_stall", "call_stall"))
                         ["socket_stall"], 1)

    def test_whoever_is_gone_without_a_word(self):
        """It does not answer, as one does whose machine is gone."""
        port, _ = hostile.tcp(self.gord)
        self.watch()
        peer = http2.Peer(port)
        self.assertEqual(peer.goaway(), (http2.NO_ERROR, "no answer to PING"))
        peer.close()
        self.assertEqual(self.judge("silence on TCP", "keepalive"), {"keepalive": 1})

    def test_half_closed_connections_go_at_once(self):
        self.watch()
        before = self.client.runtime("Stats").connections
        peers = []
        for _ in range(200):
            peer = http2.Peer(self.gord.socket)
            peer.send(HALF)
            peer.socket.shutdown(socket.SHUT_WR)
            peers.append(peer)
        for peer in peers:
            for _ in peer.frames():
                pass
        self.assertLessEqual(self.client.runtime("Stats").connections, before)
        for peer in peers:
            peer.close()
        self.judge("200 connections closed on one side", ())


class Farewells(hostile.HostileTest):
    options = ("--max-connection-idle=1s", "--max-connection-age=1h", "--max-connection-grace=1m")

    def test_idle_connection_is_told(self):
        peer = http2.Peer(self.gord.socket)
        self.assertEqual(peer.goaway(), (http2.NO_ERROR, "max_idle"))
        peer.close()


if __name__ == "__main__":
    e2e.main()
