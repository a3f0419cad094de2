# msgpack, as far as a short command needs it: integers, and the scalars of its fields.
#
# A function returns False for everything that it does not read, and sets no error: the caller then
# leaves the whole message to the pure implementation, which reads it or names what is wrong.

from libc.string cimport memcpy


cdef inline bint read_uint(
    const unsigned char** at, const unsigned char* end, long long* value
) noexcept nogil:
    """Read an integer from 0 to 2^63 - 1 in one of the unsigned forms."""
    cdef const unsigned char* p = at[0]
    cdef int size, i
    cdef unsigned long long read = 0
    if p >= end:
        return False
    if p[0] < 0x80:
        value[0] = p[0]
        at[0] = p + 1
        return True
    if not 0xCC <= p[0] <= 0xCF:
        return False
    size = 1 << (p[0] - 0xCC)
    if end - p < 1 + size:
        return False
    for i in range(size):
        read = read << 8 | p[1 + i]
    if read >> 63:
        return False
    value[0] = <long long>read
    at[0] = p + 1 + size
    return True


cdef inline bint read_int(
    const unsigned char** at, const unsigned char* end, long long* value
) noexcept nogil:
    """Read an integer in any form, as far as it fits 64 bits with a sign."""
    cdef const unsigned char* p = at[0]
    cdef int size, i
    cdef unsigned long long read = 0
    if p >= end:
        return False
    if p[0] >= 0xE0:
        value[0] = <long long>p[0] - 256
        at[0] = p + 1
        return True
    if not 0xD0 <= p[0] <= 0xD3:
        return read_uint(at, end, value)
    size = 1 << (p[0] - 0xD0)
    if end - p < 1 + size:
        return False
    for i in range(size):
        read = read << 8 | p[1 + i]
    if size < 8 and read >> (8 * size - 1):
        value[0] = <long long>read - (<long long>1 << (8 * size))
    else:
        memcpy(value, &read, 8)
    at[0] = p + 1 + size
    return True


cdef inline bint read_bool(
    const unsigned char** at, const unsigned char* end, long long* value
) noexcept nogil:
    """Read true or false."""
    if at[0] >= end or not 0xC2 <= at[0][0] <= 0xC3:
        return False
    value[0] = at[0][0] - 0xC2
    at[0] += 1
    return True
