# SPDX-License-Identifier: MIT
"""Details of refusals: a stock client can tell which field of its request is wrong."""

import gor_e2e as e2e
from gor_e2e import grpc

if grpc is not None:
    from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

INVALID = grpc.StatusCode.INVALID_ARGUMENT if grpc else None
DETAILS = "grpc-status-details-bin"


def messages():
    """google.rpc.Status and BadRequest, as far as they are needed, in words of our own."""
    file = descriptor_pb2.FileDescriptorProto(name="own.proto", package="google.rpc",
                                              syntax="proto3",
                                              dependency=["google/protobuf/any.proto"])
    field = descriptor_pb2.FieldDescriptorProto

    def add(message, name, number, kind, of="", many=False):
        message.field.add(name=name, number=number, type=kind, type_name=of or None,
                          label=field.LABEL_REPEATED if many else field.LABEL_OPTIONAL)

    status = file.message_type.add(name="Status")
    add(status, "code", 1, field.TYPE_INT32)
    add(status, "message", 2, field.TYPE_STRING)
    add(status, "details", 3, field.TYPE_MESSAGE, ".google.protobuf.Any", True)
    bad = file.message_type.add(name="BadRequest")
    one = bad.nested_type.add(name="FieldViolation")
    add(one, "field", 1, field.TYPE_STRING)
    add(one, "description", 2, field.TYPE_STRING)
    add(bad, "field_violations", 1, field.TYPE_MESSAGE, ".google.rpc.BadRequest.FieldViolation", True)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return [factory.GetPrototype(pool.FindMessageTypeByName(f"google.rpc.{name}"))
            for name in ("Status", "BadRequest")]


class Violations(e2e.GordTest):
    @classmethod
    def setUpClass(cls):
        cls.status, cls.bad_request = messages()
        super().setUpClass()

    def refused(self, code, call, *args, **fields):
        """Field and description of what was refused; None: there is no detail."""
        with self.assertRaises(grpc.RpcError) as caught:
            reply = call(*args, **fields)
            list(reply) if hasattr(reply, "__next__") else None
        error = caught.exception
        self.assertEqual(error.code(), code, error)
        found = [value for name, value in error.trailing_metadata() if name == DETAILS]
        if not found:
            return None
        data, = found
        self.assertLessEqual(len(data), 4096)
        status = self.status.FromString(data)
        self.assertEqual((status.code, status.message), (code.value[0], error.details()))
        detail, = status.details
        self.assertEqual(detail.type_url, "type.googleapis.com/google.rpc.BadRequest")
        violation, = self.bad_request.FromString(detail.value).field_violations
        self.assertTrue(error.details().startswith(violation.field.split("[")[0]), error.details())
        self.assertTrue(error.details().endswith(violation.description))
        return violation.field, violation.description

    def test_field_of_a_job(self):
        client = self.client
        for fields, want in (
                ({"on_finish_url": "ftp://a/"},
                 ("spec.on_finish_url", "does not begin with http:// or https://")),
                ({"timeout_ns": -1}, ("spec.timeout_ns", "is out of range: 0 (none) to ten years")),
                ({"delay_ns": 1, "not_before_ns": 1},
                 ("spec.delay_ns", "spec.delay_ns and spec.not_before_ns exclude each other: give "
                                   "one of them")),
                ({"labels": {"": "x"}}, ("spec.labels", None)),
                ({"start_before_ns": -1}, ("spec.start_before_ns", "is before 1970; 0 means never"))):
            told = self.refused(INVALID, client.submit, client.exec_spec("true", **fields))
            self.assertEqual(told, (want[0], want[1] or told[1]))
        spec = client.exec_spec("true")
        spec.exec.env[:] = [b"A=b", b"C"]
        self.assertEqual(self.refused(INVALID, client.submit, spec),
                         ("spec.exec.env[1]", "is not of the form NAME=value"))
        self.assertEqual(self.refused(INVALID, client.jobs, "Submit"), ("spec", "is missing"))

    def test_field_of_one_of_many(self):
        right, wrong = self.client.exec_spec("true"), self.client.exec_spec("true", timeout_ns=-1)
        self.assertEqual(self.refused(INVALID, self.client.jobs, "SubmitMany", specs=[right, wrong]),
                         ("specs[1].timeout_ns", "is out of range: 0 (none) to ten years"))
        field, text = self.refused(INVALID, self.client.jobs, "SubmitMany")
        self.assertEqual(field, "specs")
        self.assertIn("has 0 entries", text)

    def test_fields_of_other_calls(self):
        client = self.client
        for service, method, fields, want in (
                ("Jobs", "List", {"limit": 10 ** 6}, "limit"),
                ("Jobs", "Cancel", {}, "ids"),
                ("Queues", "SetQueue", {"name": "-"}, "name"),
                ("Runtime", "SetGomaxprocs", {}, "value"),
                ("Crons", "Put", {"spec": client.message("CronSpec", name="x", expr="@never",
                                                         job=client.exec_spec("true"))}, "spec.expr"),
                ("Crons", "Put", {"spec": client.message(
                    "CronSpec", name="x", expr="@yearly",
                    job=client.exec_spec("true", on_finish_url="x"))}, "spec.job.on_finish_url")):
            told = self.refused(INVALID, client.call, service, method, **fields)
            self.assertEqual(told and told[0], want, (method, told))

    def test_long_and_odd_words_fit(self):
        name = "\u00e4\U0001f600\x01%" * 1000
        field, text = self.refused(INVALID, self.client.submit,
                                   self.client.message("JobSpec", native={"function": name}))
        self.assertEqual(field, "spec.native.function")
        self.assertIn("there is no '\u00e4\U0001f600", text)

    def test_other_refusals_have_none(self):
        client = self.client
        missing = grpc.StatusCode.NOT_FOUND
        self.assertIsNone(self.refused(missing, client.jobs, "Get", id=12345))
        self.assertIsNone(self.refused(missing, client.submit,
                                       client.exec_spec("true", queue="none-such")))
        self.assertIsNone(self.refused(INVALID, client.call, "Crons", "Preview"))


if __name__ == "__main__":
    e2e.main()
