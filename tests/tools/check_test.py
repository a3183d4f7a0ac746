#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""./check itself, with stand-ins for cmake and ctest: counts, exit codes, what it says."""

import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CTEST_BAD = """\
1/4 Test #1: a ..........   Passed    0.01 sec
2/4 Test #2: b ..........***Failed    0.01 sec
3/4 Test #3: c ..........***Skipped   0.01 sec
4/4 Test #4: d ..........   Passed    0.01 sec

75% tests passed, 1 tests failed out of 4

The following tests did not run:
\t  3 - c (Skipped)

The following tests FAILED:
\t  2 - b (Failed)
"""
CTEST_GOOD = "1/2 Test #1: a ...   Passed\n\n100% tests passed, 0 tests failed out of 2\n"
CTEST_NONE = "100% tests passed, 0 tests failed out of 0\n"


class Check(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.TemporaryDirectory()
        self.addCleanup(self.tree.cleanup)
        self.check = os.path.join(self.tree.name, "check")
        shutil.copy(os.path.join(ROOT, "check"), self.check)
        self.commands = os.path.join(self.tree.name, "bin")
        os.mkdir(self.commands)
        self.stand_in("cmake", "exit 0")
        self.stand_in("nproc", "echo 3")

    def stand_in(self, name, body):
        path = os.path.join(self.commands, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + body + "\n")
        os.chmod(path, 0o755)

    def ctest_says(self, text, code, e2e=CTEST_NONE, e2e_code=0):
        self.stand_in("ctest", f"""echo "asked: $*"
case "$*" in
*-R\\ ^e2e/*)
    cat <<'END'
{e2e}END
    exit {e2e_code} ;;
esac
cat <<'END'
{text}END
exit {code}""")

    def run_check(self, *words):
        env = dict(os.environ, PATH=self.commands + ":" + os.environ["PATH"])
        return subprocess.run([self.check, *words], capture_output=True, text=True, check=False,
                              env=env, stdin=subprocess.DEVNULL)

    def test_good_run_ends_0_with_the_counts_alone(self):
        self.ctest_says(CTEST_GOOD, 0)
        result = self.run_check("release")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(result.stdout.splitlines()[-1], "2 passed, 0 failed")

    def test_counts_add_up_over_builds(self):
        self.ctest_says(CTEST_GOOD, 0)
        result = self.run_check("release", "asan")
        self.assertEqual(result.stdout.splitlines()[-1], "4 passed, 0 failed")

    def test_failed_test_ends_1_names_the_step_and_stops(self):
        self.ctest_says(CTEST_BAD, 8)
        result = self.run_check("release", "asan")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.splitlines()[-1], "2 passed, 1 failed, 1 skipped")
        self.assertIn("./check release", result.stdout)
        self.assertNotIn("==> asan", result.stdout)

    def test_tests_that_drive_a_daemon_are_twice_as_many_at_once(self):
        self.ctest_says(CTEST_GOOD, 0, CTEST_GOOD)
        result = self.run_check("release")
        self.assertEqual(result.stdout.splitlines()[-1], "4 passed, 0 failed")
        asked = [line.split() for line in result.stdout.splitlines() if line.startswith("asked: ")]
        jobs = {words[-2]: int(words[words.index("-j") + 1]) for words in asked}
        self.assertEqual(jobs, {"-E": 3, "-R": 6})

    def test_a_new_build_knows_from_the_optimized_one_which_of_those_take_long(self):
        self.stand_in("ctest", f"""costs=$2/Testing/Temporary/CTestCostData.txt
[ ! -e "$costs" ] || sed 's/^/knows: /' "$costs"
mkdir -p "$2/Testing/Temporary"
printf 'a 1 2\ne2e/b_test 1 30.5\n---\n' >"$costs"
echo '{CTEST_GOOD}'""")
        known = [line for line in self.run_check("release", "asan").stdout.splitlines()
                 if line.startswith("knows: ")]
        measured = ["knows: a 1 2", "knows: e2e/b_test 1 30.5", "knows: ---"]
        self.assertEqual(known, [*measured, "knows: e2e/b_test 1 30.5", *measured])

    def test_one_of_those_that_fails_is_enough(self):
        self.ctest_says(CTEST_GOOD, 0, CTEST_BAD, 8)
        result = self.run_check("release")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.splitlines()[-1], "4 passed, 1 failed, 1 skipped")

    def test_failed_build_shows_the_log_and_counts_as_failed(self):
        self.stand_in("cmake", "echo 'error: no such thing'; exit 1")
        result = self.run_check("release")
        self.assertEqual(result.returncode, 1)
        self.assertIn("error: no such thing", result.stdout)
        self.assertEqual(result.stdout.splitlines()[-1], "0 passed, 1 failed")

    def test_crashed_ctest_is_no_success(self):
        self.ctest_says("", 1)
        result = self.run_check("release")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.splitlines()[-1], "0 passed, 1 failed")

    def test_long_aarch64_installs_its_packages_and_keeps_the_tests_short(self):
        os.mkdir(os.path.join(self.tree.name, "tools"))
        self.stand_in("../tools/install-packages", 'echo "packages: $*"')
        self.stand_in("clang-14", "exit 0")
        self.stand_in("ctest", f"""echo "long: ${{GOR_LONG-no}}"; echo '{CTEST_GOOD}'""")
        os.mkdir(os.path.join(self.tree.name, "runtime"))
        result = self.run_check("--long", "aarch64")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("packages: cross", result.stdout)
        self.assertIn("long: no", result.stdout)
        self.assertEqual(result.stdout.splitlines()[-1], "2 passed, 0 failed")

    def test_unknown_step_ends_2_and_lists_the_steps(self):
        result = self.run_check("nosuch")
        self.assertEqual(result.returncode, 2)
        self.assertIn("release", result.stderr)

    def test_help_names_every_step(self):
        result = self.run_check("--help")
        self.assertEqual(result.returncode, 0)
        for step in ("packages", "layers", "format", "release", "exports", "install", "asan",
                     "tsan", "tidy", "aarch64"):
            self.assertIn(f"  {step} ", result.stdout)


if __name__ == "__main__":
    unittest.main()
