# What other compiled modules call: the path of a player's messages.


cdef class CommandReader:
    cdef object cls
    cdef object from_wire
    cdef Py_ssize_t count
    cdef bint plain
    cdef bint bare
    cdef int kinds[64]
    cdef long long lows[64]
    cdef long long highs[64]
    cdef Py_ssize_t offsets[64]

    cdef object read(self, const unsigned char** at, const unsigned char* end, bint recorded)
    cdef object _object(self, Py_ssize_t i, long long number)
    cdef object _values(self, const unsigned char** at, const unsigned char* end)


cdef class CommandTable:
    cdef list _specs


cdef class MessagePath:
    cdef object _reception
    cdef object _otherwise
    cdef object _clock
    cdef object _room
    cdef object _seat
    cdef object _commands
    cdef object _room_commands
    cdef object _inputs
    cdef object _allowance
    cdef object _counters
    cdef object _input_class
    cdef CommandTable _table

    cdef int take(self, const unsigned char* payload, Py_ssize_t length, double now_s) except -1
    cdef double now_s(self) except? -1.0
    cdef bint _taken(self, const unsigned char* payload, Py_ssize_t length, double now_s) except -1
    cdef bint _pay(self, double now_s) except -1
    cdef int _acknowledge(self, long long tick) except -1
    cdef object _entry(
        self,
        object command,
        long long seq,
        long long tick,
        long long rendered,
        long long upcoming,
        double now_s,
    )
    cdef int _queue_input(
        self, object command, long long seq, long long tick, long long rendered, double now_s
    ) except -1
    cdef int _queue(
        self, object command, long long seq, long long tick, long long rendered, double now_s
    ) except -1
