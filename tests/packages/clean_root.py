# SPDX-License-Identifier: MIT
"""Roots to install packages into: a copy-on-write view of a folder with a Debian system, in namespaces
of its own. Nothing outside is changed, and with its PID 1 everything in it ends.

debootstrap() makes such a folder, from where this machine gets its own packages, once for a build.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import debs

sys.path.insert(0, os.path.join(debs.SOURCE, "tests/e2e"))

import systemd_machine  # pylint: disable=wrong-import-position

# Runs in the new namespaces as their PID 1. $1 is an empty folder, $2 the system to look at, $3 files
# to be found in /srv. Orphans are reaped by the shell's wait.
INSIDE = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root" "$1/upper/srv"
cp "$3"/* "$1/upper/srv/"
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
rm -rf "$1/root/etc/gord" # of a gord that was installed without a package
cd "$1/root"
mount -t proc proc proc
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for node in null zero full random urandom tty; do
    : >"dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p mnt
pivot_root . mnt
cd /
umount -l /mnt
echo ready
while :; do
    sleep 1000 &
    wait $!
done
"""


def missing():
    """Why there can be no such root here, as a few words; None when there can."""
    if os.geteuid() != 0:
        return "only root can install packages into a root of its own"
    for tool in ("unshare", "nsenter", "pivot_root", "dpkg-deb"):
        if shutil.which(tool) is None:
            return f"there is no {tool}"
    probe = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "sh", "-c",
         "mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w && "
         "mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt"],
        capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        return "namespaces or overlays are not allowed: " + probe.stderr.strip()
    return None


class Root:
    """One such root, over the system in `base`, with the packages of `files` in /srv."""

    def __init__(self, base, files):
        self.folder = tempfile.mkdtemp(prefix="gor-root-")
        self.outer = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--kill-child",
             "sh", "-c", INSIDE, "inside", self.folder, base, files],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if self.outer.stdout.readline() != "ready\n":
            self.stop()
            raise RuntimeError(f"no root over {base}; what went wrong stands above")
        path = f"/proc/{self.outer.pid}/task/{self.outer.pid}/children"
        with open(path, encoding="utf-8") as file:
            self.init = file.read().split()[0]

    def _enter(self, command):
        return ["nsenter", "-t", self.init, "-a", "env", "-i", "LC_ALL=C.UTF-8",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "DEBIAN_FRONTEND=noninteractive", *command]

    def run(self, *command):
        return subprocess.run(self._enter(command), capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=600)

    def output(self, *command):
        return debs.output(*self._enter(command), stdin=subprocess.DEVNULL, timeout=600)

    def start(self, *command):
        """Leave a command running, with nobody waiting for it."""
        subprocess.run(self._enter(("sh", "-c", '"$@" >/tmp/said 2>&1 &', "sh", *command)),
                       check=True, stdin=subprocess.DEVNULL)

    until = staticmethod(systemd_machine.until)

    def stop(self):
        if self.outer.poll() is None:
            self.outer.send_signal(signal.SIGKILL)
        self.outer.wait()
        self.outer.stdout.close()
        os.rmdir(self.folder)


def own_sources():
    """Where this machine gets the packages of its own release: (address, release)."""
    with open("/etc/os-release", encoding="utf-8") as file:
        release = re.search(r"^VERSION_CODENAME=(\w+)$", file.read(), re.M)
    if release is None:
        return None
    listed = debs.output("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)",
                         "Created-By: Packages")
    for line in listed.splitlines():
        address, name = line.split()
        if name == release[1]:
            return address, name
    return None


def copy_apt_settings(folder):
    """apt in the new root fetches as apt does here: the same sources, keys and ways out."""
    for name in ("etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d",
                 "etc/apt/keyrings", "etc/apt/auth.conf.d", "usr/share/keyrings", "etc/hosts",
                 "etc/resolv.conf"):
        here, there = os.path.join("/", name), os.path.join(folder, name)
        if os.path.isdir(here):
            shutil.copytree(here, there, dirs_exist_ok=True)
        elif os.path.exists(here):
            shutil.copy(here, there)
        elif name == "etc/apt/sources.list" and os.path.exists(there):
            os.unlink(there)
    settings = debs.output("apt-config", "dump", "Acquire")
    with open(os.path.join(folder, "etc/apt/apt.conf.d/90here"), "w", encoding="utf-8") as file:
        file.write(settings)


def debootstrap(folder):
    """A minimal Debian of this machine's release in `folder`, unless it is there already."""
    if os.path.isdir(folder):
        return
    address, release = own_sources()
    unfinished = folder + ".part"
    shutil.rmtree(unfinished, ignore_errors=True)
    debs.output("debootstrap", "--variant=minbase", release, unfinished, address)
    copy_apt_settings(unfinished)
    debs.output("chroot", unfinished, "apt-get", "update", "-q")
    os.rename(unfinished, folder)
