# SPDX-License-Identifier: MIT
"""http2 - a peer that sends whatever a test wants: HTTP/2 frames made by hand on a socket, and those
that come back taken apart. Header blocks are written without the dynamic table, and read only as far
as a test needs: not at all."""

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = \
    range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = range(4)
FRAME_SIZE_ERROR, ENHANCE_YOUR_CALM = 6, 11
MAX_WINDOW = (1 << 31) - 1


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def _text(text):
    size = len(text)
    if size < 127:
        return bytes([size]) + text
    out, size = b"\x7f", size - 127
    while size > 127:
        out, size = out + bytes([size & 127 | 128]), size >> 7
    return out + bytes([size]) + text


def field(name, value):
    """One header field, literal, not to be remembered."""
    return b"\0" + _text(name) + _text(value)


def call_headers(path, *more):
    """The header block of a gRPC call."""
    return (b"\x83\x86" + b"\x04" + _text(path.encode()) + b"\x01" + _text(b"localhost") +
            field(b"content-type", b"application/grpc") + field(b"te", b"trailers") +
            b"".join(field(*pair) for pair in more))


def headers(stream, block, flags=END_HEADERS):
    return frame(HEADERS, flags, stream, block)


def message(data, compressed=False, size=None):
    """A gRPC message with its prefix."""
    return struct.pack(">BI", compressed, len(data) if size is None else size) + data


class Peer:
    """One connection, to a path or a port of this machine; `greet` sends preface and SETTINGS."""

    def __init__(self, to, greet=True, first=b""):
        family, address = (socket.AF_UNIX, to) if isinstance(to, str) else \
            (socket.AF_INET, ("127.0.0.1", to))
        self.socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.socket.settimeout(60)
        self.socket.connect(address)
        self.unread = b""
        if greet:
            self.send(PREFACE + (first or settings()))

    def send(self, data):
        """True; False when the other side has hung up."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def frames(self):
        """(kind, flags, stream, payload) of each frame, until the other side hangs up."""
        while True:
            while len(self.unread) >= 9:
                size = int.from_bytes(self.unread[:3], "big")
                if len(self.unread) < 9 + size:
                    break
                kind, flags = self.unread[3], self.unread[4]
                stream = int.from_bytes(self.unread[5:9], "big")
                payload = self.unread[9:9 + size]
                self.unread = self.unread[9 + size:]
                yield kind, flags, stream, payload
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return
            if not more:
                return
            self.unread += more

    def goaway(self):
        """(code, text) of the last GOAWAY before the other side hangs up; None: there was none."""
        last = None
        for kind, _, _, payload in self.frames():
            if kind == GOAWAY:
                last = struct.unpack(">I", payload[4:8])[0], payload[8:].decode()
        return last

    def reset(self, stream):
        """The code of the RST_STREAM that comes for the stream; None: the connection ended."""
        for kind, _, on, payload in self.frames():
            if kind == RST_STREAM and on == stream:
                return struct.unpack(">I", payload)[0]
        return None

    def close(self):
        self.socket.close()
