#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds.py DESCRIPTORS > request.txt - a request to each method, with every field of it set, as inputs of
request.c; DESCRIPTORS is the build's proto/descriptors.pb. And the other way round for libFuzzer:
seeds.py --files CORPUS.txt FOLDER writes the inputs of a corpus as files.
"""

import os
import re
import sys

SERVICES = ("Jobs", "Crons", "Queues", "Runtime", "Plugins", "Store")  # as request.c has them
DEPTH = 4


def fill(message, depth=0):
    """Set each field once, of each oneof the last."""
    for field in message.DESCRIPTOR.fields:
        repeated = field.label == field.LABEL_REPEATED
        if field.message_type is not None:
            if depth < DEPTH and not (field.message_type.GetOptions().map_entry):
                fill(getattr(message, field.name).add() if repeated
                     else getattr(message, field.name), depth + 1)
            continue
        value = {field.CPPTYPE_STRING: b"a" if field.type == field.TYPE_BYTES else "a",
                 field.CPPTYPE_BOOL: True, field.CPPTYPE_DOUBLE: 0.5,
                 field.CPPTYPE_FLOAT: 0.5}.get(field.cpp_type, 1)
        value = "http://a" if field.name.endswith("url") else value
        if repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)


def write_requests(path):
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    pool = descriptor_pool.DescriptorPool()
    with open(path, "rb") as file:
        for one in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
            pool.Add(one)
    factory = message_factory.MessageFactory(pool)
    print("# SPDX-License-Identifier: MIT")
    print("# Inputs of request.c: the number of a method, then its message. Written by seeds.py.")
    number = 0
    for service in SERVICES:
        for method in pool.FindServiceByName("gor.v1." + service).methods:
            message = factory.GetPrototype(method.input_type)()
            fill(message)
            print(f"# {service}/{method.name}")
            print(f"{number:02x}{message.SerializeToString().hex()}")
            number += 1


def input_of(line):
    """The bytes of a line of a corpus; b"": it has none."""
    match = re.match(r"((?:[0-9a-fA-F]{2})*)(=(.*))?", line)
    text = re.sub(r"\\(.)", lambda m: {"n": "\n", "\\": "\\"}.get(m[1], m[0]), match[3] or "")
    return bytes.fromhex(match[1]) + text.encode()


def write_files(corpus, folder):
    os.makedirs(folder, exist_ok=True)
    with open(corpus, encoding="utf-8") as file:
        for number, line in enumerate(file):
            data = input_of(line.rstrip("\n"))
            if data:
                with open(os.path.join(folder, f"{number:04}"), "wb") as out:
                    out.write(data)


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "--files":
        write_files(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 2:
        write_requests(sys.argv[1])
    else:
        sys.exit(__doc__)
