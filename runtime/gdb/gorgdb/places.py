# SPDX-License-Identifier: MIT
"""places.py - which functions a stack shows, and how code is named."""
import os

import gdb

C_LIBRARY = ("libc.", "libc-", "libpthread", "ld-")


def line_of(sal):
    """ file:line, or ""."""
    return f"{os.path.basename(sal.symtab.filename)}:{sal.line}" if sal.symtab is not None else ""


class Names:
    """Functions by address, each asked for once."""

    def __init__(self):
        self._functions = {}

    def function(self, address):
        """The function at that address, or the address if gdb does not know it."""
        if address not in self._functions:
            self._functions[address] = self._ask(address)
        return self._functions[address]

    @staticmethod
    def _ask(address):
        if not address:
            return ""
        block = gdb.current_progspace().block_for_pc(address)
        while block is not None and block.function is None:
            block = block.superblock
        if block is not None:
            return block.function.name
        symbol = gdb.execute(f"info symbol {address:#x}", to_string=True)
        known = not symbol.startswith("No symbol")
        return symbol.split(" in section ")[0].split(" + ")[0].strip() if known else f"{address:#x}"

    def call(self, address):
        """Function and line of the call that returns to that address."""
        if not address:
            return ""
        line = line_of(gdb.find_pc_line(address - 1))
        return f"{self.function(address - 1)} {line}".strip()


def frame_text(frame):
    """Function and line of a frame."""
    name = frame.name() or f"{frame.pc():#x}"
    return f"{name} {line_of(frame.find_sal())}".strip()


def is_users(library, frame):
    """Whether it is neither the library's nor the C library's, nor the end of a stack."""
    symtab = frame.find_sal().symtab
    if frame.pc() == 0 or symtab is not None and library.is_own(symtab.filename):
        return False
    module = os.path.basename(gdb.solib_name(frame.pc()) or "")
    return not module.startswith(C_LIBRARY)


def users_frame(library, frame):
    """From there on outwards the first frame of the program's own; if there is none, that one itself."""
    innermost = frame
    while frame is not None and not is_users(library, frame):
        frame = frame.older()
    return frame if frame is not None else innermost
