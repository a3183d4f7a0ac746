#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is in the Debian packages, what they say of themselves and need, and what lintian says."""

import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import debs

LIBRARY = debs.soname_package()
FOR_USERS = {"gord", "gorctl", LIBRARY, "libgor-dev", "gor-gdb"}
WITH_SYMBOLS = {"gord-dbgsym", "gorctl-dbgsym", LIBRARY + "-dbgsym"}


def names_in(field_text):
    return {re.split(r"[ (]", word.strip())[0] for word in field_text.split(",") if word.strip()}


class Contents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.paths = debs.paths()
        cls.listed = {name: debs.contents(path) for name, path in cls.paths.items()}
        cls.folder = tempfile.mkdtemp(prefix="gor-debs-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def control(self, name):
        """The folder with the package's control files."""
        folder = os.path.join(self.folder, name)
        if not os.path.isdir(folder):
            debs.output("dpkg-deb", "-e", self.paths[name], folder)
        return folder

    def control_text(self, name, file):
        with open(os.path.join(self.control(name), file), encoding="utf-8") as opened:
            return opened.read()

    def test_packages_are_those_and_no_more(self):
        self.assertEqual(set(self.paths), FOR_USERS | WITH_SYMBOLS)

    def test_what_is_installed_lies_in_exactly_one_package(self):
        tree = os.path.join(self.folder, "tree")
        debs.output("cmake", "--install", debs.BUILD, env=dict(os.environ, DESTDIR=tree))
        installed = [os.path.relpath(path, tree) for path in
                     glob.glob(os.path.join(tree, "**"), recursive=True)
                     if os.path.islink(path) or not os.path.isdir(path)]
        packed = [re.sub(r"(/man/.*)\.gz$", r"\1", path) for name in FOR_USERS
                  for path in self.listed[name]]
        self.assertEqual(len(packed), len(set(packed)), "two packages have the same file")
        self.assertEqual(set(installed) - set(packed), set(),
                         "in no package; does its install() name a component of packaging/?")
        for path in set(packed) - set(installed):
            self.assertTrue(path.startswith("usr/share/doc/"), path)

    def test_everything_belongs_to_root_and_nobody_else_writes_it(self):
        for name, listed in self.listed.items():
            for path, (mode, owner) in listed.items():
                self.assertEqual(owner, "root/root", f"{name}: {path}")
                if not mode.startswith("l"):
                    self.assertRegex(mode, r"^-rw[-x]r-[-x]r-[-x]$", f"{name}: {path}")

    def test_each_has_copyright_and_changelog(self):
        for name in FOR_USERS:
            for file in ("copyright", "changelog.Debian.gz"):
                self.assertIn(f"usr/share/doc/{name}/{file}", self.listed[name])

    def test_pages_are_compressed(self):
        for name in FOR_USERS:
            for path in self.listed[name]:
                if "/man/" in path:
                    self.assertTrue(path.endswith(".gz"), path)
        self.assertIn("usr/share/man/man8/gord.8.gz", self.listed["gord"])
        self.assertIn("usr/share/man/man1/gorctl.1.gz", self.listed["gorctl"])
        self.assertIn("usr/share/man/man1/gorctl-submit.1.gz", self.listed["gorctl"])

    def test_version_is_the_changelogs(self):
        with open(os.path.join(debs.SOURCE, "packaging/changelog"), encoding="utf-8") as file:
            version = re.match(r"gor \((.*?)\)", file.readline()).group(1)
        for name, path in self.paths.items():
            self.assertEqual(debs.field(path, "Version"), version, name)

    def test_each_says_whose_it_is_and_what_for(self):
        for name in FOR_USERS:
            path = self.paths[name]
            for field in ("Section", "Priority", "Maintainer", "Source"):
                self.assertNotEqual(debs.field(path, field), "", f"{name}: {field}")
            self.assertGreater(len(debs.field(path, "Description").splitlines()), 3, name)

    def test_each_needs_what_it_links_to(self):
        needs = {name: names_in(debs.field(self.paths[name], "Depends")) for name in self.paths}
        self.assertEqual(needs[LIBRARY], {"libc6"})
        self.assertLessEqual({"libc6", "libsqlite3-0", "libuv1", "libcurl4", "adduser"},
                             needs["gord"])
        self.assertLessEqual({"libc6", "libjansson4", "libuv1"}, needs["gorctl"])
        version = debs.field(self.paths[LIBRARY], "Version")
        self.assertEqual(debs.field(self.paths["libgor-dev"], "Depends"), f"{LIBRARY} (= {version})")
        self.assertEqual(debs.field(self.paths["gord-dbgsym"], "Depends"), f"gord (= {version})")

    def test_conffiles_are_what_lies_in_etc(self):
        for name in FOR_USERS:
            declared = set()
            if os.path.exists(os.path.join(self.control(name), "conffiles")):
                declared = set(self.control_text(name, "conffiles").split())
            self.assertEqual(declared, {"/" + path for path in self.listed[name]
                                        if path.startswith("etc/")}, name)

    def test_library_tells_ldconfig_and_dpkg(self):
        self.assertEqual(self.control_text(LIBRARY, "triggers"), "activate-noawait ldconfig\n")
        self.assertRegex(self.control_text(LIBRARY, "shlibs"), rf"^libgor \d+ {LIBRARY} \(>= ")
        symbols = re.findall(r"^ (gor_\w+)@", self.control_text(LIBRARY, "symbols"), re.M)
        with open(os.path.join(debs.SOURCE, "runtime/gor.h"), encoding="utf-8") as file:
            declared = re.findall(r"\b(gor_\w+)\(", " ".join(
                re.findall(r"GOR_API [^;{]*;", file.read())))
        self.assertEqual(set(declared) - set(symbols), set())
        for name in (LIBRARY, "libgor-dev", "gorctl", "gor-gdb"):
            self.assertFalse({"preinst", "postinst", "prerm", "postrm"}
                             & set(os.listdir(self.control(name))), name)

    def test_documents_point_to_what_a_package_has(self):
        documents = {path: name for name in FOR_USERS for path in self.listed[name]
                     if path.endswith(".md")}
        there = {path for name in FOR_USERS for path in self.listed[name]}
        self.assertIn("usr/share/doc/gord/decisions/group-commit.md", there)
        tree = os.path.join(self.folder, "documents")
        for name in set(documents.values()):
            debs.output("dpkg-deb", "-x", self.paths[name], tree)
        for path in documents:
            with open(os.path.join(tree, path), encoding="utf-8") as file:
                targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", file.read())
            for target in targets:
                self.assertIn(os.path.normpath(os.path.join(os.path.dirname(path), target)), there, path)

    def test_daemon_has_scripts_that_sh_can_read(self):
        for script in ("postinst", "prerm", "postrm"):
            path = os.path.join(self.control("gord"), script)
            self.assertTrue(os.access(path, os.X_OK))
            debs.output("sh", "-n", path)

    def test_checksums_are_right(self):
        for name, path in self.paths.items():
            tree = os.path.join(self.folder, "x-" + name)
            debs.output("dpkg-deb", "-x", path, tree)
            sums = self.control_text(name, "md5sums")
            debs.output("md5sum", "--quiet", "-c", "-", cwd=tree, input=sums)
            self.assertEqual({line.split("  ", 1)[1] for line in sums.splitlines()},
                             {file for file, (mode, _) in self.listed[name].items()
                              if not mode.startswith("l")}, name)
            self.check_stripped(name, tree)

    def check_stripped(self, name, tree):
        """A program has no symbols, and its -dbgsym package has them by its build id."""
        for file in ("usr/bin/gord", "usr/bin/gorctl"):
            path = os.path.join(tree, file)
            if os.path.exists(path):
                build = re.search(r"Build ID: (..)(\w+)", debs.output("readelf", "-n", path))
                self.assertIn(f"usr/lib/debug/.build-id/{build[1]}/{build[2]}.debug",
                              self.listed[name + "-dbgsym"])
                self.assertNotIn(".debug_info", debs.output("readelf", "-SW", path))

    @unittest.skipUnless(shutil.which("lintian"), "there is no lintian")
    def test_lintian_finds_nothing(self):
        # There is no archive whose bugs a first upload could close.
        checked = subprocess.run(
            ["lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags",
             "initial-upload-closes-no-bugs", *self.paths.values()],
            capture_output=True, text=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout), (0, ""), checked.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
