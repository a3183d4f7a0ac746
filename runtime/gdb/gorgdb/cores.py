# SPDX-License-Identifier: MIT
"""cores.py - core files with the stacks of goroutines in them.

gdb (13) copies a mapping from its beginning and stops at the first page that it cannot read. Where Linux
has guard markers (6.13 and later) each stack begins with such a page, in the middle of a mapping: what
gdb's own generate-core-file writes has hardly any stacks then. The room for them is there, so they are
copied into it afterwards: of each goroutine the part in use. Cores that the kernel writes are whole.
"""
import os.path
import struct

import gdb

HEADER = struct.Struct("<4sBB10xHHIQQQIHHHHHH")
PROGRAM = struct.Struct("<IIQQQQQQ")
SECTION_INFO = struct.Struct("<44xI16x")
PT_LOAD = 1
MANY = 0xffff  # the number of program headers is in the first section header
PAGE = 4096    # or a part of one
BELOW = 128    # bytes below the stack pointer that code may use


class CoreFile:
    """A core file of 64 bits, to write memory into."""

    def __init__(self, path):
        self._file = open(path, "r+b")  # pylint: disable=consider-using-with
        header = HEADER.unpack(self._file.read(HEADER.size))
        if header[:3] != (b"\x7fELF", 2, 1):
            raise gdb.GdbError(f"{path} is no core file of 64 bits.")
        programs_at, sections_at, count = header[7], header[8], header[12]
        if count == MANY:
            self._file.seek(sections_at)
            count, = SECTION_INFO.unpack(self._file.read(SECTION_INFO.size))
        self._file.seek(programs_at)
        table = self._file.read(count * PROGRAM.size)
        self._loads = [(address, size, offset) for kind, _, offset, address, _, size, _, _ in
                       PROGRAM.iter_unpack(table) if kind == PT_LOAD]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def write(self, address, data):
        """True if there is room for it."""
        for low, size, offset in self._loads:
            if low <= address and address + len(data) <= low + size:
                self._file.seek(offset + address - low)
                self._file.write(data)
                return True
        return False


def readable_end(low, top):
    """What can be read of that memory, from the top down."""
    data = b""
    start = top
    while start > low:
        step = min((start - low - 1) % PAGE + 1, start - low)
        try:
            data = bytes(gdb.selected_inferior().read_memory(start - step, step)) + data
        except gdb.MemoryError:
            break
        start -= step
    return start, data


def stack_in_use(world, g):
    """Address and bytes of its stack, from where it stands to the top, also if it hibernates; none if it
    has no stack."""
    low, top = world.stack(g)
    if g.address in world.on_threads() or not low < g.sp < top:
        return readable_end(low, top)
    kept = world.kept(g)
    if kept is not None:
        return g.sp, kept
    start = max(g.sp - BELOW, low)
    return start, gdb.selected_inferior().read_memory(start, top - start)


def write_stacks(world, path):
    """Into a core file that gdb has written: how many there are, and how many are not in it."""
    count = lost = 0
    with CoreFile(path) as core:
        for g in world.goroutines():
            try:
                address, data = stack_in_use(world, g)
                written = not data or core.write(address, data)
            except gdb.MemoryError:
                written = False
            count += 1
            lost += not written
    return count, lost


def write_core(world, path):
    """Write the program's core file. A path that begins with `~' is read as gdb reads it."""
    path = os.path.expanduser(path)
    try:
        gdb.execute(f"generate-core-file {path}", to_string=True)
    except gdb.error as error:
        raise gdb.GdbError(f"No core file was written: {error}") from error
    try:
        count, lost = write_stacks(world, path)
    except OSError as error:
        raise gdb.GdbError(f"The core file was written, but stacks of goroutines are missing in it: {error}") from error
    print(f"Saved core file {path}, with the stacks of {count - lost} goroutines.")
    if lost:
        print(f"Those of {lost} could not be read, or there was no room for them.")
