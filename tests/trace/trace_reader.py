# SPDX-License-Identifier: MIT
"""Reads a trace by perfetto.proto, as trace_processor would, and holds it to the rules of the format:
known fields only, one clock, times that never go back on a sequence, texts introduced before they are
used, tracks named before anything happens on them, slices that nest, flows that begin before they end.
"""

import importlib
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

STATE_CLEARED, NEEDS_STATE = 1, 2
MONOTONIC = 3
BEGIN, END, INSTANT, COUNTER = 1, 2, 3, 4

Event = namedtuple("Event", "ns kind track category name args flows ends value")
Slice = namedtuple("Slice", "track name begin end args depth")


class Wrong(Exception):
    """The trace breaks a rule."""


def load_messages():
    """The module protoc makes of perfetto.proto."""
    here = Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["protoc", f"--proto_path={here}", f"--python_out={folder}",
                        "perfetto.proto"], check=True)
        sys.path.insert(0, folder)
        sys.dont_write_bytecode = True
        try:
            return importlib.import_module("perfetto_pb2")
        finally:
            sys.path.remove(folder)


def require(condition, what, *about):
    if not condition:
        raise Wrong(what + " " + " ".join(str(a) for a in about))


class Reader:
    """One trace: `tracks` by uuid, `events` in order, `slices`, `flows` as pairs of events."""

    def __init__(self, messages, data):
        self.messages = messages
        self.tracks = {}
        self.events = []
        self.flows = []
        self.slices = []
        self.open_flows = {}
        self.texts = None
        self.last_ns = 0
        self.has_clock = False
        trace = messages.Trace()
        trace.ParseFromString(data)
        trace.DiscardUnknownFields()
        require(trace.ByteSize() == len(data), "fields that perfetto.proto does not have")
        for packet in trace.packet:
            self.take_packet(packet)
        self.pair_slices()

    # ---- packets

    def take_packet(self, packet):
        require(packet.trusted_packet_sequence_id == 1, "packet of another sequence")
        if packet.sequence_flags & STATE_CLEARED:
            self.texts = {"categories": {}, "names": {}, "arg_names": {}, "arg_texts": {}}
            require(packet.trace_packet_defaults.timestamp_clock_id == MONOTONIC, "clock of times")
        if packet.HasField("clock_snapshot"):
            ids = [c.clock_id for c in packet.clock_snapshot.clocks]
            require(sorted(ids) == [1, 3, 6], "clocks of the snapshot", ids)
            self.has_clock = True
        if packet.HasField("track_descriptor"):
            self.take_track(packet.track_descriptor)
        if packet.HasField("interned_data"):
            self.take_texts(packet.interned_data)
        if packet.HasField("track_event"):
            self.take_event(packet)

    def take_track(self, track):
        require(track.uuid != 0, "track without a uuid")
        require(track.uuid not in self.tracks, "track named twice", track)
        if track.HasField("parent_uuid"):
            require(track.parent_uuid in self.tracks, "track of an unknown parent", track)
        self.tracks[track.uuid] = track

    def take_texts(self, data):
        for kind, entries, field in (("categories", data.event_categories, "name"),
                                     ("names", data.event_names, "name"),
                                     ("arg_names", data.debug_annotation_names, "name"),
                                     ("arg_texts", data.debug_annotation_string_values, "str")):
            for entry in entries:
                require(entry.iid not in self.texts[kind], "text introduced twice", entry)
                text = getattr(entry, field)
                self.texts[kind][entry.iid] = text.decode() if field == "str" else text

    def text(self, kind, iid):
        require(iid in self.texts[kind], "text never introduced:", kind, iid)
        return self.texts[kind][iid]

    def take_event(self, packet):
        event = packet.track_event
        require(self.has_clock and self.texts is not None, "event before the state is set")
        require(packet.sequence_flags & NEEDS_STATE, "event that does not say it needs state")
        require(packet.timestamp >= self.last_ns, "time goes back", packet)
        require(event.track_uuid in self.tracks, "event on an unknown track", packet)
        self.last_ns = packet.timestamp
        counts = self.tracks[event.track_uuid].HasField("counter")
        require(counts == (event.type == COUNTER), "counter and track do not fit", packet)
        args = {}
        for arg in event.debug_annotations:
            value = arg.uint_value if arg.HasField("uint_value") else self.text(
                "arg_texts", arg.string_value_iid)
            args[self.text("arg_names", arg.name_iid)] = value
        named = event.type in (BEGIN, INSTANT)
        require(event.HasField("name_iid") == named, "event with or without a name", packet)
        taken = Event(packet.timestamp, event.type, event.track_uuid,
                      self.text("categories", event.category_iids[0]) if named else None,
                      self.text("names", event.name_iid) if named else None, args,
                      list(event.flow_ids), list(event.terminating_flow_ids),
                      event.counter_value)
        self.take_flows(taken)
        self.events.append(taken)

    def take_flows(self, event):
        for flow in event.ends:
            require(flow in self.open_flows, "flow ends that did not begin", event)
            self.flows.append((self.open_flows.pop(flow), event))
        for flow in event.flows:
            require(flow not in self.open_flows, "flow begins twice", event)
            self.open_flows[flow] = event
        require(not (event.flows or event.ends) or event.kind in (BEGIN, INSTANT),
                "flow at something that is no slice", event)

    # ---- slices

    def pair_slices(self):
        stacks = {}
        for event in self.events:
            stack = stacks.setdefault(event.track, [])
            if event.kind == BEGIN:
                stack.append(event)
            elif event.kind == END:
                require(stack, "slice ends that did not begin", event)
                began = stack.pop()
                self.slices.append(Slice(event.track, began.name, began.ns, event.ns,
                                         {**began.args, **event.args}, len(stack)))
        for stack in stacks.values():
            require(not stack, "slice that never ends", stack)

    # ---- questions

    def track_name(self, uuid):
        track = self.tracks[uuid]
        if track.HasField("thread"):
            return track.thread.thread_name
        return track.process.process_name if track.HasField("process") else track.name

    def tracks_named(self, test):
        return [uuid for uuid in self.tracks if test(self.track_name(uuid))]

    def slices_on(self, uuids):
        return [s for s in self.slices if s.track in uuids]

    def counts(self, name):
        """The values of the counter of that name, in order."""
        uuids = self.tracks_named(lambda n: n == name)
        return [e.value for e in self.events if e.track in uuids and e.kind == COUNTER]
