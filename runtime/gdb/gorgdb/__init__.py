# SPDX-License-Identifier: MIT
"""gorgdb - goroutines for gdb.

    library.py   what gdb knows of libgor: its variables, types and constants, or why it does not
    world.py     the goroutines of the program as it stands, and which thread each is on
    view.py      one goroutine's stack in the place of a thread's
    places.py    which functions a stack shows
    table.py     what `info goroutines` prints
    commands.py  the commands
    cores.py     core files with all stacks in them
    printers.py  channels, locks and the like as gdb prints them

Nothing here writes to the program: not to its memory, not to its registers. So all of it works on core
files too.
"""
from gorgdb import commands, printers, view


def load():
    """Make gdb know all of it. Doing so twice does no harm."""
    view.register()
    commands.register()
    printers.register()
