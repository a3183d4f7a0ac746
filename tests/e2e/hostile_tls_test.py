# SPDX-License-Identifier: MIT
"""Peers that attack below HTTP/2, in TLS: handshakes that are begun and left, ones that dawdle, what is no
TLS, new keys without end. As hostile_test.py and dawdle_test.py: each is cut off, with its counter, and
whoever behaves is served meanwhile, on the Unix socket.
"""

import ctypes
import os
import socket
import ssl
import subprocess
import unittest

import gor_e2e as e2e
import hostile
import http2
from dawdle_test import Trickle
from hostile import CALM

MANY = 2000 if e2e.SANITIZE else 10000
UPDATES = 30000
GREETING = http2.PREFACE + http2.settings()
try:
    SSL, CRYPTO = ctypes.CDLL("libssl.so.3"), ctypes.CDLL("libcrypto.so.3")
except OSError:
    SSL = CRYPTO = None


def trusting():
    """It asks for h2, and believes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def client_hello():
    """The first bytes of a handshake."""
    out = ssl.MemoryBIO()
    try:
        trusting().wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def connect(port):
    one = socket.create_connection(("127.0.0.1", port))
    one.settimeout(60)
    return one


def read_to_end(one):
    """What comes until the other side hangs up."""
    data = b""
    try:
        while more := one.recv(65536):
            data += more
    except OSError:
        pass
    return data


class KeyChanger:
    """OpenSSL's own client, for Python's cannot make new keys. It keeps what it says until it is sent."""

    def __init__(self, port):
        for name in ("SSL_CTX_new", "SSL_new", "TLS_client_method"):
            getattr(SSL, name).restype = ctypes.c_void_p
        for name in ("BIO_new", "BIO_s_mem"):
            getattr(CRYPTO, name).restype = ctypes.c_void_p
        self.socket = connect(port)
        self.context = ctypes.c_void_p(SSL.SSL_CTX_new(ctypes.c_void_p(SSL.TLS_client_method())))
        self.ssl = ctypes.c_void_p(SSL.SSL_new(self.context))
        self.come, self.said = (ctypes.c_void_p(CRYPTO.BIO_new(ctypes.c_void_p(CRYPTO.BIO_s_mem())))
                                for _ in range(2))
        SSL.SSL_set_bio(self.ssl, self.come, self.said)
        SSL.SSL_set_alpn_protos(self.ssl, b"\2h2", 3)
        while SSL.SSL_connect(self.ssl) != 1:
            self.send()
            self.take(self.socket.recv(65536))
        self.room = ctypes.create_string_buffer(1 << 16)
        self.write(GREETING)

    def take(self, data):
        CRYPTO.BIO_write(self.come, data, len(data))

    def write(self, data):
        SSL.SSL_write(self.ssl, data, len(data))

    def change_keys(self, times):
        for _ in range(times):
            SSL.SSL_key_update(self.ssl, 0)
            SSL.SSL_do_handshake(self.ssl)

    def send(self):
        """False: nobody takes it."""
        room = ctypes.create_string_buffer(1 << 16)
        try:
            while (size := CRYPTO.BIO_read(self.said, room, len(room))) > 0:
                self.socket.sendall(room.raw[:size])
        except OSError:
            return False
        return True

    def read_to_end(self):
        """What the server said, decoded."""
        self.take(read_to_end(self.socket))
        data = b""
        while (size := SSL.SSL_read(self.ssl, self.room, len(self.room))) > 0:
            data += self.room.raw[:size]
        return data

    def close(self):
        self.socket.close()
        SSL.SSL_free(self.ssl)
        SSL.SSL_CTX_free(self.context)


class Taker:
    """As http2.Peer takes bytes."""

    def __init__(self, one):
        self.socket = one

    def send(self, data):
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False


class TlsTest(hostile.Judge, unittest.TestCase):
    """With a fresh daemon for each attack."""

    def start(self, *options):
        self.gord = e2e.Gord()
        self.addCleanup(self.gord.close)
        pki = os.path.join(self.gord.folder, "pki")
        subprocess.run([e2e.GORCTL, "tls", "init", pki], check=True, capture_output=True,
                       timeout=e2e.PATIENCE)
        self.gord.options = ("--listen=127.0.0.1:0", f"--tls-cert={pki}/server.crt",
                             f"--tls-key={pki}/server.key", *options)
        self.gord.start()
        self.port, _ = hostile.tcp(self.gord)
        self.client = self.gord.client()
        self.addCleanup(self.client.close)
        self.watch()

    def end(self):
        self.client.close()
        self.assertEqual(self.gord.stop(), 0, self.gord.stderr())

    def test_handshakes_that_are_begun_and_left(self):
        hostile.many_descriptors(self, MANY)
        self.start()
        hello, peers = client_hello(), []
        try:
            for _ in range(MANY):
                peers.append(connect(self.port))
                try:
                    peers[-1].sendall(hello)
                except OSError:
                    pass  # it was cut off already
            self.wait_for_cut("user_crowd", MANY - 1024)
            self.assertLessEqual(self.client.runtime("Stats").connections, 1024 * 3 // 4 + 1)
        finally:
            for one in peers:
                one.close()
        self.judge(f"{MANY:,} TLS handshakes begun and left", "user_crowd", 64 * hostile.MIB)
        self.end()

    def test_handshakes_that_dawdle(self):
        self.start("--handshake-timeout=2s")
        hello = client_hello()
        peers = [connect(self.port) for _ in range(4)]
        peers[1].sendall(hello[:3])
        peers[2].sendall(hello[:-1])
        peers[3].sendall(hello)
        slow = connect(self.port)
        silent = trusting().wrap_socket(connect(self.port))
        trickle = Trickle(Taker(slow), [bytes([byte]) for byte in hello])
        try:
            for one in (*peers, slow):
                read_to_end(one)
                one.close()
            said = read_to_end(silent)
            self.assertIn(b"the connection was not begun in time", said)
            self.assertIn(CALM.to_bytes(4, "big"), said)
            silent.close()
        finally:
            trickle.end()
        self.assertEqual(self.judge("dawdling in a TLS handshake, in six ways", "handshake"),
                         {"handshake": 6})
        self.end()

    def test_what_is_no_tls(self):
        self.start()
        record = b"\x17\x03\x03\x40\x00" + 0x4000 * b"x"
        for text in (GREETING, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(4096), record,
                     client_hello() + record):
            peer = connect(self.port)
            peer.sendall(text)
            read_to_end(peer)
            peer.close()
        self.assertEqual(self.judge("what is no TLS, in five ways", "tls"), {"tls": 5})
        self.end()

    @unittest.skipIf(SSL is None, "OpenSSL's library is not here by the name that is known")
    def test_new_keys_without_end(self):
        self.start()
        peer = KeyChanger(self.port)
        for _ in range(UPDATES // 1000):
            peer.change_keys(1000)
            if not peer.send():
                break
        self.assertIn(b"too many TLS records without data", peer.read_to_end())
        peer.close()
        self.assertEqual(self.judge(f"{UPDATES:,} changes of TLS keys", "records"), {"records": 1})
        self.end()


if __name__ == "__main__":
    e2e.main()
