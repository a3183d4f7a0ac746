# SPDX-License-Identifier: MIT
"""printers.py - channels, locks and the like as gdb prints them, in `print *chan' or `info locals': how
much is in it, who has it, who waits.

    {channel of 8-byte elements, 2 of 16 buffered, 1 waiting receiver: goroutine 7}
"""
import gdb
import gdb.printing

from gorgdb.library import GOROUTINE

WAITERS_NAMED = 8
WAITERS_COUNTED = 1000


def inner(value, function, tag):
    """An opaque struct of gor.h as the library sees it: by the struct `tag` of the file that defines the
    function. None: there is no debug information."""
    symbol = gdb.lookup_global_symbol(function)
    if symbol is None or value.address is None:
        return None
    try:
        type_ = gdb.lookup_type(f"struct {tag}", symbol.symtab.static_block())
    except gdb.error:
        return None
    return value.address.cast(type_.pointer()).dereference()


def constant(function, name):
    """An enumerator of the file that defines the function."""
    block = gdb.lookup_global_symbol(function).symtab.static_block()
    return int(gdb.lookup_symbol(name, block)[0].value())


def waiters(queue):
    """Those on the queue whose wait nobody has ended yet."""
    waiter = queue["first"]
    count = 0
    while int(waiter) and count < WAITERS_COUNTED:
        token = int(waiter["token"])
        if token == 0 or int(waiter["g"]["wake"]) == token:
            count += 1
            yield waiter
        waiter = waiter["next"]


def describe(queue, whose, detail=lambda waiter: ""):
    """", 3 receivers: goroutines 7 8 9", or "" if nobody waits."""
    all_ = list(waiters(queue))
    if not all_:
        return ""
    more = "+" if len(all_) == WAITERS_COUNTED else ""
    names = " ".join(str(int(w["g"]["id"])) + detail(w) for w in all_[:WAITERS_NAMED])
    dots = " ..." if len(all_) > WAITERS_NAMED else ""
    plural = "s" if len(all_) > 1 else ""
    return f", {len(all_)}{more} waiting {whose}{plural}: goroutine{plural} {names}{dots}"


def one_of(count, word):
    """"1 reader", "2 readers"."""
    return f"{count} {word}{'s' if count != 1 else ''}"


class Printer:
    """A value in one line, made when it is found that it can be."""

    def __init__(self, text):
        self._text = text

    def to_string(self):
        """As gdb calls it."""
        return "{" + self._text + "}"


def chan(value):
    """struct gor_chan"""
    closed = "closed " if bool(value["closed"]) else ""
    return (f"{closed}channel of {int(value['elem_bytes'])}-byte elements, {int(value['count'])} of "
            f"{int(value['capacity'])} buffered" + describe(value["receivers"], "receiver") +
            describe(value["senders"], "sender"))


def mutex(value):
    """struct gor_mutex"""
    m = inner(value, "gor_mutex_lock", "mutex")
    if m is None:
        return None
    word = int(m["word"])
    state = "locked" if word & constant("gor_mutex_lock", "LOCKED") else "unlocked"
    if word & constant("gor_mutex_lock", "STARVING"):
        state += ", handed on first come first served"
    return f"mutex, {state}" + describe(m["queue"], "goroutine")


def rwmutex(value):
    """struct gor_rwmutex"""
    rw = inner(value, "gor_rwmutex_lock", "rwmutex")
    if rw is None:
        return None
    inside = "a writer inside" if bool(rw["writing"]) else "nobody inside"
    if int(rw["readers"]):
        inside = one_of(int(rw["readers"]), "reader") + " inside"
    return (f"read-write mutex, {inside}" + describe(rw["waiting_readers"], "reader") +
            describe(rw["waiting_writers"], "writer"))


def waitgroup(value):
    """struct gor_waitgroup"""
    wg = inner(value, "gor_waitgroup_wait", "waitgroup")
    if wg is None:
        return None
    return f"wait group, {int(wg['word']) >> 32} to be done" + describe(wg["queue"], "goroutine")


def cond(value):
    """struct gor_cond"""
    c = inner(value, "gor_cond_wait", "cond")
    return None if c is None else "condition" + describe(c["waiting"], "goroutine")


def sem(value):
    """struct gor_sem"""
    s = inner(value, "gor_sem_acquire", "sem")
    if s is None:
        return None
    return f"semaphore, {int(s['count'])} free" + describe(
        s["waiting"], "goroutine", lambda waiter: f" (for {int(waiter['elem'])})")


def once(value):
    """struct gor_once"""
    o = inner(value, "gor_once_do", "once")
    if o is None:
        return None
    state = "done" if int(o["done"]) else "running" if bool(o["running"]) else "not done yet"
    return f"once, {state}" + describe(o["waiting"], "goroutine")


def goroutine(value):
    """struct gor__g"""
    state, reason = int(value["state"]), int(value["reason"])
    names = {}
    for variable in ("state_names", "reason_names"):
        for symbol in gdb.lookup_static_symbols(variable):
            if symbol.symtab.filename.endswith(GOROUTINE):
                names[variable] = symbol.value()
    text = names["reason_names"][reason].string() or names["state_names"][state].string()
    return f"goroutine {int(value['id'])} [{text}]"


def either(describe_value):
    """A printer for those values that can be described; others gdb prints its own way."""
    def make(value):
        try:
            text = describe_value(value)
        except (gdb.error, KeyError):
            return None
        return Printer(text) if text is not None else None
    return make


def register():
    """Make gdb use them."""
    printers = gdb.printing.RegexpCollectionPrettyPrinter("gor")
    for name, describe_value in (("gor_chan", chan), ("gor_mutex", mutex), ("gor_rwmutex", rwmutex),
                                 ("gor_waitgroup", waitgroup), ("gor_cond", cond), ("gor_sem", sem),
                                 ("gor_once", once), ("gor__g", goroutine)):
        printers.add_printer(name, f"^{name}$", either(describe_value))
    gdb.printing.register_pretty_printer(None, printers, replace=True)
