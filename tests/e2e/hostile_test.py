# SPDX-License-Identifier: MIT
"""Peers that attack: each is cut off, with the code and the words of what it did, which it can read, and
with its counter; the daemon's memory stays bounded, and whoever behaves is served meanwhile.
"""

import gzip
import os

import gor_e2e as e2e
import hostile
import http2
from hostile import CALM, GET, MIB, WATCH
from http2 import frame, headers, message, settings, window

NO_WORK = "too many frames without work"
COMPRESSION_ERROR, STREAM_CLOSED = 9, 5


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def streams(count, first=1):
    return range(first, first + 2 * count, 2)


def in_portions(count, one_portion):
    """An attack that sends count portions, each made of its number, until nobody takes them."""
    def attack(peer):
        for number in range(count):
            if not peer.send(one_portion(number)):
                return
    return attack


def repeat(one, opened=False):
    flood = in_portions(300, lambda _: 100 * one)

    def attack(peer):
        if opened:
            peer.send(headers(1, http2.call_headers(GET)))
        flood(peer)
    return attack


def once(data):
    return lambda peer: peer.send(data)


def reset_each(number):
    block = http2.call_headers(GET)
    return b"".join(headers(stream, block) + frame(http2.RST_STREAM, 0, stream, b"\0\0\0\x08")
                    for stream in streams(100, 200 * number + 1))


def break_each(number):
    """Calls that are broken so that the server itself must reset them."""
    block = http2.call_headers(WATCH)
    return b"".join(headers(stream, block) + window(stream, http2.MAX_WINDOW)
                    for stream in streams(100, 200 * number + 1))


def depend_on_each(number):
    """PRIORITY of streams that there never are, each below the one before."""
    return b"".join(frame(http2.PRIORITY, 0, stream,
                          (stream - 2 if stream > 1 else 0).to_bytes(4, "big") + b"\1")
                    for stream in streams(100, 200 * number + 1))


def data_of_the_dead(peer):
    peer.send(headers(1, http2.call_headers("/nosuch/Method")))
    assert peer.reset(1) == http2.NO_ERROR
    repeat(frame(http2.DATA, 0, 1))(peer)


def data_after_the_end(peer):
    peer.send(headers(1, http2.call_headers(WATCH)) +
              frame(http2.DATA, http2.END_STREAM, 1, message(b"")))
    repeat(frame(http2.DATA, 0, 1))(peer)


def trailers_after_the_end(peer):
    peer.send(headers(1, http2.call_headers(WATCH)) +
              frame(http2.DATA, http2.END_STREAM, 1, message(b"")) +
              headers(1, http2.field(b"a", b"b"), http2.END_HEADERS | http2.END_STREAM))


NAME_AND_VALUE = b"\x40" + http2.field(b"a", 3900 * b"b")[1:]
ENDED = http2.END_HEADERS | http2.END_STREAM


def number_of_no_call(peer):
    """It is lower than that of a call before."""
    block = http2.call_headers("/nosuch/Method")
    peer.send(headers(5, block, ENDED))
    assert any(kind == http2.HEADERS and on == 5 for kind, _, on, _ in peer.frames())
    peer.send(headers(3, block, ENDED))


def header_bomb(peer):
    """One byte stands for four kilobytes, twelve thousand times."""
    peer.send(headers(1, http2.call_headers(GET) + NAME_AND_VALUE + 12000 * b"\xbe"))


def endless_trailers(peer):
    peer.send(headers(1, http2.call_headers(GET)) +
              headers(1, NAME_AND_VALUE + 12000 * b"\xbe", ENDED))


def huge_lists(number):
    """Header lists of 60 KB as they are, nothing folded: more than twice what is allowed."""
    block = http2.call_headers(GET, *[(b"x-%d" % i, 3800 * b"v") for i in range(4)])
    return b"".join(headers(stream, block, 0) + 3 * frame(
        http2.CONTINUATION, 0, stream, http2.field(b"y", 15000 * b"v")) + frame(
            http2.CONTINUATION, http2.END_HEADERS, stream)
                    for stream in streams(4, 8 * number + 1))


# name, attack, GOAWAY code, text, counters of which one rises
ATTACKS = (
    ("3,000 calls begun and cancelled", in_portions(30, reset_each), CALM, "too many resets",
     "resets"),
    ("3,000 calls that the server must reset", in_portions(30, break_each), CALM, NO_WORK, "frames"),
    ("100 CONTINUATION frames", once(headers(1, http2.call_headers(GET), flags=0) +
                                     100 * frame(http2.CONTINUATION, 0, 1)),
     CALM, "too many CONTINUATION frames", "continuation"),
    ("30,000 SETTINGS", repeat(settings()), CALM, None, ("frames", "acks")),
    ("30,000 PING", repeat(frame(http2.PING, payload=bytes(8))), CALM, "too_many_pings", "pings"),
    ("30,000 answers to no PING", repeat(frame(http2.PING, http2.ACK, payload=bytes(8))), CALM,
     NO_WORK, "frames"),
    ("30,000 empty DATA", repeat(frame(http2.DATA, 0, 1), True), CALM, "too many empty DATA frames",
     "empty_data"),
    ("30,000 padded DATA without a byte", repeat(frame(http2.DATA, 8, 1, b"\x03\0\0\0"), True), CALM,
     NO_WORK, "frames"),
    ("30,000 PRIORITY", repeat(frame(http2.PRIORITY, 0, 1, b"\0\0\0\3\1")), CALM, NO_WORK, "frames"),
    ("30,000 PRIORITY, each of another stream", in_portions(300, depend_on_each), CALM, NO_WORK,
     "frames"),
    ("30,000 WINDOW_UPDATE", repeat(window(0, 1)), CALM, NO_WORK, "frames"),
    ("30,000 unknown frames", repeat(frame(0xfa, payload=b"x")), CALM, NO_WORK, "frames"),
    ("30,000 DATA for a call that is over", data_of_the_dead, CALM, NO_WORK, "frames"),
    ("30,000 DATA behind the end of a request", data_after_the_end, STREAM_CLOSED, None, "protocol"),
    ("trailers behind the end of a request", trailers_after_the_end, STREAM_CLOSED, None,
     "protocol"),
    ("headers of 48 MB out of 16 KB", header_bomb, CALM, "too many bytes of headers", "headers"),
    ("the same in trailers", endless_trailers, CALM, "too many bytes of headers", "headers"),
    ("400 header lists of 60 KB", in_portions(100, huge_lists), CALM, None, ("headers", "frames")),
    ("an index that HPACK's table has not", once(headers(1, b"\xff\xff\x7f", ENDED)),
     COMPRESSION_ERROR, None, "protocol"),
    ("a table for HPACK of 4 GB", once(headers(1, b"\x3f\xe1\xff\xff\xff\x0f" +
                                               http2.call_headers(GET))),
     COMPRESSION_ERROR, None, "protocol"),
    ("40 settings at once", once(settings(*[(9, 1)] * 40)), CALM, None, "protocol"),
    ("a window of more than 2^31", once(window(0, http2.MAX_WINDOW)), http2.FLOW_CONTROL_ERROR, None,
     "protocol"),
    ("a window that grows by 0", once(window(0, 0)), http2.PROTOCOL_ERROR, None, "protocol"),
    ("a frame larger than allowed", once(b"\xff\xff\xff\0\0\0\0\0\1"), http2.FRAME_SIZE_ERROR, None,
     "protocol"),
    ("a stream of the server's", once(headers(2, http2.call_headers(GET))), http2.PROTOCOL_ERROR,
     None, "protocol"),
    ("a call with a number that was passed over", number_of_no_call, http2.PROTOCOL_ERROR, None,
     "protocol"),
    ("DATA for no stream", once(frame(http2.DATA, 0, 0, b"x")), http2.PROTOCOL_ERROR, None,
     "protocol"),
    ("a push", once(frame(http2.PUSH, 4, 1, b"\0\0\0\2")), http2.PROTOCOL_ERROR, None, "protocol"),
)


class Attacks(hostile.OneByOne):
    def attack(self, _, attack, code, text, counters):
        peer = http2.Peer(self.gord.socket)
        try:
            attack(peer)
            said = peer.goaway()
        finally:
            peer.close()
        # It reads why even if it was still sending.
        self.assertIsNotNone(said)
        self.assertEqual(said[0], code, said)
        if text is not None:
            self.assertEqual(said[1], text)
        return counters

    def test_whoever_attacks_is_cut_off(self):
        self.one_by_one(ATTACKS)


class Excesses(hostile.HostileTest):
    def test_window_of_a_call_that_overflows_ends_the_call_only(self):
        self.watch()
        peer = http2.Peer(self.gord.socket)
        peer.send(headers(1, http2.call_headers(WATCH)) + window(1, http2.MAX_WINDOW))
        self.assertEqual(peer.reset(1), http2.FLOW_CONTROL_ERROR)
        peer.send(frame(http2.PING, payload=b"are you?"))
        self.assertIn(b"are you?", (payload for kind, _, _, payload in peer.frames()
                                    if kind == http2.PING))
        peer.close()
        self.judge("the same for a call", ())

    def test_what_is_no_http2_is_cut_off(self):
        self.watch()
        for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
                     os.urandom(4096)):
            peer = http2.Peer(self.gord.socket, greet=False)
            peer.send(text)
            peer.goaway()
            peer.close()
        self.assertEqual(self.judge("no HTTP/2", "protocol")["protocol"], 3)

    def test_promises_of_much_cost_nothing(self):
        self.watch()
        for size in (0xffffffff, 5 * MIB):
            peer = http2.Peer(self.gord.socket)
            peer.send(headers(1, http2.call_headers(GET)) +
                      frame(http2.DATA, 0, 1, message(b"", size=size)))
            # It has its answer though the message never comes; and the connection lives.
            self.assertEqual(peer.reset(1), http2.NO_ERROR)
            peer.send(frame(http2.PING, payload=b"are you?"))
            self.assertIn(b"are you?", (payload for kind, _, _, payload in peer.frames()
                                        if kind == http2.PING))
            peer.close()
        self.judge("messages said to be of 4 GiB", ())

    def test_half_requests_on_many_connections_share_a_budget(self):
        self.watch()
        peers = []
        piece = frame(http2.DATA, 0, 1, 16384 * b"\0")
        for _ in range(60):
            peer = http2.Peer(self.gord.socket)
            peer.send(headers(1, http2.call_headers("/gor.v1.Jobs/Submit")) +
                      frame(http2.DATA, 0, 1, message(b"", size=4 * MIB - 100)))
            for _ in range(14):  # the window is 256 KiB at first
                peer.send(piece)
            peers.append(peer)
        self.judge("60 half requests", (), growth=160 * MIB)
        for peer in peers:
            peer.close()

    def bomb(self):
        """A thousandth of what is to be looked through has to be sent."""
        size = 4 * MIB - 64
        return message(gzip.compress(b"\xfa\x07" + varint(size) + bytes(size)), compressed=True)

    def wait_for_answers(self, peer, count):
        answers = 0
        for kind, flags, _, _ in peer.frames():
            answers += kind == http2.HEADERS and flags & http2.END_STREAM
            if answers == count:
                break
        self.assertEqual(answers, count)

    def test_requests_that_unfold_let_others_have_their_turn(self):
        bomb = self.bomb()
        block = http2.call_headers("/gor.v1.Jobs/Submit", (b"grpc-encoding", b"gzip"))
        count = 20 if e2e.SANITIZE else 100
        peers = [http2.Peer(self.gord.socket) for _ in range(6)]
        self.watch()
        for stream in streams(count):
            for peer in peers:
                peer.send(headers(stream, block) + frame(http2.DATA, 1, stream, bomb))
        for peer in peers:
            self.wait_for_answers(peer, count)
            peer.close()
        self.judge(f"{6 * count} requests of 4 KB that unfold to 4 MiB, on 6 connections", (),
                   growth=64 * MIB)

    def test_requests_whose_ends_come_together_let_others_have_their_turn(self):
        """Ten bytes each are what is sent at last."""
        bomb = self.bomb()
        block = http2.call_headers("/gor.v1.Jobs/Submit", (b"grpc-encoding", b"gzip"))
        count = 60 if e2e.SANITIZE else 600
        peer = http2.Peer(self.gord.socket)
        self.watch()
        for stream in streams(count):
            peer.send(headers(stream, block) + frame(http2.DATA, 0, stream, bomb[:-1]))
        peer.send(b"".join(frame(http2.DATA, 1, stream, bomb[-1:]) for stream in streams(count)))
        self.wait_for_answers(peer, count)
        peer.close()
        self.judge(f"{count} of them whose last bytes come at once", (), growth=64 * MIB)

    def test_requests_that_were_held_let_others_have_their_turn(self):
        """They come while the replies to others are not read, and with the windows all may go on."""
        bomb = self.bomb()
        block = http2.call_headers("/gor.v1.Jobs/SubmitStream", (b"grpc-encoding", b"gzip"))
        dry = message(b"\x18\x01")
        calls, count = (4, 10) if e2e.SANITIZE else (12, 50)
        peer = http2.Peer(self.gord.socket, first=settings((4, 0)))
        self.assertIn(http2.SETTINGS, (kind for kind, _, _, _ in peer.frames()))
        peer.send(frame(http2.SETTINGS, http2.ACK))  # from here on there is a window for all that
        self.watch()
        for stream in streams(calls):
            peer.send(headers(stream, block))
            for _ in range(20):
                peer.send(frame(http2.DATA, 0, stream, 100 * dry))
            for _ in range(count):
                peer.send(frame(http2.DATA, 0, stream, bomb))
            peer.send(frame(http2.DATA, 1, stream))
        peer.send(frame(http2.PING, payload=b"are you?"))
        self.assertIn(b"are you?", (payload for kind, _, _, payload in peer.frames()
                                    if kind == http2.PING))
        peer.send(settings((4, 16 * MIB)) + window(0, 16 * MIB))
        self.wait_for_answers(peer, calls)
        peer.close()
        self.judge(f"{calls * count} of them that were held, and may all go on at once", (),
                   growth=64 * MIB)

    def test_windows_of_zero_hold_little(self):
        self.watch()
        peer = http2.Peer(self.gord.socket, first=settings((4, 0)))
        block = http2.call_headers("/gor.v1.Runtime/Goroutines")
        for stream in streams(500):
            if not peer.send(headers(stream, block) + frame(http2.DATA, 1, stream, message(b""))):
                break
        self.client.runtime("Version")
        self.judge("500 replies for a window of 0", ())
        peer.close()


if __name__ == "__main__":
    e2e.main()
