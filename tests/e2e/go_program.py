# SPDX-License-Identifier: MIT
"""Stock programs written in Go that tests drive: given by a variable, built earlier, or built now."""

import os
import shutil
import subprocess

import gor_e2e as e2e


def find(variable, folder, program):
    """(path, None), or (None, why not); (None, None): it can be built."""
    given = os.environ.get(variable)
    if given:
        return given, None
    path = os.path.join(e2e.BUILD, folder, program)
    if os.path.exists(path):
        return path, None
    if shutil.which("go") is None:
        return None, f"there is no Go to build {program}"
    return None, None


def build(module, folder, program, seconds=None, **env):
    """(path, None), or (None, why not); subprocess.TimeoutExpired after so long."""
    folder = os.path.join(e2e.BUILD, folder)
    result = subprocess.run(["go", "install", module], env={**os.environ, "GOBIN": folder, **env},
                            capture_output=True, text=True, check=False, timeout=seconds)
    if result.returncode == 0:
        return os.path.join(folder, program), None
    return None, f"Go cannot build {module}: {result.stderr.strip()[-300:]}"
