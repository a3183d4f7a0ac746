# SPDX-License-Identifier: MIT
"""gorctl_e2e - what the tests of gorctl share: running it, also on a terminal."""

import json
import os
import pty
import select
import shutil
import subprocess

import gor_e2e as e2e

# gorctl's exit codes.
USAGE, NOT_FOUND, NO_DAEMON, OUTPUT, REFUSED, DENIED = 64, 66, 69, 74, 75, 77
NOTHING = 65
CANCELLED, LOST, SPAWN, PANICKED, TIMED_OUT, DETACHED = 79, 80, 81, 82, 124, 130


def command(*args):
    """The command line of gorctl; under TSan the address space must not be too random."""
    if e2e.SANITIZE == "thread" and shutil.which("setarch"):
        return [shutil.which("setarch"), os.uname().machine, "-R", e2e.GORCTL, *args]
    return [e2e.GORCTL, *args]


def environment(host=None, **more):
    """Ours without what gorctl looks at, and with `host` as its daemon."""
    env = {k: v for k, v in os.environ.items()
           if k not in ("GOR_HOST", "GOR_TOKEN", "NO_COLOR", "TERM", "COLUMNS")}
    if host is not None:
        env["GOR_HOST"] = host
    env.update(more)
    return env


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def text(self):
        return self.out.decode()

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        """NDJSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return f"code {self.code}\nstdout: {self.out!r}\nstderr: {self.err!r}"


def run(*args, host=None, stdin=b"", env=None, timeout=e2e.PATIENCE, **more):
    """Run gorctl to its end."""
    done = subprocess.run(command(*args), input=stdin, capture_output=True, timeout=timeout,
                          env=env or environment(host), check=False, **more)
    return Result(done.returncode, done.stdout, done.stderr)


def read_all(fd):
    """What comes out of a terminal until its other side has closed."""
    parts = []
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            part = b""
        if not part:
            return b"".join(parts)
        parts.append(part)


def run_on_terminal(*args, host=None, columns=80, **more):
    """Run gorctl with a terminal as its stdout; what it printed, with plain newlines."""
    import fcntl
    import struct
    import termios
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(command(*args), stdin=subprocess.DEVNULL, stdout=side,
                               stderr=subprocess.PIPE, env=environment(host, TERM="xterm", **more))
    os.close(side)
    out = read_all(main).replace(b"\r\n", b"\n")
    os.close(main)
    err = process.stderr.read()
    process.stderr.close()
    return Result(process.wait(e2e.PATIENCE), out, err)


class Terminal:
    """A gorctl with a terminal as its stdin and stdout, to read from and to type into."""

    def __init__(self, *args, host=None, rows=24, columns=80):
        import fcntl
        import termios
        self.main, side = pty.openpty()
        self.resize(rows, columns)
        self.settings = termios.tcgetattr(side)
        self.process = subprocess.Popen(command(*args), stdin=side, stdout=side,
                                        stderr=subprocess.PIPE, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        env=environment(host, TERM="xterm"))
        self.side = side
        self.text = b""

    def resize(self, rows, columns):
        import fcntl
        import struct
        import termios
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, part):
        """Read until that has been written; what came up to its end."""
        while part not in self.text:
            ready, _, _ = select.select([self.main], [], [], e2e.PATIENCE)
            if not ready:
                raise AssertionError(f"no {part!r} on the terminal:\n{self.text!r}")
            self.text += os.read(self.main, 65536)
        before, _, self.text = self.text.partition(part)
        return before + part

    def type(self, keys):
        os.write(self.main, keys)

    def close(self):
        """Wait for its end: exit code, and whether the terminal's settings are as before."""
        import termios
        code = self.process.wait(e2e.PATIENCE)
        restored = termios.tcgetattr(self.side) == self.settings
        self.process.stderr.close()
        os.close(self.side)
        os.close(self.main)
        return code, restored


def begin_on_terminal(*args, host=None, columns=80):
    """Begin gorctl with a terminal as its stdout and stderr: the process, and the terminal's other
    side, to be closed."""
    import fcntl
    import struct
    import termios
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(command(*args), stdin=subprocess.DEVNULL, stdout=side, stderr=side,
                               env=environment(host, TERM="xterm"))
    os.close(side)
    return process, main


class GorctlTest(e2e.GordTest):
    """A test class with a daemon of its own for gorctl to talk to."""

    def gorctl(self, *args, **more):
        return run(*args, host=self.gord.socket, **more)

    def ok(self, *args, **more):
        """Run it; it must end with 0 and nothing on stderr."""
        result = self.gorctl(*args, **more)
        self.assertEqual((result.code, result.err), (0, b""), result)
        return result

    def refused(self, code, text, *args, **more):
        """Run it; it must end with that code, that text on stderr, and nothing on stdout."""
        result = self.gorctl(*args, **more)
        self.assertEqual((result.code, result.out), (code, b""), result)
        self.assertIn(text, result.err.decode())
        return result

    def submit(self, *args, **more):
        return int(self.ok("submit", *args, **more).out)

    def start(self, *args, **more):
        """Begin it and go on."""
        return subprocess.Popen(command(*args), env=environment(self.gord.socket), **more)
