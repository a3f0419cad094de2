"""Values of a game as plain data: the forms that saving and loading agree on.

Owns the tags, the immutable values of the standard library, the mutable containers, and the packing
of data.  ``saver.py`` and ``loader.py`` walk over what refers to what.

What is mutable has a row of its own and is referred to by number, so that one object which two
others hold is one object again afterwards, and circles end.  What is immutable is saved inside its
holder.  As data a value is a scalar, or an array: ``(id,)`` is an entity in the world, and any
other array begins with a ``Tag``.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import pathlib
import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn, Protocol

import attrs
import msgpack


@enum.unique
class Tag(enum.IntEnum):
    """The meaning of an array of two or more elements."""

    OBJECT = 0
    PLAYER = 1
    TUPLE = 2
    FROZENSET = 3
    ENUM = 4
    VALUE = 5
    NAMEDTUPLE = 6
    LEAF = 7
    METHOD = 8
    CLASS = 9
    TIMER = 10
    GROUP = 11
    ERROR = 12


#: Numbers of the objects that every room has: the room itself, and parts that a game may keep.
ROOM, WORLD, RANDOM, PLAYERS = -1, -2, -3, -4

#: Class → how to save a value of it, and how to make the value again.
LEAVES: Final[dict[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    datetime.datetime: (datetime.datetime.isoformat, datetime.datetime.fromisoformat),
    datetime.date: (datetime.date.isoformat, datetime.date.fromisoformat),
    datetime.time: (datetime.time.isoformat, datetime.time.fromisoformat),
    datetime.timedelta: (
        lambda v: (v.days, v.seconds, v.microseconds),
        lambda s: datetime.timedelta(*s),
    ),
    uuid.UUID: (lambda v: v.bytes, lambda s: uuid.UUID(bytes=s)),
    decimal.Decimal: (str, decimal.Decimal),
    fractions.Fraction: (str, fractions.Fraction),
    complex: (lambda v: (v.real, v.imag), lambda s: complex(*s)),
    range: (lambda v: (v.start, v.stop, v.step), lambda s: range(*s)),
    pathlib.PurePosixPath: (str, pathlib.PurePosixPath),
    pathlib.PosixPath: (str, pathlib.PosixPath),
}
LEAF_NAMES: Final = {cls.__name__: cls for cls in LEAVES}
#: Classes of values that a ``defaultdict`` may make.
_FACTORIES: Final = {cls.__name__: cls for cls in (int, float, str, bool, list, dict, set)}


class Unsavable(Exception):
    """A value that cannot be saved; its text completes "Class.attribute: …"."""


def refuse(why: str) -> NoReturn:
    """Raise ``Unsavable``."""
    raise Unsavable(why)


def named(value: Any) -> str:
    """Return ``value`` for a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# ---------------------------------------------------------------- containers


class Walk(Protocol):
    """Saves the elements of a container: a ``Saver``."""

    def save(self, value: Any) -> Any:
        """Return ``value`` as data."""

    def ordered(self, values: Iterable[Any]) -> list[Any]:
        """Return the elements of a set as data, in an order that only they decide."""


@attrs.frozen
class Container:
    """Functions that save, make and fill the containers of one mutable class."""

    save: Callable[[Walk, Any], Any]
    make: Callable[[Any], Any]
    fill: Callable[[Any, Any, Callable[[Any], Any]], None]


def _save_items(saver: Walk, value: Mapping[Any, Any]) -> list[Any]:
    save = saver.save
    return [save(one) for item in value.items() for one in item]


def _fill_mapping(empty: Any, content: Any, load: Callable[[Any], Any]) -> None:
    loaded = iter(list(map(load, content)))
    for key, value in zip(loaded, loaded, strict=True):
        dict.__setitem__(empty, key, value)


def _save_defaultdict(saver: Walk, value: Any) -> tuple[Any, ...]:
    factory = value.default_factory
    if factory is not None and _FACTORIES.get(getattr(factory, "__name__", "")) is not factory:
        raise Unsavable(f"a defaultdict that makes {named(factory)}; use {', '.join(_FACTORIES)}")
    return (None if factory is None else factory.__name__, _save_items(saver, value))


def _make_defaultdict(content: Any) -> Any:
    return collections.defaultdict(None if content[0] is None else _FACTORIES[content[0]])


def _set_state(empty: random.Random, content: Any, _load: Callable[[Any], Any]) -> None:
    version, internal, gauss = content
    empty.setstate((version, tuple(internal), gauss))


CONTAINERS: Final[dict[type, Container]] = {
    list: Container(
        lambda saver, value: list(map(saver.save, value)),
        lambda _: [],
        lambda empty, content, load: empty.extend(map(load, content)),
    ),
    dict: Container(_save_items, lambda _: {}, _fill_mapping),
    set: Container(
        lambda saver, value: saver.ordered(value),
        lambda _: set(),
        lambda empty, content, load: empty.update(map(load, content)),
    ),
    bytearray: Container(
        lambda _, value: bytes(value),
        lambda _: bytearray(),
        lambda empty, content, _: empty.extend(content),
    ),
    collections.deque: Container(
        lambda saver, value: (value.maxlen, list(map(saver.save, value))),
        lambda content: collections.deque(maxlen=content[0]),
        lambda empty, content, load: empty.extend(map(load, content[1])),
    ),
    collections.OrderedDict: Container(
        _save_items,
        lambda _: collections.OrderedDict(),
        lambda empty, content, load: _fill_ordered(empty, content, load),
    ),
    collections.Counter: Container(_save_items, lambda _: collections.Counter(), _fill_mapping),
    collections.defaultdict: Container(
        _save_defaultdict,
        _make_defaultdict,
        lambda empty, content, load: _fill_mapping(empty, content[1], load),
    ),
    random.Random: Container(
        lambda _, value: value.getstate(), lambda _: random.Random(), _set_state
    ),
}
CONTAINER_NAMES: Final = {cls.__name__: cls for cls in CONTAINERS}


def _fill_ordered(empty: Any, content: Any, load: Callable[[Any], Any]) -> None:
    loaded = iter(list(map(load, content)))
    empty.update(zip(loaded, loaded, strict=True))


# ---------------------------------------------------------------- packing


def _pack_large(value: Any) -> msgpack.ExtType:
    if value.__class__ is int:
        length = value.bit_length() // 8 + 1
        return msgpack.ExtType(_LARGE_INT, value.to_bytes(length, "big", signed=True))
    raise Unsavable(f"{named(value)} is no scalar")


_LARGE_INT: Final = 1


def pack(value: Any) -> bytes:
    """Return the msgpack bytes of data; integers of any size, floats as float 64."""
    packed: bytes = msgpack.packb(value, default=_pack_large, unicode_errors="surrogatepass")
    return packed


def packer() -> Callable[[Any], bytes]:
    """Return what ``pack`` does as a function for one thread, which takes half the time."""
    made: Callable[[Any], bytes] = msgpack.Packer(
        default=_pack_large, unicode_errors="surrogatepass"
    ).pack
    return made


def unpack_extension(code: int, data: bytes) -> int:
    """Return the integer that ``pack`` found too large; ``ValueError`` for any other extension."""
    if code != _LARGE_INT:
        raise ValueError(f"an extension of type {code}")
    return int.from_bytes(data, "big", signed=True)
