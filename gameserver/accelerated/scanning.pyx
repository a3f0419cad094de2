# cython: boundscheck=False, wraparound=False
"""Finds what changed in the entities of one class: twin of the scans of ``model/compiled.py``.

Owns the comparison of an entity whose fields hold what their types want.  Integers, steps and bools
are quantised and compared here; a field of another type counts as unchanged if it holds the same
object, which cannot change in place.  An entity with anything else in it, such as a wrong value, is
left to the pure scan before anything of it was changed.
"""

import math

from cpython.dict cimport PyDict_GetItem
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_GET_SIZE
from cpython.long cimport PyLong_AsDouble, PyLong_CheckExact
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport (
    PyTuple_CheckExact,
    PyTuple_GET_ITEM,
    PyTuple_GET_SIZE,
    PyTuple_New,
    PyTuple_SET_ITEM,
)
from libc.math cimport fabs, rint

from gameserver.accelerated.slots cimport get, offset_of, put, slot

cdef extern from *:
    const char* GAMESERVER_SOURCES

cdef extern from "Python.h":
    PyObject* Py_True
    PyObject* Py_False
    long long PyLong_AsLongLongAndOverflow(object number, int* overflow) except? -1

#: Names the sources that this module was made from.
SOURCES = GAMESERVER_SOURCES.decode()

cdef enum:
    INTEGER = 0
    MULTIPLIED = 1  # steps of a power of two: multiplying is exact
    DIVIDED = 2  # other steps
    BOOLEAN = 3
    OTHER = 4
    MOST_FIELDS = 32

cdef long long MOST_INT = <long long>1 << 52

cdef bint is_bound = False
cdef object Record
cdef Py_ssize_t record_entity, record_id, record_cell, record_bounds, record_values
cdef Py_ssize_t record_changed_at, record_seen, record_full, record_crc
cdef Py_ssize_t record_owner, record_owner_values, record_owner_changed_at


cdef int bind() except -1:
    """Look up the offsets; not at import, which comes from the modules named here."""
    global is_bound, Record, record_entity, record_id, record_cell, record_bounds, record_values
    global record_changed_at, record_seen, record_full, record_crc
    global record_owner, record_owner_values, record_owner_changed_at
    from gameserver.model.fieldtypes import INT_LIMIT, MAX_FIELDS
    from gameserver.model import record

    assert INT_LIMIT == MOST_INT and MAX_FIELDS < MOST_FIELDS
    Record = record.Record
    record_entity = offset_of(Record, "entity")
    record_id = offset_of(Record, "id")
    record_cell = offset_of(Record, "cell")
    record_bounds = offset_of(Record, "bounds")
    record_values = offset_of(Record, "values")
    record_changed_at = offset_of(Record, "changed_at")
    record_seen = offset_of(Record, "seen")
    record_full = offset_of(Record, "full")
    record_crc = offset_of(Record, "crc")
    record_owner = offset_of(Record, "owner")
    record_owner_values = offset_of(Record, "owner_values")
    record_owner_changed_at = offset_of(Record, "owner_changed_at")
    is_bound = True
    return 0


cdef inline bint integer_of(object number, long long* value) except -1:
    """Whether ``number`` is an int within ±2^52."""
    cdef int overflow = 0
    if not PyLong_CheckExact(number):
        return False
    value[0] = PyLong_AsLongLongAndOverflow(number, &overflow)
    return not overflow and -MOST_INT <= value[0] <= MOST_INT


cdef class Fields:
    """The fields of a class: where their values are, and how they are quantised."""

    cdef list names
    cdef Py_ssize_t count
    cdef bint simple  # none is ``OTHER``
    cdef int kinds[MOST_FIELDS]
    cdef double factors[MOST_FIELDS]
    cdef Py_ssize_t offsets[MOST_FIELDS]
    #: The class of the entities; None before the first.
    cdef object cls
    #: What ``read`` found last: wire values, and a bit for each that is another than before.
    cdef long long fresh[MOST_FIELDS]
    cdef unsigned int mask

    def __init__(self, fields):
        from gameserver.model import fieldtypes

        self.names = [name for name, _ in fields]
        self.count = len(self.names)
        self.simple = True
        for at, (_, field_type) in enumerate(fields):
            if type(field_type) is fieldtypes.Int:
                self.kinds[at] = INTEGER
            elif type(field_type) is fieldtypes.Steps:
                exact = math.frexp(field_type.step)[0] == 0.5
                self.kinds[at] = MULTIPLIED if exact else DIVIDED
                self.factors[at] = 1.0 / field_type.step if exact else field_type.step
            elif type(field_type) is fieldtypes.Bool:
                self.kinds[at] = BOOLEAN
            else:
                self.kinds[at] = OTHER
                self.simple = False

    cdef bint fits(self, object entity) except -1:
        """Whether the offsets are those of this entity's class."""
        if self.cls is None:
            try:
                for at, name in enumerate(self.names):
                    self.offsets[at] = offset_of(type(entity), name)
                self.cls = type(entity)
            except (AttributeError, TypeError):
                self.cls = Fields  # of no entity: all of them are left to the pure scan
        return type(entity) is self.cls

    cdef bint read(self, object entity, tuple former, tuple seen) except -1:
        """Quantise the fields and compare them with ``former``; False if one is out of order.

        ``seen`` has the objects that ``former`` was made of; None where nothing needs them.
        """
        cdef Py_ssize_t i
        cdef PyObject* found
        cdef double scaled
        cdef long long before = 0
        self.mask = 0
        for i in range(self.count):
            found = slot(entity, self.offsets[i])[0]
            if found is NULL:
                return False
            if self.kinds[i] == OTHER:
                if found is not <PyObject*>PyTuple_GET_ITEM(seen, i):
                    return False
                continue
            if self.kinds[i] == BOOLEAN:
                if found is not Py_True and found is not Py_False:
                    return False
                self.fresh[i] = found is Py_True
                if found is not <PyObject*>PyTuple_GET_ITEM(former, i):
                    self.mask |= <unsigned int>1 << i
                continue
            if self.kinds[i] == INTEGER:
                if not integer_of(<object>found, &self.fresh[i]):
                    return False
            else:
                if PyFloat_CheckExact(<object>found):
                    scaled = PyFloat_AS_DOUBLE(<object>found)
                elif PyLong_CheckExact(<object>found):
                    scaled = PyLong_AsDouble(<object>found)
                else:
                    return False
                if self.kinds[i] == MULTIPLIED:
                    scaled *= self.factors[i]
                else:
                    scaled /= self.factors[i]
                if not fabs(scaled) <= MOST_INT:  # nor is NaN
                    return False
                self.fresh[i] = <long long>rint(scaled)
            if not integer_of(<object>PyTuple_GET_ITEM(former, i), &before):
                return False
            if self.fresh[i] != before:
                self.mask |= <unsigned int>1 << i
        return True

    cdef object wire(self, Py_ssize_t i, tuple former):
        """Return the wire value of a field after ``read``."""
        if self.kinds[i] == OTHER or not self.mask >> i & 1:
            return <object>PyTuple_GET_ITEM(former, i)
        if self.kinds[i] == BOOLEAN:
            return True if self.fresh[i] else False
        return self.fresh[i]

    cdef tuple wires(self, tuple former):
        cdef tuple made = PyTuple_New(self.count)
        for i in range(self.count):
            value = self.wire(i, former)
            Py_INCREF(value)
            PyTuple_SET_ITEM(made, i, value)
        return made

    cdef tuple objects(self, object entity):
        """Return what the fields hold."""
        cdef tuple made = PyTuple_New(self.count)
        for i in range(self.count):
            value = get(entity, self.offsets[i])
            Py_INCREF(value)
            PyTuple_SET_ITEM(made, i, value)
        return made


cdef inline bint is_tuple_of(object found, Py_ssize_t count) noexcept:
    return PyTuple_CheckExact(found) and PyTuple_GET_SIZE(found) == count


cdef class Scan:
    """A scan as ``compile_scan_in_python`` makes it: ``(records, tick, stayed, strays)``."""

    cdef object pure
    cdef Fields fields
    cdef int x_at, y_at  # -1: entities leave no cell
    cdef double x_step, y_step

    def __init__(self, pure, fields, at):
        from gameserver.model.fieldtypes import Steps

        self.pure, self.fields = pure, Fields(fields)
        self.x_at, self.y_at = at or (-1, -1)
        if at:
            self.x_step, self.y_step = [
                fields[i][1].step if isinstance(fields[i][1], Steps) else 1.0 for i in at
            ]

    def __call__(self, records, tick, dict stayed, list strays):
        """Compare ``records`` with the last publish."""
        if not is_bound:
            bind()
        for record in records:
            if not self.scanned(record, tick, stayed, strays):
                self.pure((record,), tick, stayed, strays)

    def is_placed(self):
        """Whether the position, if there is one, is of numbers that are read here."""
        cdef int at
        for at in (self.x_at, self.y_at):
            if at >= 0 and self.fields.kinds[at] > DIVIDED:
                return False
        return True

    cdef bint scanned(self, object record, object tick, dict stayed, list strays) except -1:
        """Compare one entity, or change nothing and return False."""
        cdef Fields fields = self.fields
        cdef Py_ssize_t i
        cdef object seen, former, entity, out, cell
        cdef bint same = True
        cdef list into, changed_at
        cdef PyObject* found
        cdef long long before = 0
        if type(record) is not Record:
            return False
        entity = get(record, record_entity)
        if not fields.fits(entity):
            return False
        seen, former = get(record, record_seen), get(record, record_values)
        if not (is_tuple_of(seen, fields.count) and is_tuple_of(former, fields.count)):
            return False
        for i in range(fields.count):
            if slot(entity, fields.offsets[i])[0] is not <PyObject*>PyTuple_GET_ITEM(seen, i):
                same = False
                break
        if same:
            return True
        if not fields.read(entity, former, seen):
            return False
        if not fields.mask:
            put(record, record_seen, fields.objects(entity))
            return True
        changed_at = get(record, record_changed_at)
        if PyList_GET_SIZE(changed_at) != fields.count:
            return False
        into = None
        if self.x_at < 0 or self.stays(get(record, record_bounds)):
            cell = get(record, record_cell)
            found = PyDict_GetItem(stayed, cell)
            if found is NULL:
                into = stayed[cell] = []
            else:
                into = <object>found
        else:
            into = []
            strays.append((record, into))
        into.append(get(record, record_id))
        into.append(<long long>fields.mask)
        for i in range(fields.count):
            if fields.mask >> i & 1:
                changed_at[i] = tick
                if fields.kinds[i] == BOOLEAN:
                    into.append(fields.wire(i, former))
                else:
                    integer_of(<object>PyTuple_GET_ITEM(former, i), &before)
                    into.append(fields.fresh[i] - before)
        put(record, record_values, fields.wires(former))
        put(record, record_seen, fields.objects(entity))
        put(record, record_full, None)
        put(record, record_crc, None)
        return True

    cdef bint stays(self, object bounds) except -1:
        """Whether the entity that was read is within the bounds of its cell."""
        cdef double x_low, x_high, y_low, y_high
        x_low, x_high, y_low, y_high = bounds
        return (
            x_low <= self.fields.fresh[self.x_at] * self.x_step < x_high
            and y_low <= self.fields.fresh[self.y_at] * self.y_step < y_high
        )


cdef class OwnerScan:
    """A scan as ``compile_owner_scan_in_python`` makes it: ``(records, tick, changed)``."""

    cdef object pure
    cdef Fields fields

    def __init__(self, pure, fields):
        self.pure, self.fields = pure, Fields(fields)

    def __call__(self, records, tick, dict changed):
        """Compare the owner fields of ``records`` with the last publish."""
        if not is_bound:
            bind()
        for record in records:
            if not self.scanned(record, tick, changed):
                self.pure((record,), tick, changed)

    cdef bint scanned(self, object record, object tick, dict changed) except -1:
        """Compare one entity, or change nothing and return False."""
        cdef Fields fields = self.fields
        cdef object owner, entity, former
        cdef list changed_at, told
        if type(record) is not Record:
            return False
        owner = get(record, record_owner)
        if not owner:
            return True
        entity, former = get(record, record_entity), get(record, record_owner_values)
        if not (fields.fits(entity) and is_tuple_of(former, fields.count)):
            return False
        if not fields.read(entity, former, None):
            return False
        if not fields.mask:
            return True
        changed_at = get(record, record_owner_changed_at)
        if PyList_GET_SIZE(changed_at) != fields.count:
            return False
        told = [get(record, record_id), <long long>fields.mask]
        for i in range(fields.count):
            if fields.mask >> i & 1:
                changed_at[i] = tick
                told.append(fields.wire(i, former))
        put(record, record_owner_values, fields.wires(former))
        mine = changed.get(owner)
        if mine is None:
            mine = changed[owner] = {}
        mine[get(record, record_id)] = told
        return True


def compile_scan(name, fields, at):
    """Return the scan of a class; its fields decide whether that is compiled."""
    from gameserver.model.compiled import compile_scan_in_python

    pure = compile_scan_in_python(name, fields, at)
    if not fields or not all(field_type.immutable for _, field_type in fields):
        return pure
    scan = Scan(pure, fields, at)
    return scan if scan.is_placed() else pure


def compile_owner_scan(name, fields):
    """Return the scan of the owner fields of a class; they decide whether that is compiled."""
    from gameserver.model.compiled import compile_owner_scan_in_python

    pure = compile_owner_scan_in_python(name, fields)
    if not (fields and (<Fields>Fields(fields)).simple):
        return pure
    return OwnerScan(pure, fields)
