#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The packages' life in a Debian that has nothing but what a Debian must have: apt brings what they
need, adduser makes the user, and a program is built with libgor-dev. Part of ./check --long, for it
fetches such a root (kept in the build folder) and a compiler."""

import os
import shutil
import unittest

import clean_root
import debs
import lifecycle

BASE = os.path.join(debs.BUILD, "tests/packages/clean_root")


class InACleanRoot(lifecycle.Lifecycle, unittest.TestCase):
    base = BASE

    @classmethod
    def setUpClass(cls):
        clean_root.debootstrap(BASE)

    def install(self, packages):
        self.root.output("apt-get", "install", "-q", "-y", "--no-install-recommends", *packages)

    def test_program_builds_with_the_development_package(self):
        self.install([*self.first, "gcc", "libc6-dev", "pkg-config"])
        examples = "/usr/share/doc/libgor-dev/examples"
        for kind, flags in (("shared", "--cflags --libs"), ("static", "--static --cflags --libs")):
            self.root.output("sh", "-ec", f"gcc -Wall -Werror {'-static' * (kind == 'static')} "
                             f"-o /tmp/{kind} {examples}/sieve.c $(pkg-config {flags} gor)")
            self.assertIn("2\n3\n5\n7\n11\n", self.root.output(f"/tmp/{kind}"))
        self.assertIn("libgor.so.0", self.root.output("ldd", "/tmp/shared"))
        self.root.output("sh", "-ec", f"gcc -shared -fPIC -o $(echo /usr/lib/*/gord/plugins)/words.so "
                         f"{examples}/plugins/words.c $(pkg-config --cflags gor)")
        self.start_gord()
        self.assertIn("words", self.root.output("gorctl", "plugins"))


def reason():
    if not os.environ.get("GOR_LONG"):
        return "fetches a whole root; GOR_LONG=1 (./check --long) says that it may"
    if shutil.which("debootstrap") is None:
        return "there is no debootstrap"
    if clean_root.missing() is None and clean_root.own_sources() is None:
        return "this machine's apt has no source for a release of Debian"
    return clean_root.missing()


if __name__ == "__main__":
    lifecycle.skip_or_run(reason())
