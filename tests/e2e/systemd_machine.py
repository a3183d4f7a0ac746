# SPDX-License-Identifier: MIT
"""A real systemd, booted in namespaces over a copy-on-write view of this machine, for tests that
want to see a unit live. It needs root; missing() says what else is lacking.

Nothing of the machine outside is changed: the root is an overlay whose upper layer lies in memory,
the network is a loopback of its own, and the end of its PID 1 is the end of everything in it.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time

BOOT_SECONDS = 60

# Runs inside the new namespaces as their PID 1, until it becomes systemd. $1 is an empty folder, $2
# the tree to lay over this machine's.
INSIDE = r"""
set -eu
hostname gortest
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
cp -a "$2/." "$1/upper/"
chmod 755 "$1/upper"  # a temporary folder is nobody else's, a root is everybody's
mkdir -p "$1/upper/etc" "$1/upper/var/lib" "$1/upper/var/log"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for node in null zero full random urandom tty; do
    : >"dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
: >etc/machine-id
rm -f etc/fstab
systemd-sysusers --root="$PWD" >/dev/null 2>&1
mkdir -p mnt
pivot_root . mnt
cd /
umount -l /mnt
exec env -i container=gortest PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=gortest.target --log-target=journal --show-status=0 </dev/null
"""

TARGET = """\
[Unit]
Description=What the test wants
Requires=basic.target
After=basic.target
AllowIsolate=yes
"""


def cgroup2():
    """Where the unified control group hierarchy is mounted, or None."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[2] == "cgroup2" and os.access(fields[1], os.W_OK):
                return fields[1]
    return None


def missing():
    """Why no systemd can be booted here, as a few words; None when it can."""
    if os.geteuid() != 0:
        return "only root can boot a systemd"
    for tool in ("unshare", "nsenter", "pivot_root", "systemctl", "/lib/systemd/systemd"):
        if shutil.which(tool) is None:
            return f"there is no {tool}"
    if cgroup2() is None:
        return "no cgroup2 hierarchy is mounted writable"
    probe = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--cgroup", "sh", "-c",
         "mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w && "
         "mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt"],
        capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        return "namespaces or overlays are not allowed: " + probe.stderr.strip()
    return None


def until(condition, seconds=60):
    """Poll a condition, of processes that have no other way to tell. Did it come true?"""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True


class Machine:
    """One booted systemd; `tree` is laid over this machine's files before it starts."""

    def __init__(self, tree):
        self.folder = tempfile.mkdtemp(prefix="gor-machine-")
        self.group = os.path.join(cgroup2(), f"gor-test-{os.getpid()}")
        self.log = tempfile.TemporaryFile()  # console of its systemd
        self.init = None
        units = os.path.join(tree, "etc/systemd/system")
        os.makedirs(units, exist_ok=True)
        with open(os.path.join(units, "gortest.target"), "w", encoding="utf-8") as file:
            file.write(TARGET)
        os.mkdir(self.group)
        self.outer = subprocess.Popen(
            ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.group,
             "unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--cgroup",
             "--kill-child", "sh", "-c", INSIDE, "inside", self.folder, tree],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            self._await_boot()
        except BaseException:
            self.stop()
            raise

    def _await_boot(self):
        """Until its systemd answers and has nothing left to start."""
        give_up = time.monotonic() + BOOT_SECONDS
        while self.init is None:
            self._check_alive(give_up)
            path = f"/proc/{self.outer.pid}/task/{self.outer.pid}/children"
            with open(path, encoding="utf-8") as file:
                children = file.read().split()
            if children:
                with open(f"/proc/{children[0]}/comm", encoding="utf-8") as file:
                    if file.read().strip() == "systemd":
                        self.init = children[0]
                        break
            time.sleep(0.02)  # there is nothing yet that could tell us
        while self.run("systemctl", "is-system-running", "--wait").stdout.strip() not in (
                "running", "degraded"):
            self._check_alive(give_up)
            time.sleep(0.02)

    def _check_alive(self, give_up):
        if self.outer.poll() is not None or time.monotonic() > give_up:
            self.log.seek(0)
            raise RuntimeError("systemd did not boot:\n" + self.log.read().decode(errors="replace"))

    def run(self, *command, user=None):
        """Run a command inside and wait for it."""
        if user is not None:
            command = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command)
        return subprocess.run(["nsenter", "-t", self.init, "-a", *command], text=True, check=False,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=120)

    def show(self, unit, key):
        return self.run("systemctl", "show", "--value", "-p", key, unit).stdout.strip()

    until = staticmethod(until)

    def stop(self):
        """End everything inside, and leave no control group behind."""
        if self.outer.poll() is None:
            # --kill-child takes its PID 1 along, and with it the whole PID namespace.
            self.outer.send_signal(signal.SIGKILL)
        self.outer.wait()
        for folder, folders, _ in os.walk(self.group, topdown=False):
            for name in folders:
                self._remove_group(os.path.join(folder, name))
        self._remove_group(self.group)
        os.rmdir(self.folder)
        self.log.close()

    def _remove_group(self, path):
        """A group can go once the kernel has reaped its last process."""
        def gone():
            try:
                os.rmdir(path)
            except FileNotFoundError:
                pass
            except OSError:
                return False
            return True
        self.until(gone, seconds=10)
