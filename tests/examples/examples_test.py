#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples_test PROGRAM - one of the programs in examples/, as its comment says to try it: what it
prints, how it ends, and that it helps whoever calls it wrongly."""

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
NAME = os.path.basename(PROGRAM)
# What runs a program that was built for another processor.
COMMAND = os.environ.get("GOR_EMULATOR", "").split() + [PROGRAM]


def run(*words, stdin="", **variables):
    return subprocess.run([*COMMAND, *words], input=stdin, capture_output=True, text=True,
                          env=dict(os.environ, **variables), check=False)


class Example(unittest.TestCase):
    maxDiff = None

    def good(self, *words):
        """Standard output of a run that ends well and complains of nothing."""
        result = run(*words)
        self.assertEqual(result.stderr, "")
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def wrong(self, *words):
        """Wrong usage: says so and how it is right, prints nothing, ends with 2."""
        result = run(*words)
        self.assertEqual(result.returncode, 2, result)
        self.assertEqual(result.stdout, "")
        self.assertIn(f"usage: {NAME}", result.stderr)
        return result.stderr


class Everyone(Example):
    def test_help(self):
        self.assertTrue(self.good("--help").startswith(f"usage: {NAME}"))

    def test_no_such_option(self):
        self.wrong("--nonsense")


class Pingpong(Example):
    def test_rounds(self):
        self.assertRegex(self.good("10000"), r"^10000 rounds, \d+ ns each\n$")

    def test_bad_numbers(self):
        for word in ("0", "-5", "many", "12x", ""):
            self.wrong(word)
        self.wrong("1", "2")


class Sieve(Example):
    def test_primes(self):
        primes = [n for n in range(2, 542) if all(n % d for d in range(2, n))]
        self.assertEqual(len(primes), 100)
        self.assertEqual(self.good().split(), [str(prime) for prime in primes])
        self.assertEqual(self.good("1"), "2\n")

    def test_bad_numbers(self):
        for word in ("0", "-5", "10001", "many", ""):
            self.wrong(word)


class WorkerPool(Example):
    def test_all_tasks(self):
        self.assertEqual(self.good("--tasks", "20", "--time-ms", "100000"),
                         "4 workers did 20 of 20 tasks\n")

    def test_time_is_up(self):
        result = run("--workers", "1", "--tasks", "1000000", "--time-ms", "1")
        self.assertEqual(result.returncode, 1)
        done = re.fullmatch(r"1 workers did (\d+) of 1000000 tasks\n", result.stdout)
        self.assertTrue(done, result.stdout)
        self.assertLess(int(done[1]), 1000000)
        self.assertEqual(result.stderr,
                         "worker_pool: time was up before all tasks were done\n")

    def test_bad_numbers(self):
        self.assertIn("'none' is not a number", self.wrong("--workers", "none"))
        self.wrong("--tasks")
        self.wrong("7")


class RateLimiter(Example):
    def test_burst_then_a_steady_rate(self):
        out = self.good("--requests", "12", "--per-second", "100", "--burst", "3")
        lines = re.findall(r"^request (\d+) at (\d+) ms$", out, re.M)
        self.assertEqual(sorted(int(number) for number, _ in lines), list(range(1, 13)))
        took = re.search(r"^12 requests, a burst of 3, then 100 a second: took ([\d.]+) s$", out,
                         re.M)
        # 9 of them had to wait for a tick each.
        self.assertGreaterEqual(float(took[1]), 0.090)

    def test_a_minute_of_virtual_time(self):
        for seed in ("1", "2", "3"):
            result = run("--requests", "3000", GOR_SEED=seed, GOR_VIRTUAL_TIME="1")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stdout.splitlines()[-1],
                             "3000 requests, a burst of 5, then 50 a second: took 59.900 s")

    def test_burst_alone_waits_for_nothing(self):
        self.assertEqual(len(self.good("--requests", "3", "--burst", "3", "--per-second", "1")
                             .splitlines()), 4)

    def test_bad_numbers(self):
        self.assertIn("'0' is not a number", self.wrong("--per-second", "0"))
        self.wrong("7")


class EchoServer(Example):
    def test_its_own_clients(self):
        self.assertEqual(self.good("--try", "50"), "50 of 50 clients heard what they said\n")

    def test_a_client_from_outside(self):
        with subprocess.Popen([*COMMAND, "127.0.0.1:0"], stdout=subprocess.PIPE, text=True) as server:
            try:
                port = re.fullmatch(r"echoing at 127\.0\.0\.1:(\d+)\n",
                                    server.stdout.readline())[1]
                with socket.create_connection(("127.0.0.1", int(port))) as client:
                    for word in (b"hello", b"x" * 30000, b"stop"):
                        if word == b"stop":
                            server.send_signal(signal.SIGTERM)
                            self.assertRegex(server.stdout.readline(), "^stopped: ")
                        client.sendall(word)
                        heard = b""
                        while len(heard) < len(word):
                            more = client.recv(65536)
                            self.assertNotEqual(more, b"")
                            heard += more
                        self.assertEqual(heard, word)
                self.assertEqual(server.wait(), 0)
            finally:
                server.kill()

    def test_where_it_cannot_listen(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = f"127.0.0.1:{other.getsockname()[1]}"
            in_use = run(taken)
        self.assertEqual((in_use.returncode, in_use.stderr),
                         (1, f"echo_server: cannot listen at {taken}: Address already in use\n"))
        no_port = run("127.0.0.1")
        self.assertEqual((no_port.returncode, no_port.stderr),
                         (1, "echo_server: cannot listen at 127.0.0.1: Invalid argument\n"))

    def test_bad_usage(self):
        self.wrong()
        self.wrong("--try", "0")
        self.wrong("--try", "many")
        self.wrong("--try")


class Pipeline(Example):
    def count(self, text, *words):
        result = run(*words, stdin=text)
        return result.returncode, result.stdout, result.stderr

    def test_primes_are_counted(self):
        numbers = "".join(f"{n}\n" for n in range(1, 10001))
        for workers in ("1", "4", "100"):
            self.assertEqual(self.count(numbers, "--workers", workers),
                             (0, "10000 numbers, 1229 primes\n", ""))

    def test_no_input_at_all(self):
        self.assertEqual(self.count(""), (0, "0 numbers, 0 primes\n", ""))

    def test_last_line_needs_no_end(self):
        self.assertEqual(self.count("4\n5"), (0, "2 numbers, 1 primes\n", ""))

    def test_a_bad_line_ends_all_stages(self):
        numbers = "".join(f"{n}\n" for n in range(1, 10001))
        self.assertEqual(self.count("7\n8\neight\n" + numbers),
                         (1, "", "pipeline: line 3: not a number: eight\n"))

    def test_input_from_a_file(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("2\n3\n4\n")
            file.flush()
            self.assertEqual(self.good(file.name), "3 numbers, 2 primes\n")

    def test_input_that_cannot_be_read(self):
        self.assertEqual(self.count("", "/"), (1, "", "pipeline: line 1: Is a directory\n"))
        self.assertEqual(self.count("", "/nowhere"),
                         (1, "", "pipeline: /nowhere: No such file or directory\n"))

    def test_bad_usage(self):
        self.wrong("--workers", "0")
        self.wrong("--workers", "many")
        self.wrong("a", "b")


class HashTree(Example):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = folder.name
        self.expected = ""
        # Lengths around those where SHA-256 pads differently, and around the reader's buffer.
        for number, size in enumerate((0, 1, 55, 56, 63, 64, 65, 119, 120, 16383, 16384, 100000)):
            path = os.path.join(self.top, f"folder {number % 3}", f"file {number:02}")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            content = bytes((number * 31 + i * 7) % 256 for i in range(size))
            with open(path, "wb") as file:
                file.write(content)
            self.expected += f"{hashlib.sha256(content).hexdigest()}  {path}\n"
        os.symlink("/", os.path.join(self.top, "link"))

    def test_a_tree(self):
        by_path = sorted(self.expected.splitlines(), key=lambda line: line[66:])
        for workers in ("1", "4", "100"):
            self.assertEqual(self.good("--workers", workers, self.top).splitlines(), by_path)

    def test_files_by_name(self):
        line = self.expected.splitlines()[0]
        self.assertEqual(self.good(line[66:]), line + "\n")

    def test_first_error_ends_it(self):
        result = run(self.top, "/nowhere")
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (1, "", "hash_tree: /nowhere: No such file or directory\n"))

    def test_bad_usage(self):
        self.wrong()
        self.wrong("--workers", "0", self.top)


def load_tests(loader, _tests, _pattern):
    own = globals().get("".join(word.capitalize() for word in NAME.split("_")))
    if own is None:
        raise LookupError(f"examples_test.py has no tests for {NAME}")
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (Everyone, own))


if __name__ == "__main__":
    unittest.main()
