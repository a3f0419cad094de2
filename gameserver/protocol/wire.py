"""msgpack within the limits of the protocol: packing values, and unpacking what a peer sent.

Owns the limits on single values (README.md, "Transport"), the checks for the fields of messages,
and the promise that unpacking raises nothing but ``RemoteProtocolError``, for any bytes.  Never
knows messages or their kinds; ``messages.py`` does.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, Final, Never

import msgpack

from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.model.fieldtypes import INT_LIMIT

#: Longest message of a client; for a longer one the WebSocket layer closes with 1009.
MAX_CLIENT_MESSAGE_BYTES: Final = 4096
#: Most elements of an array or map of a client, the message itself included.
MAX_ELEMENTS: Final = 64
#: Longest string (in UTF-8) or byte string of a client.
MAX_TEXT_BYTES: Final = 2048
#: Deepest nesting of arrays and maps in a message of a client, the message itself included.
MAX_NESTING: Final = 8

#: Longest message that ``unpack_short`` takes.
_SHORT_BYTES: Final = 125

#: Clients refuse longer messages.  The protocol has no such limit; a full state of ten thousand
#: entities with eight fields each stays below it.
MAX_SERVER_MESSAGE_BYTES: Final = 1 << 20
#: Clients refuse longer arrays before they allocate memory for them.
MAX_SERVER_ELEMENTS: Final = 1 << 18
#: Clients refuse deeper nesting of arrays and maps, the message itself included.
MAX_SERVER_NESTING: Final = 64


# ---------------------------------------------------------------- packing

_packer32 = msgpack.Packer(use_single_float=True)
_packer64 = msgpack.Packer()
_pack32: Callable[[Any], bytes] = _packer32.pack
_pack64: Callable[[Any], bytes] = _packer64.pack
_pack_array_header: Callable[[int], bytes] = _packer32.pack_array_header


def pack(value: Any) -> bytes:
    """Return the msgpack bytes of ``value``, floats as float 32.

    Used for entities, commands and events.  Raises ``LocalProtocolError`` if msgpack cannot
    represent the value (an unknown type, an integer of more than 64 bits, a str without UTF-8).
    """
    try:
        return _pack32(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise LocalProtocolError(f"cannot be packed: {error}") from error


def pack_float64(value: Any) -> bytes:
    """Return the msgpack bytes of ``value``, floats as float 64.

    For times (``ping``, ``pong``) and the schema, for which a float 32 would be too coarse.  Raises
    as ``pack`` does.
    """
    try:
        return _pack64(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise LocalProtocolError(f"cannot be packed: {error}") from error


def array_header(count: int) -> bytes:
    """Return the msgpack header of an array; the bytes of its ``count`` elements follow it."""
    return _pack_array_header(count)


# ---------------------------------------------------------------- unpacking


def _pairs_to_dict(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    """Return a received map as a dict.  Two equal keys would hide a value from the checks."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a map has the same key twice")
    for key in made:
        if type(key) is not str:
            raise ValueError("a map has a key that is no str")
    return made


def _refuse_ext(_code: int, _data: bytes) -> Never:
    """Refuse the one extension that ``max_ext_len=0`` lets through: an empty one."""
    raise ValueError("extension types do not occur")


_unpack_small: Callable[[bytes], Any] = functools.partial(
    msgpack.unpackb,
    max_array_len=MAX_ELEMENTS,
    max_map_len=MAX_ELEMENTS,
    max_str_len=MAX_TEXT_BYTES,
    max_bin_len=MAX_TEXT_BYTES,
    max_ext_len=0,
    object_pairs_hook=_pairs_to_dict,
    ext_hook=_refuse_ext,
)
_unpack_large: Callable[[bytes], Any] = functools.partial(
    msgpack.unpackb,
    max_array_len=MAX_SERVER_ELEMENTS,
    max_map_len=MAX_SERVER_ELEMENTS,
    max_ext_len=0,
    object_pairs_hook=_pairs_to_dict,
    ext_hook=_refuse_ext,
)


def unpack_from_client(data: bytes) -> list[Any]:
    """Return the array that a client sent, with every value in it within the limits.

    The result has at least one element.  At any depth it holds only None, bool, int within ±2^52,
    finite float, str, bytes, list, and dict with str keys.  Anything else raises
    ``RemoteProtocolError``.
    """
    if len(data) > MAX_CLIENT_MESSAGE_BYTES:
        raise RemoteProtocolError(f"a message of {len(data)} bytes is too long")
    try:
        message = _unpack_small(data)
    except ValueError as error:
        raise _not_msgpack(error) from error
    if type(message) is not list or not message:
        raise RemoteProtocolError("a message is an array that starts with its kind")
    check_bounded(message, MAX_NESTING)
    return message


def unpack_short(data: bytes) -> list[Any] | None:
    """Return the array in a short message of a client with *unchecked* elements, or None.

    Much faster than ``unpack_from_client``, whose limits cost more than the unpacking.  A short
    message needs no limits: so few bytes can neither nest deeply nor declare long arrays.
    """
    if len(data) > _SHORT_BYTES:
        return None
    try:
        message = msgpack.unpackb(data)
    except ValueError:
        return None
    return message if type(message) is list else None


def unpack_from_server(data: bytes) -> list[Any]:
    """Return the array that a server sent, or raise ``RemoteProtocolError`` if it is not an array.

    The result has at least one element.  Neither numbers nor nesting are checked: ``check_bounded``
    does that, or the types of the fields that the values are assigned to.
    """
    if len(data) > MAX_SERVER_MESSAGE_BYTES:
        raise RemoteProtocolError(f"a message of {len(data)} bytes is too long")
    try:
        message = _unpack_large(data)
    # Nested arrays can together declare more elements than there is memory for.
    except (ValueError, MemoryError) as error:
        raise _not_msgpack(error) from error
    if type(message) is not list or not message:
        raise RemoteProtocolError("a message is an array that starts with its kind")
    return message


def _not_msgpack(error: Exception) -> RemoteProtocolError:
    # Some errors of msgpack (StackError, FormatError) have no text.
    return RemoteProtocolError(f"not msgpack: {str(error) or type(error).__name__}")


def check_bounded(values: Any, levels_left: int) -> None:
    """Raise ``RemoteProtocolError`` unless all ``values`` are within the limits on single values.

    Does not check lengths, which unpacking has bounded already.
    """
    if not levels_left:
        raise RemoteProtocolError("nested too deep")
    for value in values:
        kind = type(value)
        if kind is int:
            if not -INT_LIMIT <= value <= INT_LIMIT:
                raise RemoteProtocolError("an integer is outside ±2^52")
        elif kind is float:
            if not math.isfinite(value):
                raise RemoteProtocolError("a float is not finite")
        elif kind is list:
            check_bounded(value, levels_left - 1)
        elif kind is dict:
            check_bounded(value.values(), levels_left - 1)


# ---------------------------------------------------------------- checking fields


def is_int(value: Any, low: int, high: int) -> bool:
    """Whether ``value`` is an integer in ``low … high``, and not a bool."""
    return type(value) is int and low <= value <= high


def is_tick(value: Any) -> bool:
    """Whether ``value`` can be the number of a tick."""
    return type(value) is int and 0 <= value <= INT_LIMIT


def is_number(value: Any) -> bool:
    """Whether ``value`` is a finite float or an integer, bool excluded."""
    if type(value) is float:
        return math.isfinite(value)
    return is_int(value, -INT_LIMIT, INT_LIMIT)


def require(what: str, *, ok: bool) -> None:
    """Raise ``RemoteProtocolError``, which names the field ``what``, unless ``ok``."""
    if not ok:
        raise RemoteProtocolError(f"{what} is wrong")


def require_length(name: str, message: list[Any], length: int) -> None:
    """Check the length of a client's message, which must be exact."""
    if len(message) != length:
        raise RemoteProtocolError(f"{name} has {length} elements, not {len(message)}")


def require_at_least(name: str, message: list[Any], length: int) -> None:
    """Check the length of a server's message, to which a newer server may have appended."""
    if len(message) < length:
        raise RemoteProtocolError(f"{name} has {length} elements or more, not {len(message)}")
