# cython: boundscheck=False, wraparound=False
"""The path of one player's messages: twin of ``Reception.take_bytes`` for ordinary commands.

Owns reading, checking and queuing a short command without a Python object besides the command and
its place in the queue.  A message is taken whole or not at all: whatever is not an ordinary command
that is right and allowed goes, unchanged and before anything has been counted, to the pure
implementation.  So errors, limits and rare cases have one implementation.
"""

import math
import weakref

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from cpython.object cimport PyObject, PyTypeObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memcpy

from gameserver.accelerated.slots cimport get, get_float, get_int, offset_of, put
from gameserver.accelerated.wire cimport read_bool, read_int, read_uint

cdef extern from *:
    const char* GAMESERVER_SOURCES

cdef extern from "Python.h":
    object PyType_GenericAlloc(PyTypeObject* cls, Py_ssize_t items)

#: Names the sources that this module was made from.
SOURCES = GAMESERVER_SOURCES.decode()

cdef enum:
    INTEGER = 0
    BOOLEAN = 1
    LONGEST = 125  # bytes of a short command
    KIND_COMMAND = 2
    HEAD = 6  # elements before the values
    MOST_SEQ = 0x7FFFFFFF
    UNTIMED_AHEAD = 4
    MOST_WAITING = 256

cdef long long MOST_INT = <long long>1 << 52

cdef object NOT_READ = object()

cdef bint is_bound = False
cdef object Input, nothing_awaited
cdef Py_ssize_t reception_ended
cdef Py_ssize_t allowance_burst, allowance_left, allowance_rate, allowance_seen_s
cdef Py_ssize_t counters_messages
cdef Py_ssize_t seat_awaited, seat_posted_tick, seat_margin, seat_command_seq
cdef Py_ssize_t commands_newest_seq, commands_recorder, commands_inbox
cdef Py_ssize_t room_upcoming_tick, room_waiting
cdef Py_ssize_t inputs_waiting, inputs_length_ticks
cdef Py_ssize_t input_tick, input_seq, input_rendered, input_arrived, input_read_s, input_command


cdef int bind() except -1:
    """Look up the offsets; not at import, which may come from the modules named here."""
    global is_bound, Input, nothing_awaited, reception_ended
    global allowance_burst, allowance_left, allowance_rate, allowance_seen_s, counters_messages
    global seat_awaited, seat_posted_tick, seat_margin, seat_command_seq
    global commands_newest_seq, commands_recorder, commands_inbox
    global room_upcoming_tick, room_waiting, inputs_waiting, inputs_length_ticks
    global input_tick, input_seq, input_rendered, input_arrived, input_read_s, input_command
    from gameserver.model.fieldtypes import INT_LIMIT
    from gameserver.ops.metrics import Counters
    from gameserver.protocol.allowance import Allowance
    from gameserver.protocol.kinds import MAX_SEQ, Kind
    from gameserver.replication.seat import NOTHING_AWAITED, Seat
    from gameserver.runtime.sessions.reception import Reception
    from gameserver.simulation.commands import MAX_WAITING_COMMANDS, Commands, RoomCommands
    from gameserver.simulation import inputs

    assert (INT_LIMIT, MAX_SEQ, int(Kind.COMMAND)) == (MOST_INT, MOST_SEQ, KIND_COMMAND)
    assert (inputs.UNTIMED_AHEAD_TICKS, MAX_WAITING_COMMANDS) == (UNTIMED_AHEAD, MOST_WAITING)
    nothing_awaited = NOTHING_AWAITED
    Input = inputs.Input
    reception_ended = offset_of(Reception, "_ended")
    allowance_burst = offset_of(Allowance, "_burst")
    allowance_left = offset_of(Allowance, "_left")
    allowance_rate = offset_of(Allowance, "_rate")
    allowance_seen_s = offset_of(Allowance, "_seen_s")
    counters_messages = offset_of(Counters, "messages")
    seat_awaited = offset_of(Seat, "awaited")
    seat_posted_tick = offset_of(Seat, "posted_tick")
    seat_margin = offset_of(Seat, "margin")
    seat_command_seq = offset_of(Seat, "command_seq")
    commands_newest_seq = offset_of(Commands, "newest_seq")
    commands_recorder = offset_of(Commands, "recorder")
    commands_inbox = offset_of(Commands, "_inbox")
    room_upcoming_tick = offset_of(RoomCommands, "upcoming_tick")
    room_waiting = offset_of(RoomCommands, "waiting")
    inputs_waiting = offset_of(inputs.InputBuffer, "_waiting")
    inputs_length_ticks = offset_of(inputs.InputBuffer, "length_ticks")
    input_tick = offset_of(Input, "tick")
    input_seq = offset_of(Input, "seq")
    input_rendered = offset_of(Input, "rendered")
    input_arrived = offset_of(Input, "arrived")
    input_read_s = offset_of(Input, "read_s")
    input_command = offset_of(Input, "command")
    is_bound = True
    return 0


# ---------------------------------------------------------------- command classes


cdef class CommandReader:
    """Makes the commands of one class from wire values, checked."""

    def __init__(self, cls, spec):
        from gameserver.model import fieldtypes

        self.cls, self.from_wire = cls, spec.from_wire
        self.count = len(spec.fields)
        self.plain = True
        for at, field in enumerate(spec.fields):
            if type(field.type) is fieldtypes.Int:
                self.kinds[at] = INTEGER
                self.lows[at] = -MOST_INT if field.low is None else _within(math.ceil(field.low))
                self.highs[at] = MOST_INT if field.high is None else _within(math.floor(field.high))
            elif type(field.type) is fieldtypes.Bool:
                self.kinds[at] = BOOLEAN
            else:
                self.plain = False
        self.bare = self.plain and _is_bare(cls, [field.name for field in spec.fields])
        if self.bare:
            for at, field in enumerate(spec.fields):
                self.offsets[at] = offset_of(cls, field.name)

    cdef object read(self, const unsigned char** at, const unsigned char* end, bint recorded):
        """Return a command, or ``NOT_READ``; with ``recorded``, a pair with its wire values."""
        cdef Py_ssize_t i
        cdef long long numbers[64]
        cdef object values, command
        if not self.plain or recorded:
            values = self._values(at, end)
            if values is NOT_READ:
                return NOT_READ
            command = self.from_wire(values)
            return (command, values) if recorded else command
        for i in range(self.count):
            if self.kinds[i] == BOOLEAN:
                if not read_bool(at, end, &numbers[i]):
                    return NOT_READ
            elif not (
                read_int(at, end, &numbers[i]) and self.lows[i] <= numbers[i] <= self.highs[i]
            ):
                return NOT_READ
        if at[0] != end:
            return NOT_READ
        if not self.bare:
            return self.cls(*[self._object(i, numbers[i]) for i in range(self.count)])
        command = PyType_GenericAlloc(<PyTypeObject*>self.cls, 0)
        for i in range(self.count):
            put(command, self.offsets[i], self._object(i, numbers[i]))
        return command

    cdef object _object(self, Py_ssize_t i, long long number):
        if self.kinds[i] == BOOLEAN:
            return True if number else False
        return number

    cdef object _values(self, const unsigned char** at, const unsigned char* end):
        cdef list values = []
        cdef object value
        for _ in range(self.count):
            value = read_scalar(at, end)
            if value is NOT_READ:
                return NOT_READ
            values.append(value)
        return values if at[0] == end else NOT_READ


def _within(limit):
    """Return a limit as it can be compared with wire integers."""
    return max(-MOST_INT - 1, min(MOST_INT + 1, limit))


def _is_bare(cls, names):
    """Whether making an instance does nothing but to store the values of ``names``."""
    fields = cls.__attrs_attrs__
    made_by_attrs = getattr(cls.__init__, "__code__", None)
    return (
        [field.name for field in fields] == names
        and all(
            field.converter is None and field.validator is None and field.init for field in fields
        )
        and not hasattr(cls, "__attrs_post_init__")
        and not hasattr(cls, "__attrs_pre_init__")
        and cls.__new__ is object.__new__
        and made_by_attrs is not None
        and made_by_attrs.co_filename.startswith("<attrs generated")
    )


cdef object read_scalar(const unsigned char** at, const unsigned char* end):
    """Return a value that is no array or map, as msgpack would, or ``NOT_READ``."""
    cdef const unsigned char* p = at[0]
    cdef Py_ssize_t length, head
    cdef long long number
    cdef float single
    cdef double double_
    cdef unsigned int bits32 = 0
    cdef unsigned long long bits64 = 0
    if p >= end:
        return NOT_READ
    cdef unsigned char first = p[0]
    if first == 0xC0:
        at[0] += 1
        return None
    if 0xC2 <= first <= 0xC3:
        at[0] += 1
        return first == 0xC3
    if first == 0xCA:
        if end - p < 5:
            return NOT_READ
        for i in range(1, 5):
            bits32 = bits32 << 8 | p[i]
        memcpy(&single, &bits32, 4)
        at[0] += 5
        return <double>single
    if first == 0xCB:
        if end - p < 9:
            return NOT_READ
        for i in range(1, 9):
            bits64 = bits64 << 8 | p[i]
        memcpy(&double_, &bits64, 8)
        at[0] += 9
        return double_
    if 0xA0 <= first <= 0xBF or first == 0xD9 or first == 0xC4:
        if first < 0xC0:
            head, length = 1, first & 0x1F
        elif end - p < 2:
            return NOT_READ
        else:
            head, length = 2, p[1]
        if end - p < head + length:
            return NOT_READ
        at[0] += head + length
        if first == 0xC4:
            return PyBytes_FromStringAndSize(<const char*>p + head, length)
        try:
            return PyUnicode_DecodeUTF8(<const char*>p + head, length, NULL)
        except UnicodeDecodeError:
            return NOT_READ
    if read_int(at, end, &number):
        return number
    return NOT_READ


cdef class CommandTable:
    """The command classes of a schema, by kind."""

    def __init__(self, schema):
        from gameserver.model.schema import spec_of

        classes = {id(spec_of(cls)): cls for cls in schema.kinds}
        self._specs = [CommandReader(classes[id(spec)], spec) for spec in schema.commands]


#: Id of a schema → a weak reference to it, and its table.
cdef dict tables = {}


cdef CommandTable table_of(schema):
    cdef object number = id(schema)
    held = tables.get(number)
    if held is not None and held[0]() is schema:
        return held[1]
    table = CommandTable(schema)
    tables[number] = (weakref.ref(schema, lambda _gone: tables.pop(number, None)), table)
    return table


# ---------------------------------------------------------------- the path


cdef class MessagePath:
    """Takes the messages of the player of ``reception`` within a tick; raises nothing."""

    def __init__(self, reception):
        if not is_bound:
            bind()
        self._reception = reception
        self._otherwise = reception.take_bytes
        self._clock = reception._clock
        self._room = reception._room
        self._seat = reception._seat
        self._commands = reception._commands
        self._room_commands = reception._commands._room
        self._inputs = reception._commands._inputs
        self._input_class = self._room_commands.input_class
        self._allowance = reception._count._allowed
        self._counters = reception._counters
        self._table = table_of(self._room_commands.schema)

    def __call__(self, bytes data):
        """Take a message."""
        self.take(
            <const unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), self.now_s()
        )

    cdef double now_s(self) except? -1.0:
        return self._clock()

    cdef int take(self, const unsigned char* payload, Py_ssize_t length, double now_s) except -1:
        """Take a message that was read at ``now_s``."""
        cdef bint taken
        if get(self._reception, reception_ended) is True:
            return 0
        try:
            taken = self._taken(payload, length, now_s)
        except Exception:
            taken = False  # the pure implementation meets the same error, and handles it
        if not taken:
            self._otherwise(PyBytes_FromStringAndSize(<const char*>payload, length))
        return 0

    cdef bint _taken(self, const unsigned char* payload, Py_ssize_t length, double now_s) except -1:
        """Take an ordinary command, or change nothing and return False."""
        cdef const unsigned char* at = payload
        cdef const unsigned char* end = payload + length
        cdef long long code, seq, tick, rendered, acked, kind
        cdef CommandReader reader
        cdef object made, command, values
        cdef bint recorded
        if length > LONGEST or length < HEAD or not 0x90 <= payload[0] <= 0x9F:
            return False
        at += 1
        if not (
            read_uint(&at, end, &code)
            and read_uint(&at, end, &seq)
            and read_uint(&at, end, &tick)
            and read_uint(&at, end, &rendered)
            and read_uint(&at, end, &acked)
            and read_uint(&at, end, &kind)
        ):
            return False
        if not (
            code == KIND_COMMAND
            and 0 < seq <= MOST_SEQ
            and tick <= MOST_INT
            and rendered <= MOST_INT
            and acked <= MOST_INT
            and kind < PyList_GET_SIZE(self._table._specs)
        ):
            return False
        reader = self._table._specs[kind]
        if (payload[0] & 0x0F) - HEAD != reader.count:
            return False
        if seq <= get_int(self._commands, commands_newest_seq) or acked > self._room.tick_number:
            return False
        recorded = get(self._commands, commands_recorder) is not None
        made = reader.read(&at, end, recorded)
        if made is NOT_READ or not self._pay(now_s):
            return False
        self._acknowledge(acked)
        if recorded:
            command, values = made
            self._commands.take(seq, command, tick, rendered, now_s, values)
            return True
        put(self._commands, commands_newest_seq, seq)
        if self._inputs is not None and reader.cls is self._input_class:
            self._queue_input(made, seq, tick, rendered, now_s)
        else:
            self._queue(made, seq, tick, rendered, now_s)
        return True

    cdef bint _pay(self, double now_s) except -1:
        """Count a message, or return False if that is too many; as ``MessageCount.add``."""
        cdef object allowance = self._allowance
        cdef double left = get_float(allowance, allowance_left) + (
            now_s - get_float(allowance, allowance_seen_s)
        ) * get_float(allowance, allowance_rate)
        cdef double burst = get_float(allowance, allowance_burst)
        if left > burst:
            left = burst
        if left < 1.0:
            return False
        put(allowance, allowance_seen_s, now_s)
        put(allowance, allowance_left, left - 1.0)
        put(self._counters, counters_messages, get_int(self._counters, counters_messages) + 1)
        return True

    cdef int _acknowledge(self, long long tick) except -1:
        """As ``Seat.acknowledge``."""
        if get_int(self._seat, seat_awaited) <= tick:
            if tick < get_int(self._seat, seat_posted_tick):
                put(self._seat, seat_awaited, tick + 1)
            else:
                put(self._seat, seat_awaited, nothing_awaited)
        return 0

    cdef object _entry(
        self,
        object command,
        long long seq,
        long long tick,
        long long rendered,
        long long upcoming,
        double now_s,
    ):
        cdef object entry = PyType_GenericAlloc(<PyTypeObject*>Input, 0)
        put(entry, input_tick, tick)
        put(entry, input_seq, seq)
        put(entry, input_rendered, rendered)
        put(entry, input_arrived, upcoming)
        put(entry, input_read_s, now_s)
        put(entry, input_command, command)
        return entry

    cdef int _queue_input(
        self, object command, long long seq, long long tick, long long rendered, double now_s
    ) except -1:
        """As ``Commands.take`` and ``InputBuffer.put`` for an input that is next in order."""
        cdef long long upcoming = get_int(self._room_commands, room_upcoming_tick)
        cdef object waiting = get(self._inputs, inputs_waiting)
        cdef object entry = self._entry(command, seq, tick, rendered, upcoming, now_s)
        cdef Py_ssize_t count = len(waiting)
        cdef long long last = 0
        if count:
            last = get_int(waiting[count - 1], input_tick)
        if not tick:
            tick = upcoming if upcoming > last or not count else last + 1
            if tick < upcoming + UNTIMED_AHEAD:
                put(entry, input_tick, tick)
                waiting.append(entry)
                return 0
        else:
            put(self._seat, seat_margin, tick - upcoming)
            if (
                upcoming <= tick <= upcoming + get_int(self._inputs, inputs_length_ticks)
                and (not count or tick > last)
                and count < get_int(self._inputs, inputs_length_ticks)
            ):
                waiting.append(entry)
                return 0
        if not self._inputs.put(entry):
            put(self._seat, seat_command_seq, seq)
        return 0

    cdef int _queue(
        self, object command, long long seq, long long tick, long long rendered, double now_s
    ) except -1:
        """As ``Commands.take`` for a command that is no input."""
        cdef object entry = self._entry(
            command, seq, tick, rendered, get_int(self._room_commands, room_upcoming_tick), now_s
        )
        cdef list inbox = get(self._commands, commands_inbox)
        if not inbox:
            get(self._room_commands, room_waiting).append(self._commands)
        elif PyList_GET_SIZE(inbox) >= MOST_WAITING:
            del inbox[0]
            self._commands._dropped += 1
        inbox.append(entry)
        return 0


def message_path(reception):
    """Return what takes the messages of ``reception``'s player within a tick."""
    return MessagePath(reception)
