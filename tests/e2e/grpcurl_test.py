# SPDX-License-Identifier: MIT
"""grpcurl, a stock client on grpc-go that knows nothing of us, against gord: what it learns by reflection,
calls of every kind, health, errors, the token. It is $GRPCURL, or made by Go from the module cache, or
with ./check --long from the module proxy."""

import base64
import json
import os
import subprocess
import sys

import go_program
import gor_e2e as e2e
import hostile

MODULE = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4"
BUILD_SECONDS = 10  # enough where Go has its packages compiled; what it did not finish stays with it
NOT_FOUND, UNAUTHENTICATED, UNIMPLEMENTED = 64 + 5, 64 + 16, 64 + 12  # grpcurl's exit codes


def find_grpcurl():
    """Its path, or None and why not."""
    program, why_not = go_program.find("GRPCURL", "grpcurl", "grpcurl")
    if program or why_not:
        return program, why_not
    env, seconds = {}, None
    if not os.environ.get("GOR_LONG"):
        cache = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True,
                               check=False).stdout.strip()
        # The cache serves as a proxy; what is in it was checked when it came.
        env = {"GOPROXY": f"file://{cache}/cache/download", "GOSUMDB": "off"}
        seconds = BUILD_SECONDS
    try:
        return go_program.build(MODULE, "grpcurl", "grpcurl", seconds, **env)
    except subprocess.TimeoutExpired:
        return None, "building grpcurl takes longer here: ./check --long waits for it"


PROGRAM, WHY_NOT = find_grpcurl()


def values(text):
    """The JSON values that stand one after the other."""
    decoder, at, out = json.JSONDecoder(), 0, []
    text = text.strip()
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        out.append(value)
        while at < len(text) and text[at].isspace():
            at += 1
    return out


class Grpcurl(e2e.GordTest):
    options = ("--listen=127.0.0.1:0",)

    def run_it(self, *words, data=None, to=None, options=(), code=0):
        """Its stdout, or with another code its stderr."""
        words = [PROGRAM, "-plaintext", "-max-time", str(e2e.PATIENCE), *options,
                 *(["-d", "@"] if data is not None else []),
                 *(to or ("-unix", self.gord.socket)), *words]
        result = subprocess.run(words, input=data, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stderr if code else result.stdout

    def call(self, method, request=None, **kw):
        """The replies."""
        return values(self.run_it(method, data=json.dumps(request or {}), **kw))

    def test_list(self):
        services = self.run_it("list").split()
        for service in ("gor.v1.Jobs", "gor.v1.Runtime", "gor.v1.Crons", "grpc.health.v1.Health",
                        "grpc.reflection.v1.ServerReflection"):
            self.assertIn(service, services)
        self.assertIn("gor.v1.Jobs.Submit", self.run_it("list", "gor.v1.Jobs").split())

    def test_describe_everything(self):
        for service in self.run_it("list").split():
            self.assertIn(f"service {service.rsplit('.', 1)[1]} {{", self.run_it("describe", service))
        self.assertIn("rpc Submit ( .gor.v1.SubmitRequest ) returns ( .gor.v1.SubmitReply );",
                      self.run_it("describe", "gor.v1.Jobs.Submit"))
        self.assertIn("message JobSpec {", self.run_it("describe", ".gor.v1.JobSpec"))
        self.assertIn("rpc List ( .grpc.health.v1.HealthListRequest )",
                      self.run_it("describe", "grpc.health.v1.Health"))

    def test_unary_calls_and_a_stream_of_replies(self):
        spec = {"exec": {"argv": [base64.b64encode(word).decode() for word in (b"echo", b"hello")]}}
        job, = self.call("gor.v1.Jobs/Submit", {"spec": spec})
        ended, = self.call("gor.v1.Jobs/Wait", {"ids": [job["id"]]})
        self.assertIn("SUCCEEDED", json.dumps(ended))
        chunks = self.call("gor.v1.Jobs/Logs", {"id": job["id"], "follow": True})
        self.assertEqual(b"".join(base64.b64decode(chunk.get("data", "")) for chunk in chunks),
                         b"hello\n")

    def test_stream_of_requests(self):
        spec = {"native": {"function": "builtin.echo", "args": [base64.b64encode(b"x").decode()]}}
        requests = "".join(json.dumps({"spec": spec}) for _ in range(20))
        replies = values(self.run_it("gor.v1.Jobs/SubmitStream", data=requests))
        self.assertEqual(len({reply["id"] for reply in replies}), 20)

    def test_health(self):
        status, = self.call("grpc.health.v1.Health/Check", {"service": "gor.v1.Jobs"})
        self.assertEqual(status, {"status": "SERVING"})
        self.run_it("grpc.health.v1.Health/Check", data='{"service": "nosuch"}', code=NOT_FOUND)
        every, = self.call("grpc.health.v1.Health/List")
        self.assertEqual(every["statuses"]["gor.v1.Jobs"], {"status": "SERVING"})
        self.assertEqual(every["statuses"][""], {"status": "SERVING"})

    def test_errors(self):
        text = self.run_it("gor.v1.Jobs/Get", data='{"id": 999999}', code=NOT_FOUND)
        self.assertIn("Code: NotFound", text)
        self.assertIn("999999", text)
        self.assertIn("InvalidArgument", self.run_it("gor.v1.Jobs/Submit", data="{}", code=64 + 3))

    def test_token_on_tcp(self):
        port, token = hostile.tcp(self.gord)
        to = (f"127.0.0.1:{port}",)
        self.assertIn("Unauthenticated", self.run_it("list", to=to, code=1))
        header = ("-H", f"authorization: Bearer {token}")
        self.assertIn("gor.v1.Jobs", self.run_it("list", to=to, options=header).split())
        version, = self.call("gor.v1.Runtime/Version", to=to, options=header)
        self.assertTrue(version["version"])


if __name__ == "__main__":
    if PROGRAM is None:
        print("SKIP:", WHY_NOT)
        sys.exit(e2e.SKIPPED)
    e2e.main()
