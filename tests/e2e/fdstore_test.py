# SPDX-License-Identifier: MIT
"""Sockets that systemd keeps for gord over a restart: handed over by FDSTORE, taken back by name."""

import array
import os
import signal
import socket
import subprocess
import time
import unittest

import gor_e2e as e2e


class FdStore(unittest.TestCase):
    def setUp(self):
        self.gord = e2e.Gord("--listen", "127.0.0.1:0", notify=False)
        self.addCleanup(self.gord.close)
        os.makedirs(self.gord.state, exist_ok=True)
        self.path = os.path.join(self.gord.folder, "notify")
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.addCleanup(self.systemd.close)
        self.systemd.bind(self.path)
        self.kept = {}
        self.addCleanup(lambda: [os.close(fd) for fd in self.kept.values()])

    def listen(self, until, seconds=e2e.PATIENCE):
        """Take what is said, descriptors too, until there is such a line."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.systemd.settimeout(end - time.monotonic())
            text, control, _, _ = self.systemd.recvmsg(65536, socket.CMSG_SPACE(4 * 8))
            lines = text.decode().split("\n")
            fds = array.array("i")
            for level, kind, data in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(data)
            if "FDSTORE=1" in lines:
                name = next(x for x in lines if x.startswith("FDNAME=")).partition("=")[2]
                self.kept[name], = fds
            if until in lines:
                return
        self.fail(f"gord never said {until}:\n{self.gord.stderr()}")

    def start(self):
        """As systemd would, with what is kept."""
        env = self.gord.environment()
        env["NOTIFY_SOCKET"] = self.path
        env["INVOCATION_ID"] = "0" * 32  # a service has one
        names = list(self.kept)
        copies = [os.dup(self.kept[n]) for n in names]
        command = self.gord.command()
        if names:
            env.update(LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=":".join(names))
            command = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *command]

        def place():
            high = [os.dup2(fd, 100 + i) for i, fd in enumerate(copies)]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i, inheritable=True)
                os.close(fd)

        with open(self.gord.stderr_path, "ab") as err:
            self.gord.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=err,
                                                 stderr=err, env=env, preexec_fn=place,
                                                 close_fds=False)
        for fd in copies:
            os.close(fd)
        self.listen("READY=1")

    def stop(self, sig=signal.SIGTERM):
        self.gord.process.send_signal(sig)
        self.assertEqual(self.gord.process.wait(e2e.PATIENCE), 0 if sig == signal.SIGTERM else -9)

    def address(self, name):
        with socket.socket(fileno=os.dup(self.kept[name])) as kept:
            return kept.getsockname()

    def test_sockets_are_the_same_after_a_restart_and_nobody_is_refused(self):
        self.start()
        self.assertEqual(sorted(self.kept), ["gord-tcp", "gord-unix"])
        unix, tcp = self.address("gord-unix"), self.address("gord-tcp")
        for sig in (signal.SIGTERM, signal.SIGKILL):
            self.stop(sig)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as early, \
                    socket.create_connection(tcp) as also:
                early.connect(unix)  # while there is no gord
                self.start()
                for waiting in (early, also):
                    waiting.settimeout(e2e.PATIENCE)
                    waiting.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
                    self.assertNotEqual(waiting.recv(9), b"")
            self.assertEqual((self.address("gord-unix"), self.address("gord-tcp")), (unix, tcp))
        with self.gord.client().channel:
            pass
        self.stop()


if __name__ == "__main__":
    e2e.main()
