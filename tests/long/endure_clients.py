# SPDX-License-Identifier: MIT
"""endure_clients - clients that come, stay for a moment and go: orderly, cut off or killed."""

import os
import select
import subprocess

import gor_e2e as e2e
import gorctl_e2e as ctl
import http2
from endure_books import OWN_CONNECTION


class Clients:
    """Actions, as in endure_submit."""

    def __init__(self, gord, submits):
        self.gord, self.submits = gord, submits
        self.messages = submits.client

    def gorctl(self, *args, codes=(0,)):
        """Run it to its end."""
        done = ctl.run(*args, host=self.gord.socket)
        if done.code not in codes:
            raise AssertionError(f"gorctl {' '.join(args)}: {done}")
        return done

    def gorctl_killed(self, *args):
        """Kill it once it has written something, or has nothing to write."""
        process = subprocess.Popen(ctl.command(*args), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   env=ctl.environment(self.gord.socket))
        try:
            select.select([process.stdout], [], [], 2)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def passing(self):
        """A client with a connection of its own, which is up: grpcio never closes that of a channel
        that is closed while it connects."""
        client = self.gord.client(options=OWN_CONNECTION)
        client.messages, client.loaded = self.messages.messages, True
        client.runtime("Stats")
        return client

    def do_follow_killed(self, rng):
        job = self.submits.submit(self.submits.spec(
            rng, "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done", queue="default"))
        self.gorctl_killed("logs", "-f", str(job))

    def do_watch_killed(self, rng):
        self.gorctl_killed("watch", *rng.choice(((), ("--progress",), ("--json",))))

    def do_wait_killed(self, rng):
        job = self.submits.submit(self.submits.spec(rng, "sleep 0.5"))
        self.gorctl_killed("wait", str(job))

    def do_watch(self, rng):
        client = self.passing()
        try:
            watch = client.jobs("Watch", from_now=True, with_progress=True, timeout=3)
            for _, _ in zip(range(rng.randrange(30)), watch):
                pass
            if rng.random() < 0.5:
                watch.cancel()
        except e2e.grpc.RpcError as error:
            if error.code() != e2e.grpc.StatusCode.DEADLINE_EXCEEDED:
                raise
        finally:
            client.close()

    def do_wait_timeout(self, rng):
        job = self.submits.submit(self.submits.spec(rng, held=True))
        try:
            self.messages.wait(job, timeout=0.2)
        except e2e.grpc.RpcError as error:
            # Somebody else may have ended and removed it meanwhile: that is the load.
            if error.code() not in (e2e.grpc.StatusCode.DEADLINE_EXCEEDED,
                                    e2e.grpc.StatusCode.NOT_FOUND):
                raise
        self.gorctl("wait", "--timeout", "50ms", str(job), codes=(0, 66, 79, 124))
        self.messages.jobs("Cancel", ids=[job])

    def do_half(self, rng):
        """A request cut off somewhere: in the preface, its headers, its message, or after it."""
        block = http2.call_headers("/gor.v1.Jobs/Submit")
        spec = self.messages.native_spec("builtin.echo", "never")
        request = self.messages.message("SubmitRequest", spec=spec).SerializeToString()
        whole = http2.PREFACE + http2.settings() + http2.headers(1, block) + \
            http2.frame(http2.DATA, 0, 1, http2.message(request, size=len(request) + 10))
        peer = http2.Peer(self.gord.socket, greet=False)
        peer.send(whole[:rng.randrange(1, len(whole))])
        peer.close()

    def do_reflect(self, rng):
        client = self.gord.client(options=OWN_CONNECTION)
        try:
            client.messages.services()
            client.message("JobSpec")
            health = client.channel.unary_unary("/grpc.health.v1.Health/Check")
            if health(b"", timeout=e2e.PATIENCE) != b"\x08\x01":
                raise AssertionError("gord does not say that it serves")
        finally:
            client.close()

    def do_export(self, rng):
        if rng.random() < 0.5:
            self.gorctl_killed("export")
        else:
            self.gorctl("export")

    def do_backup(self, rng):
        if rng.random() < 0.5:
            path = os.path.join(self.gord.folder, f"backup{rng.randrange(10**9)}")
            self.gorctl("backup", path)
            os.unlink(path)
            return
        client = self.passing()
        try:
            copy = client.call("Store", "Backup")
            next(iter(copy))
        finally:
            client.close()

    def do_inspect(self, rng):
        kind = rng.randrange(1, 8)
        watches = {3: 30, 4: 30, 5: 30, 6: 30}.get(kind, 0) * 1_000_000
        list(self.messages.runtime("Inspect", kind=kind, duration_ns=watches))
        list(self.messages.runtime("Goroutines"))

    def do_gomaxprocs(self, rng):
        former = self.messages.runtime("SetGomaxprocs", value=rng.randrange(1, 4)).former
        self.messages.runtime("SetGomaxprocs", value=max(2, former))
