# SPDX-License-Identifier: MIT
"""Bytes and texts of every kind and size: a command, output and a result are bytes and come back as such;
names, labels, causes and errors are text, and what is none is refused by name or made readable."""

import base64

import gor_e2e as e2e
import gorctl_e2e as ctl

INVALID = e2e.grpc.StatusCode.INVALID_ARGUMENT
FACE = "\U0001f600"
SURROGATE = b"\xed\xa0\x80"  # as some encoders write half of a pair
WILD = b"a\0b\xff\xfe" + SURROGATE + FACE.encode()


class Texts(ctl.GorctlTest):
    def test_commands_are_bytes(self):
        wild = WILD.replace(b"\0", b"")
        job = self.submit("printf", "%s", wild, (FACE * 30_000).encode())
        self.assertEqual(self.client.wait(job).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.client.logs(job, 1), wild + (FACE * 30_000).encode())
        shown = self.ok("show", "--json", str(job)).json["job"]["spec"]["exec"]["argv"]
        self.assertEqual(shown[2:], [{"base64": base64.b64encode(wild).decode()}, FACE * 30_000])

    def test_output_is_bytes(self):
        face = FACE.encode()
        job = self.submit("--shell", r"printf 'a\000b\377\355\240\200'; yes %s | head -c 1048576"
                          % FACE)
        self.assertEqual(self.client.wait(job).outcome, e2e.SUCCEEDED)
        whole = b"a\0b\xff" + SURROGATE + ((face + b"\n") * (1 << 18))[:1 << 20]
        self.assertEqual(self.client.logs(job, 1), whole)
        self.assertEqual(self.ok("logs", "--raw", str(job)).out, whole)

    def test_a_result_is_bytes_and_what_is_too_long_is_told(self):
        job = self.submit("--shell", r"printf 'a\000\377\355\240\200' >&$GOR_RESULT_FD")
        self.client.wait(job)
        self.assertEqual(self.ok("result", str(job)).out, b"a\0\xff" + SURROGATE)
        large = self.submit("--shell", f"yes {FACE} | head -c 1048576 >&$GOR_RESULT_FD")
        self.client.wait(large)
        self.assertIn(b"the result is not kept: it has more than 65536 bytes",
                      self.client.logs(large))
        self.assertFalse(self.client.get(large).has_result)

    def test_errors_are_made_text(self):
        for script, begin in ((rb'error("bad \xff" .. string.rep("%s", 262144))' % FACE.encode(),
                               r"lua:1: bad \xff"),
                              (b'error("a\\0b")', "lua:1: a"), (b"error({})", "lua:")):
            job = self.client.submit(self.client.message(
                "JobSpec", lua=self.client.message("LuaSpec", script=script, chunk_name="lua")))
            ended = self.client.wait(job)
            self.assertEqual(ended.outcome, e2e.FAILED)
            self.assertIn(begin.removeprefix("lua:"), ended.detail)
            self.assertLess(len(ended.detail.encode()), 4096)

    def test_names_labels_and_causes_are_text(self):
        echo = self.client.native_spec
        most = FACE * 50
        job = self.client.submit(echo("builtin.echo", name=most, labels={"k": FACE * 63}))
        self.client.wait(job)
        self.assertEqual((self.client.get(job).spec.name, self.client.get(job).spec.labels["k"]),
                         (most, FACE * 63))
        for fields in ({"name": most + "x"}, {"name": FACE * (1 << 18)}, {"labels": {"k": FACE * 64}},
                       {"labels": {FACE * 16: ""}}, {"queue": FACE * 100},
                       {"unique_key": FACE * 51}):
            with self.subTest(field=list(fields)):
                self.assertStatus(INVALID, self.client.submit, echo("builtin.echo", **fields))
        for fields in ({"name": "a\0b"}, {"labels": {"k": "a\0b"}}, {"labels": {"a\0b": "v"}},
                       {"queue": "default\0x"}, {"unique_key": "a\0b"}):
            with self.subTest(nul=list(fields)):
                self.assertStatus(INVALID, self.client.submit, echo("builtin.echo", **fields))
        self.assertStatus(INVALID, self.client.jobs, "Cancel", ids=[job], cause="a\0b")
        before = self.client.runtime("Stats").last_seq
        # As it would lie on the wire, which no library writes: JobSpec in field 1; name in 3.
        stub = self.client.channel.unary_unary("/gor.v1.Jobs/Submit")
        for name in (b"\xff", SURROGATE, b"\xf0\x9f\x98"):
            spec = b"\x1a" + bytes([len(name)]) + name
            self.assertStatus(INVALID, stub, b"\x0a" + bytes([len(spec)]) + spec,
                              timeout=e2e.PATIENCE)
        self.assertEqual(self.client.runtime("Stats").last_seq, before)


if __name__ == "__main__":
    e2e.main()
