# SPDX-License-Identifier: MIT
"""library.py - what gdb knows of libgor: its variables, types and constants, or why it does not.

Names are looked up in the file of the library that defines them, for a program may have its own `pool`.
"""
import gdb

# Sources, as the names of files end.
POOL = "runtime/sched/pool.c"
GOROUTINE = "runtime/sched/goroutine.c"

NO_PROGRAM = "There is no program: `run' one, `attach' to one, or open its core file."
NO_LIBRARY = ("This program has no libgor that gdb knows of. If it is linked to the static library, "
              "its symbols may have been stripped; give gdb the program with them (`file PROGRAM').")
NO_TYPES = ("libgor is here (%s), but gdb has no debug information for it, and cannot find goroutines "
            "without. Install the package with its debug symbols (Debian: libgor0-dbgsym), have gdb "
            "fetch them (`set debuginfod enabled on', then start again), or build libgor with -g.")
OTHER_LIBRARY = ("The debug information of libgor has no `%s': these commands are of another version "
                 "than the library. `source' the gor-gdb.py that came with it.")


def explain():
    """Why there is no gor__sched."""
    if not gdb.selected_inferior().pid:
        return NO_PROGRAM
    try:
        address = int(gdb.parse_and_eval("(unsigned long) &gor_run"))
    except gdb.error:
        return NO_LIBRARY
    return NO_TYPES % (gdb.solib_name(address) or gdb.current_progspace().filename)


def selected_thread():
    """The selected thread, halted; or an error that says what is missing."""
    thread = gdb.selected_thread()
    if thread is None:
        raise gdb.GdbError(NO_PROGRAM)
    if thread.is_running():
        raise gdb.GdbError("The program is running. Halt it first, by Ctrl-C or `interrupt'.")
    return thread


class Library:
    """libgor in the program that is being debugged."""

    def __init__(self):
        selected_thread()
        symbol = gdb.lookup_global_symbol("gor__sched")
        if symbol is None or symbol.symtab is None:
            raise gdb.GdbError(explain())
        self.objfile = symbol.symtab.objfile
        self.sched = symbol.value()
        self.root = self._symbol("pool", POOL).symtab.filename[:-len(POOL)]

    def _symbol(self, name, file):
        for symbol in gdb.lookup_static_symbols(name):
            if symbol.symtab.objfile == self.objfile and symbol.symtab.filename.endswith(file):
                return symbol
        raise gdb.GdbError(OTHER_LIBRARY % name)

    def static(self, name, file):
        """The static variable `name` of that file."""
        return self._symbol(name, file).value()

    def constants(self, variable, file, *names):
        """Enumerators that are known in the file that has the static variable."""
        block = self._symbol(variable, file).symtab.static_block()
        found = [gdb.lookup_symbol(name, block)[0] for name in names]
        if None in found:
            raise gdb.GdbError(OTHER_LIBRARY % names[found.index(None)])
        return [int(symbol.value()) for symbol in found]

    @staticmethod
    def variable(name):
        """The variable `name` that all of the library knows."""
        symbol = gdb.lookup_global_symbol(name)
        if symbol is None:
            raise gdb.GdbError(OTHER_LIBRARY % name)
        return symbol.value()

    def texts(self, name, file):
        """A static array of strings, by index; those that are missing are empty."""
        array = self.static(name, file)
        low, high = array.type.range()
        return [array[i].string() if int(array[i]) else "" for i in range(low, high + 1)]

    def is_own(self, path):
        """Whether that source file is the library's."""
        return path.startswith(self.root + "runtime/")


def enum_values(name):
    """Enumerators of a type, by name."""
    try:
        return {field.name: field.enumval for field in gdb.lookup_type(name).fields()}
    except gdb.error as error:
        raise gdb.GdbError(OTHER_LIBRARY % name) from error
