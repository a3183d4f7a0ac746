# SPDX-License-Identifier: MIT
"""commands.py - the commands."""
import gdb

from gorgdb import view
from gorgdb.cores import write_core
from gorgdb.library import selected_thread
from gorgdb.places import Names, users_frame
from gorgdb.table import Table
from gorgdb.world import HIBERNATES, HOW_MISSING, HOW_TO_WAKE, MISSING, NOT_YET, World

SHOWN_AT_FIRST = 100


class InfoGoroutines(gdb.Command):
    """List goroutines: number, state, how long it waits, name, function, where it is, who made it.

Usage: info goroutines [-n COUNT | -all] [TEXT]

The current one is marked by a star. The state is what it waits for, in the words of gor_dump and of
Go, else "running" or "runnable"; for one that is on a thread, with gdb's number of the thread.
With TEXT, only those are listed whose state, reason to wait, name or function contains it:

  info goroutines chan
  info goroutines running
  info goroutines -n 1000 worker

At most 100 are listed, those with the lowest numbers, unless -n or -all says otherwise; all are
counted."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STATUS)

    @staticmethod
    def _parse(argument):
        limit = SHOWN_AT_FIRST
        word, _, rest = argument.strip().partition(" ")
        if word == "-all":
            return None, rest.strip()
        if word == "-n":
            count, _, rest = rest.strip().partition(" ")
            if not count.isdigit():
                raise gdb.GdbError("-n wants a number: info goroutines -n COUNT [TEXT]")
            return int(count), rest.strip()
        if word.startswith("-"):
            raise gdb.GdbError(f"There is no option {word}; there are -n COUNT and -all.")
        return limit, argument.strip()

    def invoke(self, argument, _from_tty):
        """As gdb calls it."""
        limit, words = self._parse(argument)
        Table(World(), words, limit).show()


class Goroutine(gdb.Command):
    """Select a goroutine, or run a command in one or in all.

Usage: goroutine                 which one is selected, and who made it
       goroutine ID              select it: bt, up, down, frame, info locals ... work on its stack
       goroutine 0               back to the thread's own stack
       goroutine ID COMMAND      run a gdb command in it: goroutine 7 bt
       goroutine all COMMAND     the same in each: goroutine all bt
       goroutine core [FILE]     write a core file (core.PID) that has all stacks; what
                                 generate-core-file writes may have none on Linux 6.13 and later

The first frame selected is that of the function that called the library. Frames of a goroutine that is
on no thread are counted from 1: frame 0 is that of the thread that lends its place.
Nothing of the program is changed, so all this works on core files too; but the stack of one that
hibernates is brought back, as if somebody had touched it. When the program goes on, or another thread
is selected, the view is over. Commands that make it go on (step, finish, call) work on
the thread, not on the goroutine."""

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)
        self._names = Names()

    # ---- one

    def _explain(self, why, g, asleep):
        if why == NOT_YET:
            return (f"{why}; it will begin in {self._names.function(g.fn)}, and was made by "
                    f"{self._names.call(g.created_at)}")
        if why == HIBERNATES:
            return f"{why}; {HOW_TO_WAKE % asleep}"
        return f"{why}; {HOW_MISSING}" if why == MISSING else why

    def _go_to(self, world, g):
        """Select it, and its innermost frame outside the library."""
        spot, asleep = world.spot(g), ""
        if spot.why == HIBERNATES:
            asleep = world.wake(g)
            spot = world.spot(g)
        if spot.thread is not None:
            view.hide()
            spot.thread.switch()
        elif spot.registers is not None:
            view.show(g, spot.registers)
        else:
            why = self._explain(spot.why, g, asleep)
            raise gdb.GdbError(f"Goroutine {g.id} has no stack to look at: {why}.")
        frame = users_frame(world.library, view.first_frame())
        frame.select()
        return spot

    def _select(self, world, g):
        with view.kept_selection():
            self._go_to(world, g)  # so that nothing changes where it cannot
        view.remember_home()
        spot = self._go_to(world, g)
        thread = gdb.selected_thread().num
        how = f"on thread {thread}" if spot.thread is not None else f"seen through thread {thread}"
        print(f"[Switched to {world.title(g)}, {how}]")
        gdb.execute("frame")

    def _tell(self):
        world = World()
        current = world.current()
        g = world.at(current) if current else None
        if g is None:
            print("No goroutine is selected, and the thread runs none.")
            return
        verb = "is selected" if view.shown() is not None else "is on the selected thread"
        print(f"[{world.title(g)} {verb}]")
        by = f" in goroutine {g.parent}" if g.parent else ""
        print(f"created by {self._names.call(g.created_at)}{by}")

    # ---- commands in them

    def _run_in(self, world, g, command, from_tty):
        with view.kept_selection():
            self._go_to(world, g)
            gdb.execute(command, from_tty)

    def _run_in_all(self, world, command, from_tty):
        resumed = view.times_resumed()
        for g in sorted(world.goroutines(), key=lambda g: g.id):
            if view.times_resumed() != resumed:
                raise gdb.GdbError("The program has gone on meanwhile; the other goroutines are left out.")
            print(f"\n{world.title(g)}:")
            try:
                self._run_in(world, g, command, from_tty)
            except (gdb.error, gdb.GdbError) as error:
                print(error)

    @staticmethod
    def _number(word):
        try:
            return int(gdb.parse_and_eval(word))
        except (gdb.error, ValueError) as error:
            raise gdb.GdbError(f"`{word}' is no number of a goroutine ({error}); see `help "
                               "goroutine'.") from error

    def invoke(self, argument, from_tty):
        """As gdb calls it."""
        word, _, command = argument.strip().partition(" ")
        selected_thread()
        if not word:
            self._tell()
            return
        if word == "all":
            if not command:
                raise gdb.GdbError("In all goroutines, which command? For example: goroutine all bt")
            self._run_in_all(World(), command, from_tty)
            return
        if word == "core":
            write_core(World(), command.strip() or f"core.{gdb.selected_inferior().pid}")
            return
        number = self._number(word)
        if number == 0:
            view.go_home()
            gdb.execute("frame")
            return
        world = World()
        g = world.find(number)
        if command:
            self._run_in(world, g, command, from_tty)
        else:
            self._select(world, g)


def register():
    """Make gdb know the commands."""
    # By this signal the runtime stops goroutines that compute for long; it is nothing to stop at.
    gdb.execute("handle SIG64 nostop noprint pass", to_string=True)
    InfoGoroutines()
    Goroutine()
