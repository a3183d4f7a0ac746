# SPDX-License-Identifier: MIT
"""view.py - one goroutine's stack in the place of a thread's.

A stored goroutine is on no thread, and gdb shows the stacks of threads. So the selected thread lends its
place: gdb asks an unwinder for what called the thread's innermost frame, and is told the registers of the
goroutine. That frame stays the thread's own, as its registers do, and is left out of backtraces: those of
goroutines begin with frame 1. Nothing is written, neither registers nor memory; but what hibernates is
brought back, by the program itself (call).

Setting the thread's registers, as Go's script does, was rejected: core files do not let themselves be
written, and a program that goes on with them is lost.
"""
import collections
import contextlib

import gdb
from gdb.unwinder import Unwinder, register_unwinder

# Registers, and where a stored stack has them, in words; see runtime/cpu/switch_*.h.
Processor = collections.namedtuple("Processor", "pc sp fp pc_at fp_at words")
PROCESSORS = {"i386:x86-64": Processor("rip", "rsp", "rbp", 1, 2, 3),
              "aarch64": Processor("pc", "sp", "x29", 1, 0, 4)}

# What is shown: in which inferior and thread (numbers; its pc and sp), and of which goroutine (address,
# id, registers).
Shown = collections.namedtuple("Shown", "inferior thread thread_pc thread_sp g id registers")


class _State:
    """What the unwinder is to show; None: nothing."""
    shown = None
    home = None  # number of the thread that was selected before; to go back to
    resumed = 0  # times the program has gone on
    calling = False  # a thread does, for a call of ours that changes nothing that was read


def processor():
    """That of the selected frame, or an error that says which ones are known."""
    name = gdb.selected_frame().architecture().name()
    if name not in PROCESSORS:
        raise gdb.GdbError(f"These commands do not know the processor {name}, but "
                           f"{' and '.join(PROCESSORS)}.")
    return PROCESSORS[name]


def _register(frame, name):
    return int(frame.read_register(name)) & (2 ** 64 - 1)


def stack_pointer(thread):
    """Of that thread, which is selected afterwards."""
    thread.switch()
    return _register(gdb.newest_frame(), processor().sp)


def stored_registers(sp):
    """(pc, sp, fp) of a stack that was stored there; pc is 0 if it is missing."""
    cpu = processor()
    words = [0] * cpu.words
    with contextlib.suppress(gdb.MemoryError):
        memory = gdb.selected_inferior().read_memory(sp, cpu.words * 8)
        words = [int.from_bytes(memory[i * 8:i * 8 + 8], "little") for i in range(cpu.words)]
    return words[cpu.pc_at], sp + cpu.words * 8, words[cpu.fp_at]


def entry():
    """Where stacks begin."""
    return int(gdb.parse_and_eval("(unsigned long) &gor__entry"))


# ---- what is shown

def shown():
    """What the selected thread shows instead of its own stack; None: nothing."""
    state = _State.shown
    thread = gdb.selected_thread()
    if state is None or thread is None:
        return None
    same = state.inferior == gdb.selected_inferior().num and state.thread == thread.num
    return state if same else None


def show(g, registers):
    """Have the selected thread show the goroutine's stack, and select its innermost frame."""
    hide()
    frame = gdb.newest_frame()
    cpu = processor()
    _State.shown = Shown(gdb.selected_inferior().num, gdb.selected_thread().num,
                         _register(frame, cpu.pc), _register(frame, cpu.sp), g.address, g.id, registers)
    gdb.invalidate_cached_frames()
    frame = first_frame()
    if frame is not None:
        frame.select()


def hide():
    """Have all threads show their own stacks."""
    if _State.shown is not None:
        _State.shown = None
        gdb.invalidate_cached_frames()


def first_frame():
    """The innermost frame of what is shown, or else of the selected thread."""
    frame = gdb.newest_frame()
    if shown() is None:
        return frame
    # Functions that were inlined where the thread stands are frames of their own.
    while frame is not None and frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    return frame.older() if frame is not None else None


def times_resumed():
    """How often the program has gone on: what was read before is not true any more."""
    return _State.resumed


def remember_home():
    """The thread selected now is where go_home() leads."""
    if _State.home is None:
        _State.home = gdb.selected_thread().num


def go_home():
    """As it was before the first goroutine was selected."""
    hide()
    for thread in gdb.selected_inferior().threads():
        if thread.num == _State.home:
            thread.switch()
    _State.home = None


@contextlib.contextmanager
def kept_selection():
    """What is selected and shown is so again afterwards, unless the program went on meanwhile."""
    state, resumed = _State.shown, _State.resumed
    thread = gdb.selected_thread()
    frame = gdb.selected_frame()
    try:
        yield
    finally:
        if resumed == _State.resumed and thread.is_valid():
            if _State.shown is not state:
                _State.shown = state
                gdb.invalidate_cached_frames()
            thread.switch()
            if frame.is_valid():
                frame.select()


def call(thread, expression):
    """What the program says to that, asked on that thread while the others stand still."""
    settings = {name: gdb.parameter(name) for name in ("scheduler-locking", "unwindonsignal")}
    words = {True: "on", False: "off"}
    with kept_selection():
        hide()
        thread.switch()
        gdb.newest_frame().select()
        for name in settings:
            gdb.execute(f"set {name} on")
        _State.calling = True
        try:
            return gdb.parse_and_eval(expression)
        finally:
            _State.calling = False
            for name, value in settings.items():
                gdb.execute(f"set {name} {words.get(value, value)}")


# ---- for gdb

class FrameId:
    """What tells the frame from others."""

    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class GoroutineUnwinder(Unwinder):
    """Claims the innermost frame of the thread that shows a goroutine."""

    def __init__(self):
        super().__init__("gor")

    def __call__(self, pending):
        state = shown()
        if state is None:
            return None
        cpu = PROCESSORS[pending.architecture().name()]
        if (_register(pending, cpu.pc), _register(pending, cpu.sp)) != (state.thread_pc,
                                                                        state.thread_sp):
            return None
        pc, sp, fp = state.registers
        # A frame must not lie below the one it called, or gdb takes the stack for corrupt.
        info = pending.create_unwind_info(FrameId(gdb.Value(min(sp, state.thread_sp)),
                                                  gdb.Value(state.thread_pc)))
        for name, value in ((cpu.pc, pc), (cpu.sp, sp), (cpu.fp, fp)):
            info.add_saved_register(name, gdb.Value(value).cast(pending.read_register(name).type))
        return info


class GoroutineFilter:
    """Leaves the frame that is the thread's own out of backtraces."""

    def __init__(self):
        self.name = "gor"
        self.enabled = True
        self.priority = 1000

    @staticmethod
    def filter(frames):
        """Those of `frames` that are the goroutine's."""
        first = first_frame() if shown() is not None else None
        if first is None:
            return frames
        level = first.level()
        return (frame for frame in frames if frame.inferior_frame().level() >= level)


def _on_resume(_event):
    if _State.calling:
        return
    _State.resumed += 1
    _State.shown = None
    _State.home = None


def _on_prompt():
    """Who selects another thread wants to see that one."""
    if _State.shown is not None and shown() is None:
        hide()
        _State.home = None


def register():
    """Make gdb ask here."""
    register_unwinder(None, GoroutineUnwinder(), replace=True)
    gdb.frame_filters["gor"] = GoroutineFilter()
    for registry, handler in ((gdb.events.cont, _on_resume), (gdb.events.exited, _on_resume),
                              (gdb.events.before_prompt, _on_prompt)):
        with contextlib.suppress(ValueError, SystemError):
            registry.disconnect(handler)
        registry.connect(handler)
