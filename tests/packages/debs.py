# SPDX-License-Identifier: MIT
"""The Debian packages under test, which ctest's packages/make has laid into $GOR_PACKAGES: what they
say of themselves, and the same with a higher version."""

import glob
import os
import re
import subprocess

FOLDER = os.environ["GOR_PACKAGES"]
BUILD = os.environ["GOR_BUILD"]
SOURCE = os.environ["GOR_SOURCE"]


def output(*command, **how):
    """What a command prints; it fails loudly."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, **how)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {result.returncode}:\n"
                             f"{result.stdout}{result.stderr}")
    return result.stdout


def paths():
    """Package name -> file, of those for users and those with debug symbols."""
    found = glob.glob(os.path.join(FOLDER, "*.deb")) + glob.glob(os.path.join(FOLDER, "*.ddeb"))
    return {os.path.basename(path).split("_")[0]: path for path in found}


def field(path, name):
    return output("dpkg-deb", "-f", path, name).strip()


def contents(path):
    """Path -> (mode, owner), of everything in the package but folders."""
    listed = {}
    for line in output("dpkg-deb", "-c", path).splitlines():
        mode, owner, _, _, _, name = line.split(None, 5)
        if not mode.startswith("d"):
            listed[name.split(" -> ")[0].removeprefix("./")] = (mode, owner)
    return listed


def soname_package():
    return next(name for name in paths() if re.fullmatch(r"libgor\d+", name))


def with_higher_version(name, folder):
    """The package once more, as the next revision of it; lies in `folder`."""
    tree = os.path.join(folder, name)
    output("dpkg-deb", "-R", paths()[name], tree)
    control = os.path.join(tree, "DEBIAN", "control")
    with open(control, encoding="utf-8") as file:
        text = file.read()
    version = re.search(r"^Version: (.*)$", text, re.M).group(1)
    with open(control, "w", encoding="utf-8") as file:
        file.write(text.replace(version, version + "+1"))
    path = os.path.join(folder, f"{name}_{version}+1_test.deb")
    output("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, path)
    return path
