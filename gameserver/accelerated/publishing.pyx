# cython: boundscheck=False, wraparound=False
"""Makes and posts the deltas of one publish: twin of the loops over seats in ``replication``.

Owns the frame of an ordinary seat, from its head to the system call, without a Python object.  A
seat with anything more (an ``own`` section, a private event, a checksum, texts, a link that is not
plain and clear) goes through the pure implementation, and so does every failed or short write.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.errno cimport EINTR, errno
from libc.string cimport memcpy

from gameserver.accelerated.slots cimport get, get_int, offset_of, put

import os

cdef extern from *:
    const char* GAMESERVER_SOURCES

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_DONTWAIT
        MSG_NOSIGNAL
    Py_ssize_t send(int fd, const void* buf, size_t length, int flags)

#: Names the sources that this module was made from.
SOURCES = GAMESERVER_SOURCES.decode()

cdef enum:
    MOST_HEADER = 10  # of a server's frame
    MOST_NUMBER = 9  # bytes of an integer

cdef bint is_bound = False
cdef object Link, NO_TURN, UP_TO_DATE, nothing_awaited
cdef long long check_turns
cdef object everywhere, fragments
cdef Py_ssize_t link_clear, link_tls, link_socket, link_bytes_out
cdef Py_ssize_t seat_knowledge, seat_sink, seat_awaited, seat_posted_tick, seat_own_changed
cdef Py_ssize_t seat_command_seq, seat_margin, seat_notices, seat_number, seat_sent_seq, seat_cell
cdef Py_ssize_t statistics_deltas, statistics_delta_bytes, statistics_quiet
cdef Py_ssize_t body_whole, body_quiet, body_group_part


cdef int bind() except -1:
    """Look up the offsets; not at import, which comes from the modules named here."""
    global is_bound, Link, NO_TURN, UP_TO_DATE, nothing_awaited, check_turns
    global everywhere, fragments
    global link_clear, link_tls, link_socket, link_bytes_out
    global seat_knowledge, seat_sink, seat_awaited, seat_posted_tick, seat_own_changed
    global seat_command_seq, seat_margin, seat_notices, seat_number, seat_sent_seq, seat_cell
    global statistics_deltas, statistics_delta_bytes, statistics_quiet
    global body_whole, body_quiet, body_group_part
    from gameserver.replication import everywhere, fragments
    from gameserver.replication import checksum, knowledge, seat
    from gameserver.replication.bodies import Body
    from gameserver.replication.round import PublisherStatistics

    NO_TURN, check_turns = checksum.NO_TURN, checksum.CHECK_TURNS
    UP_TO_DATE, nothing_awaited = knowledge.UP_TO_DATE, seat.NOTHING_AWAITED
    seat_knowledge = offset_of(seat.Seat, "knowledge")
    seat_sink = offset_of(seat.Seat, "sink")
    seat_awaited = offset_of(seat.Seat, "awaited")
    seat_posted_tick = offset_of(seat.Seat, "posted_tick")
    seat_own_changed = offset_of(seat.Seat, "own_changed")
    seat_command_seq = offset_of(seat.Seat, "command_seq")
    seat_margin = offset_of(seat.Seat, "margin")
    seat_notices = offset_of(seat.Seat, "notices")
    seat_number = offset_of(seat.Seat, "number")
    seat_sent_seq = offset_of(seat.Seat, "sent_seq")
    seat_cell = offset_of(seat.Seat, "cell")
    statistics_deltas = offset_of(PublisherStatistics, "deltas")
    statistics_delta_bytes = offset_of(PublisherStatistics, "delta_bytes")
    statistics_quiet = offset_of(PublisherStatistics, "quiet")
    body_whole = offset_of(Body, "whole")
    body_quiet = offset_of(Body, "quiet")
    body_group_part = offset_of(Body, "group_part")
    is_bound = True
    return 0


cdef int bind_link(object cls) except -1:
    """Look up the offsets of links, whose class comes with the first one."""
    global Link, link_clear, link_tls, link_socket, link_bytes_out
    link_clear = offset_of(cls, "clear")
    link_tls = offset_of(cls, "_tls")
    link_socket = offset_of(cls, "_socket")
    link_bytes_out = offset_of(cls, "bytes_out")
    Link = cls
    return 0


cdef inline bint is_link(object sink) except -1:
    """Whether ``sink`` is a link to a socket, and no stand-in of it."""
    cdef object cls = type(sink)
    if cls is Link:
        return True
    if Link is None and cls.__module__ == "gameserver.runtime.net.link" and cls.__name__ == "Link":
        bind_link(cls)
        return True
    return False


cdef inline unsigned char* put_number(unsigned char* at, long long number) noexcept nogil:
    """Write an integer as msgpack does, in the shortest form; return where it ends."""
    cdef int size, i
    cdef unsigned char code
    if 0 <= number < 128 or -32 <= number < 0:
        at[0] = <unsigned char>(number & 0xFF)
        return at + 1
    if number > 0:
        size = 1 if number < 1 << 8 else 2 if number < 1 << 16 else 4 if number >> 32 == 0 else 8
        code = 0xCC
    else:
        size = (
            1 if number >= -(1 << 7)
            else 2 if number >= -(1 << 15)
            else 4 if number >= -(<long long>1 << 31)
            else 8
        )
        code = 0xD0
    at[0] = code + (0 if size == 1 else 1 if size == 2 else 2 if size == 4 else 3)
    for i in range(size):
        at[size - i] = <unsigned char>(<unsigned long long>number >> (8 * i) & 0xFF)
    return at + 1 + size


cdef inline Py_ssize_t header_bytes(Py_ssize_t length) noexcept nogil:
    return 2 if length <= 125 else 4 if length < 1 << 16 else 10


cdef inline void put_header(unsigned char* at, Py_ssize_t length) noexcept nogil:
    """Write the header of a server's binary frame, as ``binary_frame_header``."""
    cdef int i
    at[0] = 0x82
    if length <= 125:
        at[1] = <unsigned char>length
    elif length < 1 << 16:
        at[1] = 126
        at[2], at[3] = <unsigned char>(length >> 8), <unsigned char>(length & 0xFF)
    else:
        at[1] = 127
        for i in range(8):
            at[9 - i] = <unsigned char>(<unsigned long long>length >> (8 * i) & 0xFF)


cdef class Posting:
    """The deltas of one publish: what comes before the seq of each, and the counts."""

    cdef object tick
    cdef bytes head
    cdef object statistics
    cdef long long deltas, delta_bytes
    cdef unsigned char* buffer
    cdef Py_ssize_t room

    def __cinit__(self, tick, bytes head, statistics):
        self.tick, self.head, self.statistics = tick, head, statistics
        self.deltas = self.delta_bytes = 0
        self.buffer, self.room = NULL, 0

    def __dealloc__(self):
        PyMem_Free(self.buffer)

    cdef int post_delta(self, object seat, object sections) except -1:
        """Post the delta with these ``sections`` to a seat."""
        cdef const char* rest = PyBytes_AS_STRING(sections)
        cdef Py_ssize_t rest_bytes = PyBytes_GET_SIZE(sections)
        cdef Py_ssize_t head_bytes = PyBytes_GET_SIZE(self.head)
        cdef Py_ssize_t most = MOST_HEADER + head_bytes + 2 * MOST_NUMBER + rest_bytes
        cdef unsigned char* grown
        cdef unsigned char* payload
        cdef unsigned char* at
        cdef Py_ssize_t length, before
        cdef object margin = get(seat, seat_margin)
        if most > self.room:
            grown = <unsigned char*>PyMem_Realloc(self.buffer, most)
            if grown is NULL:
                raise MemoryError
            self.buffer, self.room = grown, most
        payload = self.buffer + MOST_HEADER
        memcpy(payload, PyBytes_AS_STRING(self.head), head_bytes)
        at = put_number(payload + head_bytes, get_int(seat, seat_command_seq))
        if margin is None:
            at[0] = 0xC0
            at += 1
        else:
            at = put_number(at, margin)
        memcpy(at, rest, rest_bytes)
        length = at - payload + rest_bytes
        before = header_bytes(length)
        put_header(payload - before, length)
        return self.write(seat, payload - before, before + length, None)

    cdef int write(
        self, object seat, const unsigned char* frame, Py_ssize_t length, object made
    ) except -1:
        """Post a frame; ``made`` is the same one as bytes, if there are any.  As ``flush``."""
        cdef object sink = get(seat, seat_sink)
        cdef Py_ssize_t sent
        cdef int fd
        cdef bint posted
        if is_link(sink) and get(sink, link_clear) is True and get(sink, link_tls) is None:
            fd = get(sink, link_socket).fileno()
            sent = send(fd, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL)
            while sent < 0 and errno == EINTR:
                sent = send(fd, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL)
            if sent == length:
                put(sink, link_bytes_out, get_int(sink, link_bytes_out) + length)
                posted = True
            elif sent >= 0:
                posted = sink.posted(bytes_of(frame, length, made), sent)
            else:
                error = OSError(errno, os.strerror(errno))
                posted = sink.post_failed(bytes_of(frame, length, made), error)
        else:
            posted = sink.post(bytes_of(frame, length, made))
        if not posted:
            seat.forget()
            return 0
        self.deltas += 1
        self.delta_bytes += length
        # As ``Seat.delta_posted``.
        put(seat, seat_knowledge, UP_TO_DATE)
        put(seat, seat_posted_tick, self.tick)
        if get_int(seat, seat_awaited) == nothing_awaited:
            put(seat, seat_awaited, self.tick)
        put(seat, seat_sent_seq, get(seat, seat_command_seq))
        put(seat, seat_margin, None)
        return 0

    cdef int count(self) except -1:
        """Add what was posted to the statistics."""
        cdef object statistics = self.statistics
        put(statistics, statistics_deltas, get_int(statistics, statistics_deltas) + self.deltas)
        put(
            statistics,
            statistics_delta_bytes,
            get_int(statistics, statistics_delta_bytes) + self.delta_bytes,
        )
        self.deltas = self.delta_bytes = 0
        return 0

    cdef int stays_quiet(self) except -1:
        put(self.statistics, statistics_quiet, get_int(self.statistics, statistics_quiet) + 1)
        return 0


cdef inline object bytes_of(const unsigned char* frame, Py_ssize_t length, object made):
    if made is not None:
        return made
    return PyBytes_FromStringAndSize(<const char*>frame, length)


cdef inline bint is_checked(object seat, long long turn) except -1:
    return get_int(seat, seat_number) % check_turns == turn


def flush(list batch, tick, statistics):
    """Post these frames, which brings their seats up to date with ``tick``; empty the batch."""
    cdef Posting posting
    cdef bytes frame
    if not is_bound:
        bind()
    posting = Posting(tick, b"", statistics)
    for seat, frame in batch:
        posting.write(
            seat, <const unsigned char*>PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), frame
        )
    posting.count()
    batch.clear()


def post_still(round_, seats, quiet_ticks):
    """Post to seats that look from the same cell as at the last publish; a method of ``Round``."""
    cdef Posting posting
    cdef long long tick, turn, quiet_after
    cdef bint tells_groups, checks
    if not is_bound:
        bind()
    changes = round_._changes
    tick, turn = changes.tick, round_._turn
    checks = turn != NO_TURN
    quiet_after = tick - quiet_ticks
    body_of, told = round_._bodies.still, round_._told_apart()
    tells_groups = bool(changes.group_changes)
    posting = Posting(changes.tick, round_._head, round_._statistics)
    for seat in seats:
        cell = get(seat, seat_cell)
        body = body_of(cell)
        if (
            get(seat, seat_own_changed)
            or (told and get(seat, seat_number) in told)
            or (tells_groups and get(body, body_group_part)[0])
        ):
            round_._post_with_own(seat, cell, body)
            continue
        if get(seat, seat_notices) or (checks and is_checked(seat, turn)):
            round_._add(seat, get(body, body_whole))
            continue
        if (
            get(body, body_quiet)
            and get_int(seat, seat_command_seq) == get_int(seat, seat_sent_seq)
            and get(seat, seat_margin) is None
            and get_int(seat, seat_posted_tick) > quiet_after
        ):
            posting.stays_quiet()
            continue
        posting.post_delta(seat, <bytes>get(body, body_whole))
    posting.count()


def post_everywhere(world, seats, changes, events, turn, overdue, quiet_after, statistics):
    """Post to every seat that the twin serves, and return the others."""
    cdef Posting posting
    cdef long long overdue_tick = overdue, quiet_after_tick = quiet_after, turn_number = turn
    cdef bint quiet, checks, some_own
    cdef list others = []
    cdef object changed
    if not is_bound:
        bind()
    sections, heard = everywhere.sections_of(changes, events)
    body = sections + fragments.EMPTY_ARRAY + heard
    quiet = everywhere.is_quiet(changes, events)
    owner_changes = changes.owner_changes
    some_own, checks = bool(owner_changes), turn_number != NO_TURN
    if changes.crossings or changes.owner_touched or changes.despawned or events.by_seat:
        seats, others = everywhere.served(seats, changes, events, turn)
    posting = Posting(changes.tick, everywhere.head_of(changes.tick), statistics)
    sums = {}
    for seat in seats:
        if (
            get(seat, seat_knowledge) is not UP_TO_DATE
            or not is_clear(get(seat, seat_sink))
            or get_int(seat, seat_awaited) < overdue_tick < get_int(seat, seat_posted_tick)
            or get(seat, seat_own_changed)
        ):
            others.append(seat)
            continue
        changed = owner_changes.get(get(seat, seat_number)) if some_own else None
        if changed is None and not (
            get(seat, seat_notices) or (checks and is_checked(seat, turn_number))
        ):
            if (
                quiet
                and get(seat, seat_margin) is None
                and get_int(seat, seat_command_seq) == get_int(seat, seat_sent_seq)
                and get_int(seat, seat_posted_tick) > quiet_after_tick
            ):
                posting.stays_quiet()
            else:
                posting.post_delta(seat, body)
            continue
        frame = everywhere.frame_with_more(
            world, seat, changes, turn, sums, statistics, sections, heard
        )
        posting.write(
            seat, <const unsigned char*>PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), frame
        )
    posting.count()
    return others


cdef inline bint is_clear(object sink) except -1:
    if is_link(sink):
        return get(sink, link_clear) is True
    return bool(sink.clear)
