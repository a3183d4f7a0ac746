# SPDX-License-Identifier: MIT
"""Build both sides, or find the programs already built."""

import os
import re
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
SERVICE_NEEDS = ["libuv", "libprotobuf-c", "libnghttp2", "openssl", "sqlite3", "jansson"]


class BuildError(Exception):
    pass


def say(text):
    print(text, flush=True)


def run_logged(command, **options):
    """Run a build step; its output is shown only when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise BuildError(f"`{' '.join(map(str, command))}` failed:\n{done.stdout}")


class Programs:
    """Where the programs are. None: not to be had, `why` says for what reason."""

    def __init__(self, arguments, runtime, service):
        self.why = {}
        self.go_version = None
        self.gor = self.load = self.uv = self.go = self.service = self.gord = self.peers = None
        self.release = arguments.programs is None
        if self.release:
            self._build(bool(runtime), bool(service))
        else:
            self._find(Path(arguments.programs).resolve())
            if runtime and (self.gor is None or self.load is None):
                raise BuildError(f"{arguments.programs} has no gor-bench and gor-bench-load; "
                                 "build the target `bench`, or leave --programs out")
        if arguments.no_peers:
            self.why["go"] = "left out by --no-peers"
        elif runtime:
            self._build_go(Path(arguments.programs or SOURCE / "build").resolve())

    def _build(self, runtime, service):
        if runtime:
            self._find(self._cmake("bench", ["bench"], "OFF"))
        if not service:
            return
        missing = [p for p in SERVICE_NEEDS if not has_package(p)]
        if missing:
            self.why["service"] = f"these libraries are not installed: {', '.join(missing)}"
            return
        self._find(self._cmake("bench-service", ["gord", "gor-bench-service"], "ON"))

    def _cmake(self, name, targets, with_service):
        directory = SOURCE / "build" / name
        say(f"building {', '.join(targets)} (release, -O2) in {directory.relative_to(SOURCE)}")
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        if (directory / "CMakeCache.txt").exists():
            generator = []
        run_logged(["cmake", "-S", SOURCE, "-B", directory, *generator,
                    "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS_RELEASE=-O2",
                    "-DGOR_BUILD_TESTS=OFF", f"-DGOR_BUILD_SERVICE={with_service}"])
        run_logged(["cmake", "--build", directory, "--parallel", str(os.cpu_count() or 1),
                    "--target", *targets])
        return directory / "bench"

    def _find(self, directory):
        def program(path):
            return path if os.access(path, os.X_OK) else None

        self.gor = program(directory / "gor-bench") or self.gor
        self.load = program(directory / "gor-bench-load") or self.load
        self.uv = program(directory / "gor-bench-uv") or self.uv
        self.service = program(directory / "gor-bench-service")
        self.gord = program(directory.parent / "daemon" / "gord")
        if self.service is None or self.gord is None:
            self.service = self.gord = None
            self.why["service"] = "gord is not built"

    def _build_go(self, directory):
        if shutil.which("go") is None:
            self.why["go"] = "`go` is not on PATH"
            return
        environment = dict(os.environ, GOTOOLCHAIN="local", GOFLAGS="-mod=mod", CGO_ENABLED="0")
        if "HOME" not in environment and "GOCACHE" not in environment:
            environment["GOCACHE"] = str(directory / "go-cache")
        output = directory / "go-bench"
        try:
            run_logged(["go", "build", "-o", output, "."], cwd=SOURCE / "bench" / "go",
                       env=environment)
        except BuildError as error:
            self.why["go"] = f"the Go side does not build; it needs Go 1.23 or newer\n{error}"
            return
        self.go = output
        self.go_version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True,
                                         env=environment, check=True).stdout.strip()


def has_package(name):
    return subprocess.run(["pkg-config", "--exists", name], check=False).returncode == 0


def compiler(programs):
    """What the C side was compiled with, as the build directory remembers it."""
    cache = programs.gor.parents[1] / "CMakeCache.txt" if programs.gor else None
    name = "cc"
    if cache and cache.exists():
        found = re.search(r"^CMAKE_C_COMPILER:\w+=(.+)$", cache.read_text(), re.MULTILINE)
        name = found.group(1) if found else name
    text = subprocess.run([name, "--version"], capture_output=True, text=True, check=False).stdout
    return text.splitlines()[0] if text else name
