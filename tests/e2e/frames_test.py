# SPDX-License-Identifier: MIT
"""Frames drawn by chance, cut short and larger than allowed, on both sockets: the daemon stays, its
memory does not grow, and a client that behaves is served meanwhile."""

import os
import random
import struct

import gor_e2e as e2e
import hostile
import http2

FRAMES = 500 if e2e.SANITIZE else 5000  # on each socket
PREFACE_FIRST = 0.9


def draw_payload(rng, kind):
    """Of the right size, or not; bytes by chance, or what a call begins with."""
    if kind == http2.HEADERS and rng.random() < 0.5:
        block = http2.call_headers(rng.choice((hostile.GET, hostile.WATCH, "/nosuch", "")))
        return block[:rng.randrange(len(block) + 1)]
    if kind == http2.DATA and rng.random() < 0.5:
        return http2.message(rng.randbytes(rng.randrange(64)), size=rng.choice((0, 3, 64, 1 << 31)))
    sizes = {http2.PRIORITY: 5, http2.RST_STREAM: 4, http2.SETTINGS: 6, http2.PING: 8,
             http2.GOAWAY: 8, http2.WINDOW_UPDATE: 4}
    size = sizes.get(kind, rng.randrange(200)) if rng.random() < 0.7 else rng.randrange(40)
    return rng.randbytes(size)


def draw_frame(rng):
    kind = rng.choice((*range(10), rng.randrange(256)))
    payload = draw_payload(rng, kind)
    stream = rng.choice((0, 1, 1, 3, 5, 2, rng.getrandbits(31)))
    whole = http2.frame(kind, rng.choice((0, 1, 4, 5, rng.randrange(256))), stream, payload)
    lot = rng.random()
    if lot < 0.1:
        return whole[:rng.randrange(len(whole))]  # cut short; what follows is taken for its rest
    if lot < 0.2:
        size = rng.choice((16385, 1 << 20, (1 << 24) - 1))
        return struct.pack(">I", size)[1:] + whole[3:]  # says that it is larger than allowed
    return whole


class Frames(hostile.HostileTest):
    options = ("--listen", "127.0.0.1:0")

    def send(self, rng, to):
        """Some of them on one connection, and then hang up."""
        count = rng.randrange(1, 21)
        peer = http2.Peer(to, greet=False)
        try:
            if rng.random() < PREFACE_FIRST:
                peer.send(http2.PREFACE + http2.settings())
            for _ in range(count):
                if not peer.send(draw_frame(rng)):
                    break
        finally:
            peer.close()
        return count

    def test_frames_drawn_by_chance(self):
        seed = int(os.environ.get("GOR_TEST_SEED", random.SystemRandom().getrandbits(32)))
        print(f"GOR_TEST_SEED={seed}", flush=True)
        rng = random.Random(seed)
        port, _ = hostile.tcp(self.gord)
        for to in (self.gord.socket, port):  # so that buffers have the size that they keep
            self.send(rng, to)
        self.watch()
        for name, to in (("Unix socket", self.gord.socket), ("TCP", port)):
            with self.subTest(name):
                sent = 0
                while sent < FRAMES:
                    sent += self.send(rng, to)
                self.assertTrue(self.gord.alive())
        e2e.until(lambda: self.client.runtime("Stats").connections <= 3)  # all that was sent is read
        self.judge(f"{2 * FRAMES} frames drawn by chance", tuple(self.before))
        self.assertEqual(self.client.wait(self.client.exec("true")).outcome, e2e.SUCCEEDED)
        e2e.until(lambda: self.client.runtime("Stats").connections <= 2)


if __name__ == "__main__":
    e2e.main()
