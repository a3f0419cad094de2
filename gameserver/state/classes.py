"""The classes that a snapshot of a room may hold, and the fields that are saved of each.

Owns ``Plan`` (how the instances of one class become rows), the lookup of classes by name, and the
check of what a room declares.  Never saves a value; ``values.py`` does.

A snapshot names classes but never modules, so it can make instances only of classes that the room
knows: its entities, commands and events, what its annotations name, and what the modules of the
room contain.
"""

from __future__ import annotations

import builtins
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import inspect
import pathlib
import random
import sys
import types
import typing
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Final, Literal

import attrs

from gameserver import errors
from gameserver.errors import LocalProtocolError
from gameserver.group import Group
from gameserver.model.schema import spec_of
from gameserver.model.specs import EntitySpec
from gameserver.model.world import World
from gameserver.player import Player
from gameserver.room import Room
from gameserver.timers import Timer

#: Classes that msgpack carries as they are.  Only exactly these: a subclass would lose itself.
SCALARS: Final[frozenset[type]] = frozenset({bool, int, float, str, bytes, type(None)})
#: Immutable values of the standard library, saved inside the value that holds them.
LEAVES: Final = (
    *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
    *(uuid.UUID, decimal.Decimal, fractions.Fraction, complex, range),
    *(pathlib.PurePosixPath, pathlib.PosixPath),
)
#: Mutable ones; each is saved once, however many refer to it.
CONTAINERS: Final = (
    *(list, dict, set, bytearray, collections.deque, collections.OrderedDict),
    *(collections.defaultdict, collections.Counter, random.Random),
)
_GENERAL: Final = frozenset(
    {Any, object, enum.Enum, tuple, frozenset, type, types.MethodType, types.UnionType}
)


class Plan:
    """The form of one class in a snapshot: its fields, and the rows of its instances."""

    def __init__(self, cls: type, fields: Sequence[tuple[str, Any]]) -> None:
        self.cls: Final = cls
        self.name: Final = cls.__name__
        self.fields: Final = tuple(name for name, _ in fields)
        self.types: Final = tuple(type_text(annotation) for _, annotation in fields)
        #: The indices of the fields whose annotation admits scalars only.
        self.plain: Final = tuple(i for i, (_, note) in enumerate(fields) if is_plain(note))
        self.is_entity: Final = isinstance(spec_of(cls), EntitySpec)
        #: Whether instances can have attributes that are no fields, which would be lost.
        self.is_open: Final = cls.__dictoffset__ != 0
        names = [
            f"o.{name}, " if i in self.plain else f"save(o.{name}), "
            for i, name in enumerate(self.fields)
        ]
        self.row: Final[Callable[[int, Any, Any], tuple[Any, ...]]] = eval(
            f"lambda number, o, save: (number, {''.join(names)})"
        )
        self.entity_rows: Final[Callable[[Any, Any], list[tuple[Any, ...]]]] = eval(
            f"lambda records, save: "
            f"[(r.id, {''.join(names)}) for r in records for o in (r.entity,)]"
        )

    def undeclared(self, instance: Any) -> str | None:
        """Return an attribute of ``instance`` that is no field, or None."""
        for name in instance.__dict__.keys() - {*self.fields, "_record"}:
            if not isinstance(getattr(self.cls, name, None), functools.cached_property):
                found: str = name
                return found
        return None


def fields_of(cls: type) -> list[tuple[str, Any]] | None:
    """Return the fields of an attrs class, dataclass or named tuple with their types, or None."""
    if attrs.has(cls):
        fields = [(f.name, f.type) for f in attrs.fields(cls) if f.name != "_record"]
    elif dataclasses.is_dataclass(cls):
        fields = [(f.name, f.type) for f in dataclasses.fields(cls)]
    elif is_namedtuple(cls):
        notes = inspect.get_annotations(cls)
        fields = [(name, notes.get(name, Any)) for name in cls._fields]  # type: ignore[attr-defined]
    else:
        return None
    return [(name, _resolved(cls, name, annotation)) for name, annotation in fields]


def _resolved(cls: type, field: str, annotation: Any) -> Any:
    """Return ``annotation`` as an object; a text if a name in it cannot be found."""
    if not isinstance(annotation, str):
        return annotation
    for base in cls.__mro__:
        if field in inspect.get_annotations(base):
            module = sys.modules.get(base.__module__)
            try:
                return eval(annotation, dict(vars(module)) if module else {}, vars(base))
            except Exception:  # noqa: BLE001 - evaluates what the game wrote; a text says enough
                return annotation
    return annotation


def is_namedtuple(cls: type) -> bool:
    """Whether ``cls`` was made by ``NamedTuple`` or ``namedtuple``."""
    return issubclass(cls, tuple) and hasattr(cls, "_fields")


def is_saved_class(cls: Any) -> bool:
    """Whether instances of ``cls`` are saved with the name of their class."""
    return isinstance(cls, type) and (
        attrs.has(cls)
        or dataclasses.is_dataclass(cls)
        or issubclass(cls, enum.Enum)
        or is_namedtuple(cls)
    )


# ---------------------------------------------------------------- what a room knows


def own_annotations(room: type[Room]) -> dict[str, Any]:
    """Return the attributes that a game annotates in the class bodies of its room."""
    found: dict[str, Any] = {}
    for cls in reversed(room.__mro__[: room.__mro__.index(Room)]):
        for name, annotation in inspect.get_annotations(cls).items():
            resolved = _resolved(cls, name, annotation)
            text = annotation if isinstance(annotation, str) else ""
            if typing.get_origin(resolved) is ClassVar or resolved is ClassVar:
                continue
            if text.removeprefix("typing.").startswith("ClassVar") or name in vars(Room):
                continue
            found[name] = resolved
    return found


class Classes:
    """The classes that snapshots of ``room`` may name."""

    def __init__(self, room: type[Room]) -> None:
        self.room: Final = room
        self.own: Final = own_annotations(room)
        self._by_name: dict[str, type] = {}
        self._plans: dict[type, Plan] = {}
        for cls in room.schema().kinds:
            self._learn(cls)
        for annotation in (*self.own.values(), room.options, room.listing):
            self._learn_from(annotation)
        for base in room.__mro__[: room.__mro__.index(Room)]:
            for value in list(vars(sys.modules[base.__module__]).values()):
                if is_saved_class(value):
                    self._learn(value)

    def _learn(self, cls: type) -> None:
        if self._by_name.setdefault(cls.__name__, cls) is cls and cls not in self._plans:
            fields = fields_of(cls) or []
            self._plans[cls] = Plan(cls, fields)
            for _, annotation in fields:
                self._learn_from(annotation)

    def _learn_from(self, annotation: Any) -> None:
        for part in parts_of(annotation):
            if is_saved_class(part):
                self._learn(part)

    def plan(self, cls: type) -> Plan:
        """Return the plan of ``cls``; ``LocalProtocolError`` if the room does not know it."""
        if (plan := self._plans.get(cls)) is None:
            other = self._by_name.get(cls.__name__)
            raise LocalProtocolError(
                f"two classes that {self.room.__name__} knows are both called {cls.__name__}"
                if other is not None
                else f"{self.room.__name__} does not know the class {cls.__name__}: "
                "import it in the module of the room, or annotate an attribute with it"
            )
        return plan

    def named(self, name: str) -> type | None:
        """Return the class with this name."""
        return self._by_name.get(name)


def error_class(room: type[Room], name: str) -> type[Exception] | None:
    """Return an exception class that Python, the server or the room's modules have by this name."""
    modules = [sys.modules.get(base.__module__) for base in room.__mro__]
    for namespace in (builtins, errors, *modules):
        found = getattr(namespace, name, None)
        if isinstance(found, type) and issubclass(found, Exception):
            return found
    return None


# ---------------------------------------------------------------- annotations


def parts_of(annotation: Any) -> Iterator[Any]:
    """Yield ``annotation`` and all that it is made of."""
    yield annotation
    if isinstance(annotation, typing.NewType):
        yield from parts_of(annotation.__supertype__)
    elif (origin := typing.get_origin(annotation)) is not Literal:
        if origin is not None:
            yield origin
        for part in typing.get_args(annotation):
            yield from parts_of(part)


def is_plain(annotation: Any) -> bool:
    """Whether all values of this type are scalars."""
    origin = typing.get_origin(annotation)
    if isinstance(annotation, typing.NewType):
        return is_plain(annotation.__supertype__)
    if origin in (typing.Union, types.UnionType):
        return all(map(is_plain, typing.get_args(annotation)))
    if origin is Literal:
        return all(type(value) in SCALARS for value in typing.get_args(annotation))
    return annotation is None or annotation in SCALARS


def members_of(annotation: Any) -> list[Any]:
    """Return the members of a union, or the type itself."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return list(typing.get_args(annotation))
    return [annotation]


def type_text(annotation: Any) -> str:
    """Return a type as a snapshot names it, without modules and with sorted unions."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is ...:
        return "..."
    if origin is Literal:
        return f"Literal[{', '.join(sorted(map(repr, args)))}]"
    if origin is typing.Annotated:
        return type_text(args[0])
    if origin in (typing.Union, types.UnionType):
        return " | ".join(sorted(map(type_text, args)))
    if origin is Player:
        return Player.__name__  # only type checkers know the class of its entity
    if origin is not None:
        inner = ", ".join(
            f"[{', '.join(map(type_text, a))}]" if isinstance(a, list) else type_text(a)
            for a in args
        )
        return f"{getattr(origin, '__name__', origin)}[{inner}]"
    if isinstance(annotation, type | typing.NewType | typing.TypeVar):
        return annotation.__name__
    return str(annotation).removeprefix("typing.")


def check_savable(room: type[Room]) -> None:
    """Raise ``LocalProtocolError``, naming class and attribute, for a type that cannot be saved.

    Looks at the annotations in the class body of the room, and at the fields of its entities.
    """
    owners: list[tuple[str, dict[str, Any]]] = [(room.__name__, own_annotations(room))]
    owners += [
        (cls.__name__, dict(fields_of(cls) or ()))
        for cls in room.schema().kinds
        if isinstance(spec_of(cls), EntitySpec)
    ]
    for owner, fields in owners:
        for name, annotation in fields.items():
            for part in parts_of(annotation):
                if (why := complaint(part)) is not None:
                    raise LocalProtocolError(f"{owner}.{name} cannot be saved: {why}")


def complaint(part: Any) -> str | None:
    """Return why no value of the type ``part`` can be saved, or None."""
    if part is Callable or part is typing.Callable or part is types.FunctionType:
        return None  # a method of the room can be
    if not isinstance(part, type) or typing.get_origin(part) is not None:
        return None
    if part in SCALARS or part in LEAVES or part in CONTAINERS or part in _GENERAL:
        return None
    if is_saved_class(part) or inspect.isabstract(part) or getattr(part, "_is_protocol", False):
        return None
    if issubclass(part, Player | Room | World | Timer | Group) or part.__module__ in (
        "collections.abc",
        "typing",
    ):
        return None
    return f"{part.__name__} is no attrs class; make it one, or use save and load"
