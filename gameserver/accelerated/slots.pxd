# The attributes of Python classes with __slots__, by their offsets in the object.
#
# Such a class is a C struct of object pointers, so reading one is a load instead of a look-up by
# name.  An offset holds for the class that it was asked for and for its subclasses; every function
# here trusts the caller to pass no other object.

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF

cdef extern from *:
    """
    #ifndef GAMESERVER_SLOT_OFFSET
    #define GAMESERVER_SLOT_OFFSET
    #include <structmember.h>
    /* The offset that a member descriptor of a slot stands for, or -1. */
    static Py_ssize_t gameserver_slot_offset(PyObject *descriptor) {
        if (!PyObject_TypeCheck(descriptor, &PyMemberDescr_Type)) return -1;
        PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
        return member->type == 16 /* T_OBJECT_EX */ ? member->offset : -1;
    }
    #endif
    """
    Py_ssize_t gameserver_slot_offset(object descriptor)


cdef inline Py_ssize_t offset_of(object cls, str name) except -1:
    cdef Py_ssize_t found = gameserver_slot_offset(getattr(cls, name))
    if found < 0:
        raise TypeError(f"{cls.__name__}.{name} is not a slot")
    return found


cdef inline PyObject** slot(object instance, Py_ssize_t offset) noexcept:
    return <PyObject**>(<char*><PyObject*>instance + offset)


cdef inline object get(object instance, Py_ssize_t offset):
    cdef PyObject* found = slot(instance, offset)[0]
    if found is NULL:
        raise AttributeError("a slot is empty")
    return <object>found


cdef inline void put(object instance, Py_ssize_t offset, object value) noexcept:
    cdef PyObject** at = slot(instance, offset)
    cdef PyObject* former = at[0]
    Py_INCREF(value)
    at[0] = <PyObject*>value
    Py_XDECREF(former)


cdef inline long long get_int(object instance, Py_ssize_t offset) except? -1:
    return <long long>get(instance, offset)


cdef inline double get_float(object instance, Py_ssize_t offset) except? -1.0:
    return <double>get(instance, offset)
