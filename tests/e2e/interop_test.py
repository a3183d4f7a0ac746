# SPDX-License-Identifier: MIT
"""The interoperability cases of gRPC that are about the wire, against grpc.testing.TestService on our
server (tests/interop): by grpcio (C-core), and by grpc-go's own client, where that is at hand
($GRPC_GO_INTEROP, or Go that can build it, in ./check --long)."""

import os
import subprocess
import sys
import threading
import unittest

import go_program
import gor_e2e as e2e

SERVER = os.environ.get("GOR_INTEROP", "")
TESTING = os.environ.get("GOR_INTEROP_DESCRIPTORS", "")
GO_CLIENT = "google.golang.org/grpc/interop/client@v1.85.0"
GO_CASES = ("empty_unary large_unary client_streaming server_streaming ping_pong empty_stream "
            "timeout_on_sleeping_server cancel_after_begin cancel_after_first_response "
            "status_code_and_message special_status_message custom_metadata unimplemented_method "
            "unimplemented_service").split()
INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"


def find_go_client():
    """Its path, or None and why not."""
    program, why_not = go_program.find("GRPC_GO_INTEROP", "grpc-go", "client")
    if program or why_not:
        return program, why_not
    if not os.environ.get("GOR_LONG"):
        return None, "building grpc-go's client takes minutes: only in ./check --long"
    return go_program.build(GO_CLIENT, "grpc-go", "client")


class Interop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        command = e2e.gord_command()[:-1] + [SERVER, TESTING]
        cls.server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        cls.port = int(cls.server.stdout.readline())
        pool = e2e.descriptor_pool.DescriptorPool()
        with open(TESTING, "rb") as file:
            for one in e2e.descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
                pool.Add(one)
        cls.factory = e2e.message_factory.MessageFactory(pool)
        cls.pool = pool
        cls.channel = cls.connect()

    @classmethod
    def connect(cls, **options):
        return e2e.grpc.insecure_channel(f"127.0.0.1:{cls.port}", **options)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.server.terminate()
        code = cls.server.wait(e2e.PATIENCE)
        cls.server.stdout.close()
        if code != 0:
            raise AssertionError(f"the server ended with code {code}")

    def message(self, name, **fields):
        return self.factory.GetPrototype(
            self.pool.FindMessageTypeByName("grpc.testing." + name))(**fields)

    def stub(self, method, ways, reply, channel=None):
        return getattr(channel or self.channel, ways)(
            "/grpc.testing.TestService/" + method,
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=type(self.message(reply)).FromString)

    def unary(self, channel=None, timeout=e2e.PATIENCE, metadata=(), compression=None, **fields):
        return self.stub("UnaryCall", "unary_unary", "SimpleResponse", channel).with_call(
            self.message("SimpleRequest", **fields), timeout=timeout, metadata=metadata,
            compression=compression)

    def payload(self, size):
        return self.message("Payload", body=bytes(size))

    def asked(self, *sizes):
        return self.message("StreamingOutputCallRequest", response_parameters=[
            self.message("ResponseParameters", size=size) for size in sizes])

    def assertEnds(self, code, fn):
        with self.assertRaises(e2e.grpc.RpcError) as caught:
            fn()
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception

    def test_empty_unary(self):
        reply = self.stub("EmptyCall", "unary_unary", "Empty")(self.message("Empty"))
        self.assertEqual(reply.SerializeToString(), b"")

    def test_large_unary(self):
        reply, _ = self.unary(response_size=314159, payload=self.payload(271828))
        self.assertEqual(len(reply.payload.body), 314159)

    def test_compressed_unary(self):
        for wish in (True, False):
            reply, _ = self.unary(compression=e2e.grpc.Compression.Gzip, response_size=314159,
                                  payload=self.payload(271828),
                                  response_compressed=self.message("BoolValue", value=wish))
            self.assertEqual(len(reply.payload.body), 314159)

    def test_client_streaming(self):
        sizes = (27182, 8, 1828, 45904)
        for compression in (None, e2e.grpc.Compression.Gzip):
            reply = self.stub("StreamingInputCall", "stream_unary", "StreamingInputCallResponse")(
                iter([self.message("StreamingInputCallRequest", payload=self.payload(size))
                      for size in sizes]), compression=compression)
            self.assertEqual(reply.aggregated_payload_size, sum(sizes))
        empty = self.stub("StreamingInputCall", "stream_unary", "StreamingInputCallResponse")
        self.assertEqual(empty(iter([])).aggregated_payload_size, 0)

    def test_server_streaming(self):
        sizes = [31415, 9, 2653, 58979]
        for compression in (None, e2e.grpc.Compression.Gzip):
            replies = self.stub("StreamingOutputCall", "unary_stream",
                                "StreamingOutputCallResponse")(self.asked(*sizes),
                                                               compression=compression)
            self.assertEqual([len(reply.payload.body) for reply in replies], sizes)

    def test_ping_pong(self):
        call = self.stub("FullDuplexCall", "stream_stream", "StreamingOutputCallResponse")(
            iter([self.asked(31415), self.asked(9), self.asked(2653), self.asked(58979)]))
        self.assertEqual([len(reply.payload.body) for reply in call], [31415, 9, 2653, 58979])

    def test_empty_stream(self):
        call = self.stub("FullDuplexCall", "stream_stream", "StreamingOutputCallResponse")(iter([]))
        self.assertEqual(list(call), [])

    def test_custom_metadata(self):
        metadata = [(INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab")]
        _, call = self.unary(metadata=metadata, response_size=10)
        self.assertIn(metadata[0], list(call.initial_metadata()))
        self.assertIn(metadata[1], list(call.trailing_metadata()))
        call = self.stub("FullDuplexCall", "stream_stream", "StreamingOutputCallResponse")(
            iter([self.asked(10)]), metadata=metadata)
        self.assertEqual(len(list(call)), 1)
        self.assertIn(metadata[0], list(call.initial_metadata()))
        self.assertIn(metadata[1], list(call.trailing_metadata()))

    def test_binary_metadata_of_every_length(self):
        for size in range(0, 9):
            value = bytes(range(250, 250 + min(size, 5))) + bytes(max(0, size - 5))
            _, call = self.unary(metadata=[(TRAILING, value)], response_size=1)
            self.assertIn((TRAILING, value), list(call.trailing_metadata()))

    def test_status_code_and_message(self):
        status = self.message("EchoStatus", code=2, message="test status message")
        error = self.assertEnds(e2e.grpc.StatusCode.UNKNOWN,
                                lambda: self.unary(response_status=status))
        self.assertEqual(error.details(), "test status message")
        call = self.stub("FullDuplexCall", "stream_stream", "StreamingOutputCallResponse")
        request = self.message("StreamingOutputCallRequest", response_status=status)
        error = self.assertEnds(e2e.grpc.StatusCode.UNKNOWN, lambda: list(call(iter([request]))))
        self.assertEqual(error.details(), "test status message")

    def test_status_details(self):
        status = self.message("EchoStatus", code=9, message="not now")
        error = self.assertEnds(e2e.grpc.StatusCode.FAILED_PRECONDITION,
                                lambda: self.unary(response_status=status))
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        any_of = b"\n+type.googleapis.com/grpc.testing.EchoStatus\x12\x0b" + \
            status.SerializeToString()
        self.assertEqual(details, b"\x08\x09\x12\x07not now\x1a" + bytes([len(any_of)]) + any_of)

    def test_special_status_message(self):
        text = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
        status = self.message("EchoStatus", code=2, message=text)
        error = self.assertEnds(e2e.grpc.StatusCode.UNKNOWN,
                                lambda: self.unary(response_status=status))
        self.assertEqual(error.details(), text)

    def test_unimplemented(self):
        for path in ("/grpc.testing.TestService/UnimplementedCall",
                     "/grpc.testing.UnimplementedService/UnimplementedCall"):
            self.assertEnds(e2e.grpc.StatusCode.UNIMPLEMENTED,
                            lambda path=path: self.channel.unary_unary(path)(b""))

    @staticmethod
    def nothing_until(event):
        event.wait()
        yield from ()

    def test_cancel(self):
        over = threading.Event()
        call = self.stub("StreamingInputCall", "stream_unary", "StreamingInputCallResponse").future(
            self.nothing_until(over), timeout=e2e.PATIENCE)
        call.cancel()
        self.assertEqual(call.code(), e2e.grpc.StatusCode.CANCELLED)
        over.set()
        stream = self.stub("FullDuplexCall", "stream_stream", "StreamingOutputCallResponse")(
            self.endless(self.asked(31415)))
        self.assertEqual(len(next(stream).payload.body), 31415)
        stream.cancel()
        self.assertEnds(e2e.grpc.StatusCode.CANCELLED, lambda: list(stream))

    @staticmethod
    def endless(first):
        yield first
        threading.Event().wait(0.5)

    def test_timeout_on_sleeping_server(self):
        call = self.stub("FullDuplexCall", "stream_stream", "StreamingOutputCallResponse")(
            self.endless(self.message("StreamingOutputCallRequest", payload=self.payload(27182))),
            timeout=0.001)
        self.assertEnds(e2e.grpc.StatusCode.DEADLINE_EXCEEDED, lambda: list(call))

    def test_grpc_go(self):
        client, why = find_go_client()
        if client is None:
            self.skipTest(why)
        for case in GO_CASES:
            with self.subTest(case):
                result = subprocess.run(
                    [client, "-server_host=127.0.0.1", f"-server_port={self.port}",
                     f"-test_case={case}"], capture_output=True, text=True, timeout=e2e.PATIENCE,
                    check=False)
                self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    if not os.access(SERVER, os.X_OK):
        print("SKIP: GOR_INTEROP does not name a program")
        sys.exit(e2e.SKIPPED)
    e2e.main()
