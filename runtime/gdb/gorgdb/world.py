# SPDX-License-Identifier: MIT
"""world.py - the goroutines of the program as it stands, and which thread each is on.

The tables they lie in are read a table at a time and taken apart here, for there may be a million of
them, and gdb takes its time for each field it is asked for.
"""
import collections
import struct
import time

import gdb

from gorgdb import view
from gorgdb.library import GOROUTINE, OTHER_LIBRARY, POOL, Library, enum_values

# What is read of struct gor__g, and what it is called here.
FIELDS = {"context.sp": "sp", "stack": "stack", "state": "state", "reason": "reason", "flags": "flags",
          "thread_locks": "thread_locks", "waiting_since": "waiting_since", "fn": "fn", "id": "id",
          "parent": "parent", "created_at": "created_at", "cell": "cell"}
CODES = {(1, False): "B", (2, False): "H", (4, False): "I", (8, False): "Q",
         (1, True): "b", (2, True): "h", (4, True): "i", (8, True): "q"}


class Layout:
    """Where the fields of struct gor__g lie; takes them out of memory."""

    def __init__(self):
        type_ = gdb.lookup_type("struct gor__g")
        places = sorted(self._place(type_, path) + (name,) for path, name in FIELDS.items())
        code = "<"
        at = 0
        for offset, letter, _ in places:
            code += f"{offset - at}x{letter}"
            at = offset + struct.calcsize("<" + letter)
        self.bytes = type_.sizeof
        self._struct = struct.Struct(f"{code}{self.bytes - at}x")
        names = [name for _, _, name in places]
        self._state_at = names.index("state")
        self._goroutine = collections.namedtuple("Goroutine", ["address"] + names)

    @staticmethod
    def _place(type_, path):
        offset = 0
        for name in path.split("."):
            try:
                field = type_[name]
            except KeyError as error:
                raise gdb.GdbError(OTHER_LIBRARY % path) from error
            offset += field.bitpos // 8
            type_ = field.type.strip_typedefs()
        signed = type_.code == gdb.TYPE_CODE_INT and type_.is_signed
        return offset, CODES[type_.sizeof, signed]

    def goroutines(self, address, memory, dead):
        """Those in the memory that was read there, but for those in one of the states in `dead`."""
        for fields in self._struct.iter_unpack(memory):
            if fields[self._state_at] not in dead:
                yield self._goroutine(address, *fields)
            address += self.bytes


STACK_ALIGNED = 64  # tops are, and the class and 1 is added to them: GOR__STACK_ALIGNED
PAGE = 4096         # a top is less than that below the end

# Why there are no frames.
NOT_YET = "it has not run yet"
MOVING = "it is just being switched to or from"
MISSING = "its stack is missing in the core file"
HIBERNATES = "it hibernates"
HOW_MISSING = ("gdb's own generate-core-file leaves stacks out on Linux 6.13 and later; `goroutine core "
               "FILE' writes all of them, and so does the kernel")
HOW_TO_WAKE = ("what was on its stack lies elsewhere until it goes on, and no thread of the program could be "
               "asked to bring it back%s: `goroutine core FILE' writes it where it belongs, to be looked at "
               "there, and dumps show it (gor_dump, SIGQUIT)")


class Spot:
    """Where a goroutine is: on a thread, stored, or neither."""

    def __init__(self, thread=None, tid=None, registers=None, why=""):
        self.thread = thread        # gdb's, of one that is on a thread
        self.tid = tid              # of that thread
        self.registers = registers  # (pc, sp, fp) of one that is stored
        self.why = why              # there is nothing to follow


class World:
    """All goroutines, seen while the program is halted."""

    def __init__(self):
        self.library = Library()
        self.inferior = gdb.selected_inferior()
        self._tables = self.library.static("pool", POOL)
        self._table_bytes, self._per_table, names_bytes, self._named = self.library.constants(
            "pool", POOL, "TABLE_BYTES", "PER_TABLE", "NAMES_BYTES", "GOR__G_NAMED")
        self._name_bytes = names_bytes // self._per_table
        self._names = {}
        self._layout = Layout()
        states = enum_values("enum gor_state")
        self.waiting = states["GOR_WAITING"]
        self._dead = (states["GOR_TERMINATED"], states["GOR_CREATED"])
        cold = enum_values("enum gor__cold")
        self._warm = cold["GOR__WARM"]
        self.states = self.library.texts("state_names", GOROUTINE)
        self.reasons = self.library.texts("reason_names", GOROUTINE)
        self._now = None
        self._on_thread = None

    # ---- reading

    def _read(self, address, size):
        try:
            return self.inferior.read_memory(address, size)
        except gdb.MemoryError as error:
            raise gdb.GdbError(
                f"The memory at {address:#x}, where libgor keeps its goroutines, cannot be read. In a "
                "core file it is missing when anonymous memory was left out (see core(5), "
                "/proc/PID/coredump_filter), or the file is not whole.") from error

    def goroutines(self):
        """All that live, in no order."""
        made = int(self._tables["made"])
        for number in range((made + self._per_table - 1) // self._per_table):
            count = min(self._per_table, made - number * self._per_table)
            table = int(self._tables["tables"][number])
            memory = self._read(table, count * self._layout.bytes)
            yield from self._layout.goroutines(table, memory, self._dead)

    def find(self, number):
        """The one of that number, or an error that says there is none."""
        for g in self.goroutines():
            if g.id == number:
                return g
        raise gdb.GdbError(f"There is no goroutine {number}; `info goroutines' lists those there are.")

    def at(self, address):
        """The one whose struct gor__g lies there; None: it has ended."""
        memory = self._read(address, self._layout.bytes)
        return next(self._layout.goroutines(address, memory, self._dead), None)

    def name(self, g):
        """Its name, or ""."""
        if not g.flags & self._named:
            return ""
        table = g.address & -self._table_bytes
        if table not in self._names:
            size = self._per_table * self._name_bytes
            self._names[table] = bytes(self._read(table + self._table_bytes, size))
        start = (g.address - table) // self._layout.bytes * self._name_bytes
        name = self._names[table][start:start + self._name_bytes]
        return name.partition(b"\0")[0].decode("utf-8", errors="replace")

    def absence(self):
        """Why there is not a single one."""
        if bool(self.library.sched["running"]):
            return "No goroutines: the runtime has been started, but all have ended."
        return ("No goroutines: the runtime does not run. gor_run() or gor_start() has not been called "
                "yet, or has ended.")

    # ---- time

    def _clock(self):
        seen = int(self.library.sched["coarse_now"])
        connection = getattr(self.inferior, "connection", None)
        virtual = bool(self.library.variable("gor__seeded")["virtual_time"])
        if not virtual and connection is not None and connection.type == "native":
            return max(seen, time.clock_gettime_ns(time.CLOCK_MONOTONIC))
        return seen

    def waited_ns(self, g):
        """How long it has waited; 0 if it does not."""
        if self._now is None:
            self._now = self._clock()
        return max(self._now - g.waiting_since, 0) if g.state == self.waiting else 0

    # ---- where they are

    def _machines(self):
        m = self.library.sched["machines"]
        while int(m):
            yield m
            m = m["next"]

    @staticmethod
    def _record(g):
        return gdb.Value(g.stack).cast(gdb.lookup_type("struct gor__stack").pointer())

    def stack(self, g):
        """Bounds of its stack; (0, 0): it has none yet."""
        if not g.stack:
            return 0, 0
        stack = self._record(g)
        place = int(stack["place"]) | int(stack["place_high"]) << 32
        class_ = place % STACK_ALIGNED - 1
        bytes_ = int(self.library.variable("gor__stack_kib")[class_]) << 10
        end = (place + PAGE - 1) & -PAGE
        return end - bytes_, place - place % STACK_ALIGNED

    def kept(self, g):
        """What is on its stack from its stored pointer to the top, if it hibernates; else None. See
        runtime/sched/cold.h."""
        low, top = self.stack(g)
        if not g.cell or not low < g.sp < top:
            return None
        if int(self._record(g)["cold"]) == self._warm:
            return None
        return self._read(g.cell, top - g.sp)

    def _stored(self, g):
        """Its registers, if it left its stack and has not come back; else None."""
        low, top = self.stack(g)
        if not low < g.sp < top or g.sp % 8:
            return None
        registers = view.stored_registers(g.sp)
        return registers if registers[0] != view.entry() else None

    def _whose(self, m, thread):
        """The goroutine on that thread. In the middle of a switch `m->g` is the next one already, and
        the stack still that of the last: whose stack it is decides. Where it is nobody's, it may be that
        of a signal handler, or the scheduler's, who is about to go on with one that is stored."""
        said = self.at(int(m["g"])) if int(m["g"]) else None
        left = self.at(int(m["after_g"])) if int(m["after_g"]) else None
        if said is None and left is None or thread is None:
            return said
        sp = view.stack_pointer(thread)
        for g in (said, left):
            if g is not None:
                low, top = self.stack(g)
                if low < sp < top:
                    return g
        return said if said is not None and self._stored(said) is None else None

    def on_threads(self):
        """{address of a goroutine: (thread's id, gdb's thread or None)} for those on a thread."""
        if self._on_thread is None:
            threads = {thread.ptid[1]: thread for thread in self.inferior.threads()}
            self._on_thread = {}
            with view.kept_selection():
                for m in self._machines():
                    tid = int(m["tid"])
                    g = self._whose(m, threads.get(tid))
                    if g is not None:
                        self._on_thread[g.address] = (tid, threads.get(tid))
        return self._on_thread

    def spot(self, g):
        """Where it is, for whoever wants its frames."""
        if g.address in self.on_threads():
            tid, thread = self.on_threads()[g.address]
            why = "" if thread else f"it is on thread {tid}, which gdb does not know"
            return Spot(thread=thread, tid=tid, why=why)
        if not g.stack:
            return Spot(why=NOT_YET)
        low, top = self.stack(g)
        if not low < g.sp < top or g.sp % 8:
            return Spot(why=MOVING)
        registers = self._stored(g)
        if registers is None:
            return Spot(why=NOT_YET)
        if registers[0]:
            return Spot(registers=registers)
        return Spot(why=MISSING if self.kept(g) is None else HIBERNATES)

    # ---- those that hibernate

    def _who_can_be_asked(self):
        """The thread to make a call: rather one that is on no goroutine's stack, which may be full."""
        taken = {thread.num for _, thread in self.on_threads().values() if thread is not None}
        threads = sorted(self.inferior.threads(), key=lambda thread: (thread.num in taken, thread.num))
        return next((thread for thread in threads if thread.is_stopped()), None)

    def wake(self, g):
        """Have the program bring back the stack of one that hibernates. "", or why it could not."""
        connection = getattr(self.inferior, "connection", None)
        if connection is not None and connection.type == "core":
            return ", for this is a core file"
        thread = self._who_can_be_asked()
        if thread is None:
            return ", for all of them run"
        try:
            warm = view.call(thread, f"gor__cold_show((struct gor__stack *) {g.stack:#x})")
        except gdb.error as error:
            return f" ({error})"
        return "" if int(warm) else ", for one that is halted is at it: let the program go on for a moment"

    def current(self):
        """Address of the one that is looked at, or is on the selected thread; 0: none."""
        shown = view.shown()
        if shown is not None:
            return shown.g
        selected = gdb.selected_thread()
        for address, (_, thread) in self.on_threads().items():
            if thread is not None and thread.num == selected.num:
                return address
        return 0

    # ---- in words

    def kind_text(self, state, reason):
        """As in dumps: what it waits for, or its state."""
        return self.reasons[reason] if state == self.waiting else self.states[state]

    def state_text(self, g):
        """The same of a goroutine."""
        return self.kind_text(g.state, g.reason)

    def title(self, g):
        """The first line of its traceback, as in dumps."""
        text = f"goroutine {g.id} [{self.state_text(g)}"
        minutes = self.waited_ns(g) // 60_000_000_000
        if minutes:
            text += f", {minutes} minute{'s' if minutes > 1 else ''}"
        if g.thread_locks:
            text += ", locked to thread"
        if self.name(g):
            text += f", \"{self.name(g)}\""
        return text + "]"
