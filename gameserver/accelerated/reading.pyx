# cython: boundscheck=False, wraparound=False
"""Reads all links that are ready: twin of ``gameserver/runtime/net/reading.py``.

Owns the loop over the links, from epoll to the session: what arrives as whole short frames is
unmasked where it lies and handed over without a Python object.  All other bytes, every error and
TLS go to the pure implementation (``Link.took``, ``Link.read_failed``, ``Link.read_now``).
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from libc.errno cimport EINTR, errno

from gameserver.accelerated.commands cimport MessagePath
from gameserver.accelerated.slots cimport get, get_int, offset_of, put

import os

cdef extern from *:
    const char* GAMESERVER_SOURCES

cdef extern from "<sys/epoll.h>" nogil:
    enum:
        EPOLLIN
    ctypedef union epoll_data_t:
        int fd
    struct epoll_event:
        unsigned int events
        epoll_data_t data
    int epoll_wait(int epfd, epoll_event* events, int maxevents, int timeout)

cdef extern from "<sys/socket.h>" nogil:
    enum:
        MSG_DONTWAIT
    Py_ssize_t recv(int fd, void* buf, size_t length, int flags)

#: Names the sources that this module was made from.
SOURCES = GAMESERVER_SOURCES.decode()

cdef enum:
    WHOLE_BINARY = 0x82
    MASKED = 0x80
    SHORT = 125
    HEADER = 6  # of a short masked frame
    POLL = 1024

cdef bint is_bound = False
cdef object link_module, Link
cdef Py_ssize_t link_tls, link_receive_buffer
cdef Py_ssize_t buffer_scanner, buffer_on_message, buffer_flooded, buffer_unread, buffer_bytes_in
cdef Py_ssize_t buffer_frames_in, buffer_look_at_bytes, buffer_look_at_frames
cdef Py_ssize_t scanner_open, scanner_between_messages, scanner_outstanding, scanner_foreign_frames


cdef int bind() except -1:
    """Look up the offsets; not at import, which comes from the modules named here."""
    global is_bound, link_module, Link, link_tls, link_receive_buffer
    global buffer_scanner, buffer_on_message, buffer_flooded, buffer_unread, buffer_bytes_in
    global buffer_frames_in, buffer_look_at_bytes, buffer_look_at_frames
    global scanner_open, scanner_between_messages, scanner_outstanding, scanner_foreign_frames
    from gameserver.protocol.fast_path import FastPathScanner
    from gameserver.runtime.net import link as link_module
    from gameserver.runtime.net.receive_buffer import ReceiveBuffer

    assert link_module.POLL_BYTES == POLL
    Link = link_module.Link
    link_tls = offset_of(Link, "_tls")
    link_receive_buffer = offset_of(Link, "receive_buffer")
    buffer_scanner = offset_of(ReceiveBuffer, "_scanner")
    buffer_on_message = offset_of(ReceiveBuffer, "_on_message")
    buffer_flooded = offset_of(ReceiveBuffer, "flooded")
    buffer_unread = offset_of(ReceiveBuffer, "unread")
    buffer_bytes_in = offset_of(ReceiveBuffer, "bytes_in")
    buffer_frames_in = offset_of(ReceiveBuffer, "_frames_in")
    buffer_look_at_bytes = offset_of(ReceiveBuffer, "_look_at_bytes")
    buffer_look_at_frames = offset_of(ReceiveBuffer, "_look_at_frames")
    scanner_open = offset_of(FastPathScanner, "open")
    scanner_between_messages = offset_of(FastPathScanner, "_between_messages")
    scanner_outstanding = offset_of(FastPathScanner, "outstanding")
    scanner_foreign_frames = offset_of(FastPathScanner, "foreign_frames")
    is_bound = True
    return 0


cdef inline Py_ssize_t whole_frames(const unsigned char* data, Py_ssize_t length) noexcept nogil:
    """Return how many short plain frames ``data`` holds; 0 if it holds anything else."""
    cdef Py_ssize_t at = 0, count = 0
    while at < length:
        if length - at < HEADER or data[at] != WHOLE_BINARY:
            return 0
        if not MASKED <= data[at + 1] <= MASKED + SHORT:
            return 0
        at += HEADER + data[at + 1] - MASKED
        count += 1
    return count if at == length else 0


cdef inline void unmask(unsigned char* payload, Py_ssize_t length) noexcept nogil:
    """Unmask a payload, whose mask comes right before it (RFC 6455, 5.3)."""
    cdef Py_ssize_t i
    for i in range(length):
        payload[i] ^= (payload - 4)[i & 3]


cdef class Round:
    """One call of ``read_links``: the moment of its reads, and what it reads into."""

    cdef unsigned char data[POLL]
    cdef Py_ssize_t most_unread
    cdef bint has_time
    cdef double now_s

    cdef int read(self, object link, int fd) except -1:
        """As ``Link.read_now``."""
        cdef object receive_buffer
        cdef Py_ssize_t length, count
        if type(link) is not Link or get(link, link_tls) is not None:
            link.read_now()
            return 0
        receive_buffer = get(link, link_receive_buffer)
        if len(<bytes>get(receive_buffer, buffer_unread)) > self.most_unread:
            link.read_now()  # it reads no more for now
            return 0
        length = recv(fd, self.data, POLL, MSG_DONTWAIT)
        while length < 0 and errno == EINTR:
            length = recv(fd, self.data, POLL, MSG_DONTWAIT)
        if length < 0:
            link.read_failed(OSError(errno, os.strerror(errno)))
            return 0
        count = whole_frames(self.data, length)
        if not count or not self._pays(receive_buffer, length, count):
            link.took(PyBytes_FromStringAndSize(<const char*>self.data, length))
            return 0
        return self._hand_over(receive_buffer, length)

    cdef bint _pays(self, object receive_buffer, Py_ssize_t length, Py_ssize_t count) except -1:
        """Count frames that the fast path takes; False if it is closed, or limits must be seen to.

        As ``ReceiveBuffer.take_only_message``, for any number of frames.
        """
        cdef object scanner = get(receive_buffer, buffer_scanner)
        cdef long long bytes_in, frames_in
        if (
            scanner is None
            or get(receive_buffer, buffer_flooded) is not False
            or get(scanner, scanner_open) is not True
            or get(scanner, scanner_between_messages) is not True
            or get_int(scanner, scanner_outstanding)
        ):
            return False
        bytes_in = get_int(receive_buffer, buffer_bytes_in) + length
        frames_in = get_int(receive_buffer, buffer_frames_in) + count
        if bytes_in > get_int(receive_buffer, buffer_look_at_bytes) or (
            frames_in + get_int(scanner, scanner_foreign_frames)
            > get_int(receive_buffer, buffer_look_at_frames)
        ):
            return False
        put(receive_buffer, buffer_bytes_in, bytes_in)
        put(receive_buffer, buffer_frames_in, frames_in)
        return True

    cdef int _hand_over(self, object receive_buffer, Py_ssize_t length) except -1:
        cdef Py_ssize_t at = 0, payload_bytes
        cdef object take
        cdef MessagePath path
        while at < length:
            payload_bytes = self.data[at + 1] - MASKED
            at += HEADER
            unmask(self.data + at, payload_bytes)
            take = get(receive_buffer, buffer_on_message)  # a message may change it
            if type(take) is MessagePath:
                path = take
                if not self.has_time:
                    self.now_s, self.has_time = path.now_s(), True
                path.take(self.data + at, payload_bytes, self.now_s)
            else:
                take(PyBytes_FromStringAndSize(<const char*>self.data + at, payload_bytes))
            at += payload_bytes
        return 0


def read_links(epoll, dict links, set unfinished, int may_end, drop_broken):
    """Read once what has arrived on each of ``links``; the twin says more."""
    if not is_bound:
        bind()
    cdef int most = max(1, len(links))
    cdef int epoll_fd = epoll.fileno()
    cdef int i, count
    cdef epoll_event* events
    cdef list ready, ended
    cdef Round reads
    events = <epoll_event*>PyMem_Malloc(most * sizeof(epoll_event))
    if events is NULL:
        raise MemoryError
    try:
        count = epoll_wait(epoll_fd, events, most, 0)
        if count < 0 and errno != EINTR:
            raise OSError(errno, os.strerror(errno))
        ready = [events[i].data.fd for i in range(count) if events[i].events == EPOLLIN]
        ended = [events[i].data.fd for i in range(count) if events[i].events != EPOLLIN]
    finally:
        PyMem_Free(events)
    if ended:
        ready += ended[:may_end]
    if unfinished:
        ready += unfinished.difference(ready)
        unfinished.clear()
    reads = Round()
    reads.most_unread = link_module.MAX_UNREAD_BYTES
    for descriptor in ready:
        link = links.get(descriptor)
        if link is not None:  # else an earlier one of this turn had it removed
            try:
                reads.read(link, descriptor)
            except Exception:
                drop_broken(link)
