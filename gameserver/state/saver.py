"""Turns what a game keeps into rows: the first step of a snapshot, taken within the tick.

Owns the walk over all references, and the numbers of objects.  ``Saver`` never writes to its copies
again, so another thread may pack them.  Fields whose annotation admits scalars only are copied as
they are, and checked when they are packed.
"""

from __future__ import annotations

import contextlib
import datetime
import enum
import types
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

import attrs

from gameserver.errors import LocalProtocolError
from gameserver.group import Group
from gameserver.model.world import World
from gameserver.player import Player
from gameserver.room import Room
from gameserver.state.classes import SCALARS, Classes, Plan, fields_of, is_namedtuple
from gameserver.state.values import (
    CONTAINERS,
    LEAVES,
    PLAYERS,
    RANDOM,
    ROOM,
    WORLD,
    Tag,
    Unsavable,
    named,
    pack,
    refuse,
)
from gameserver.timers import Timer

# Plain ints: packing members of an IntEnum takes longer.
_OBJECT, _PLAYER, _TUPLE = int(Tag.OBJECT), int(Tag.PLAYER), int(Tag.TUPLE)
_FROZENSET, _ENUM, _VALUE = int(Tag.FROZENSET), int(Tag.ENUM), int(Tag.VALUE)
_NAMEDTUPLE, _LEAF = int(Tag.NAMEDTUPLE), int(Tag.LEAF)
_METHOD, _CLASS, _TIMER = int(Tag.METHOD), int(Tag.CLASS), int(Tag.TIMER)
_ERROR = int(Tag.ERROR)
_GROUP = int(Tag.GROUP)


class Saver:
    """Copies what the game keeps in ``room``.

    ``by_class``: the rows of each class, ``(number, field…)``, numbered as they were found.
    ``containers``: rows ``(number, class name, content)``.  ``players``: all that are referred to;
    those that sit in the room come first.  ``timers``: likewise, those that wait come first.
    """

    def __init__(self, room: Room, classes: Classes) -> None:
        self.classes: Final = classes
        self.by_class: dict[type, list[tuple[Any, ...]]] = {}
        self.containers: list[tuple[Any, ...]] = []
        self.players: list[Player] = list(room.players.values())
        self._player_numbers = {player: i for i, player in enumerate(self.players)}
        self.timers: list[Timer] = list(room._timers.waiting)
        self._timer_numbers = {timer: i for i, timer in enumerate(self.timers)}
        self._room = room
        self._records = room.world.records
        self._numbers: dict[int, int] = {
            id(room): ROOM,
            id(room.world): WORLD,
            id(room.random): RANDOM,
            id(room.players): PLAYERS,
        }
        self._objects: list[Any] = []
        #: By number: the object whose value first referred to it, and its attribute if known.
        self._holders: list[tuple[Any, str]] = []
        #: The classes of all rows and values.
        self.used: set[type] = set()
        self._plans: dict[type, Plan] = {}
        self._done = 0
        self._holder: tuple[Any, str] = room, ""
        self._saves: dict[type, Callable[[Any], Any]] = {
            **dict.fromkeys(SCALARS, _itself),
            tuple: lambda value: (_TUPLE, tuple(map(self.save, value))),
            frozenset: lambda value: (_FROZENSET, self.ordered(value)),
            Player: self._save_player,
            Timer: self._save_timer,
            Group: self._save_group,
            types.MethodType: self._save_method,
            type: self._save_class,
            **dict.fromkeys(CONTAINERS, self._refer),
            **{cls: _leaf_saver(cls) for cls in LEAVES},
        }

    # ------------------------------------------------------------ what the snapshot asks for

    def save(self, value: Any) -> Any:
        """Return ``value`` as data; raises ``Unsavable``."""
        cls = value.__class__
        if cls in SCALARS:
            return value
        try:
            save = self._saves[cls]
        except KeyError:
            save = self._saves[cls] = self._saver_of(cls)
        return save(value)

    def save_row(self, value: Any) -> tuple[str, tuple[Any, ...]]:
        """Save an object that nothing else refers to: its class, and a row with the number 0."""
        plan = self._plans.get(value.__class__)
        if plan is None:
            plan = self._plans[value.__class__] = self.classes.plan(value.__class__)
            self.used.add(plan.cls)
        if plan.is_open:
            return plan.name, self._row(plan, 0, value)
        try:
            return plan.name, plan.row(0, value, self.save)
        except (Unsavable, RecursionError, AttributeError):
            return plan.name, self._row(plan, 0, value)  # names the field

    def save_attribute(self, holder: Any, name: str, value: Any) -> Any:
        """Save an attribute of a room, or of a player; ``LocalProtocolError`` names it."""
        self._holder = holder, name
        try:
            return self.save(value)
        except (Unsavable, RecursionError) as error:
            self._blame(holder, name, error)

    def save_entities(self) -> list[tuple[type, list[tuple[Any, ...]]]]:
        """Return the rows of all entities in the world, ``(id, field…)``, by class."""
        by_class: dict[type, list[Any]] = {}
        for record in self._records.values():
            cls = record.entity.__class__
            try:
                by_class[cls].append(record)
            except KeyError:
                by_class[cls] = [record]
        saved = []
        for cls, records in by_class.items():
            plan = self.classes.plan(cls)
            self.used.add(cls)
            saved.append((cls, self._entity_rows(plan, records)))
        return saved

    def _entity_rows(self, plan: Plan, records: list[Any]) -> list[tuple[Any, ...]]:
        if not plan.is_open:
            with contextlib.suppress(Unsavable, RecursionError, AttributeError):
                return plan.entity_rows(records, self.save)
        # One by one, which also tells which of them cannot be saved.
        return [self._row(plan, record.id, record.entity) for record in records]

    def finish(self) -> None:
        """Save all objects that have been referred to, and what they refer to."""
        while self._done < len(self._objects):
            value = self._objects[self._done]
            number, self._done = self._done, self._done + 1
            cls = value.__class__
            content = CONTAINERS.get(cls)
            if content is None:
                row = self._row(self.classes.plan(cls), number, value)
                try:
                    self.by_class[cls].append(row)
                except KeyError:
                    self.by_class[cls] = [row]
                continue
            self._holder = value, ""
            try:
                self.containers.append((number, cls.__name__, content.save(self, value)))
            except (Unsavable, RecursionError) as error:
                self._blame(value, "", error)

    # ------------------------------------------------------------ single values

    def _saver_of(self, cls: type) -> Callable[[Any], Any]:
        if issubclass(cls, enum.Flag):
            return lambda value: (_ENUM, self._name(cls), value.value)
        if issubclass(cls, enum.Enum):
            return lambda value: (_ENUM, self._name(cls), value.name)
        if is_namedtuple(cls):
            return lambda value: (_NAMEDTUPLE, self._name(cls), tuple(map(self.save, value)))
        if issubclass(cls, type):
            return self._save_class
        if issubclass(cls, Exception) and not attrs.has(cls):
            return lambda error: (_ERROR, cls.__name__, str(error))
        if issubclass(cls, Player):
            return self._save_player
        if issubclass(cls, Room | World):
            return self._refer
        if fields_of(cls) is None:
            return lambda value: refuse(f"{named(value)} is of no class that can be saved")
        name = self._name(cls)
        if self.classes.plan(cls).is_entity:
            return self._save_entity
        if cls.__hash__ is None or cls.__hash__ is object.__hash__:
            return self._refer
        # Hashable by what it holds, so it does not change.
        return lambda value: (
            _VALUE,
            name,
            self._row(self.classes.plan(cls), 0, value)[1:],
        )

    def _name(self, cls: type) -> str:
        self.used.add(cls)
        try:
            return self.classes.plan(cls).name
        except LocalProtocolError as error:
            raise Unsavable(str(error)) from error

    def _refer(self, value: Any) -> tuple[int, int]:
        number = self._numbers.get(id(value))
        if number is None:
            cls = value.__class__
            if issubclass(cls, Room | World):
                raise Unsavable(f"it is another {cls.__name__}, which has its own snapshot")
            if cls not in CONTAINERS:
                self._name(cls)  # raises for a class that the room does not know
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
            self._holders.append(self._holder)
        return (_OBJECT, number)

    def _save_entity(self, value: Any) -> tuple[int, ...]:
        record: Any = value._record
        if record is None:
            return self._refer(value)
        number: int = record.id
        if self._records.get(number) is not record:
            raise Unsavable(f"this {type(value).__name__} is in the world of another room")
        return (number,)

    def _save_player(self, player: Player) -> tuple[int, int]:
        number = self._player_numbers.get(player)
        if number is None:
            number = self._player_numbers[player] = len(self.players)
            self.players.append(player)
        return (_PLAYER, number)

    def _save_timer(self, timer: Timer) -> tuple[int, int]:
        number = self._timer_numbers.get(timer)
        if number is None:
            number = self._timer_numbers[timer] = len(self.timers)
            self.timers.append(timer)
        return (_TIMER, number)

    def _save_group(self, group: Group) -> tuple[int, str]:
        if not self._room._groups.has(group):
            raise Unsavable(f"{group!r} is of another room")
        return (_GROUP, group.name)

    def _save_method(self, method: types.MethodType) -> tuple[Any, ...]:
        name = method.__func__.__name__
        if getattr(type(method.__self__), name, None) is not method.__func__:
            raise Unsavable(f"{name} is no method of {named(method.__self__)} under its own name")
        return (_METHOD, self.save(method.__self__), name)

    def _save_class(self, cls: type) -> tuple[int, str]:
        return (_CLASS, self._name(cls))

    def ordered(self, values: Iterable[Any]) -> list[Any]:
        """Save the elements of a set in an order that depends on nothing but what they are."""
        if (ids := self._ids_of(values)) is not None:
            return [(number,) for number in ids]
        try:
            ordered: Iterable[Any] = sorted(values, key=_plain_key)
        except TypeError:
            ordered = sorted(values, key=self._set_key)
        return list(map(self.save, ordered))

    def _ids_of(self, values: Iterable[Any]) -> list[int] | None:
        """Return the sorted ids of entities in the world, or None if there is anything else."""
        try:
            records = [value._record for value in values]
            ids = [record.id for record in records]
        except AttributeError:
            return None
        if list(map(self._records.get, ids)) != records:
            return None
        ids.sort()
        return ids

    def _set_key(self, value: Any) -> bytes:
        cls = value.__class__
        if cls in SCALARS or isinstance(value, Player) or id(value) in self._numbers:
            return _key(cls.__name__, self.save(value))
        if (fields := fields_of(cls)) is None:
            return _key(cls.__name__, self.save(value))
        if getattr(value, "_record", None) is not None:
            return _key(cls.__name__, self.save(value))
        held = [getattr(value, name, None) for name, _ in fields]
        return _key(cls.__name__, [v for v in held if v.__class__ in SCALARS])

    def _row(self, plan: Plan, number: int, value: Any) -> tuple[Any, ...]:
        if plan.is_open and (name := plan.undeclared(value)) is not None:
            self._blame(value, name, Unsavable("it is no field; declare it in the class body"))
        before, self._holder = self._holder, (value, "")
        try:
            row = plan.row(number, value, self.save)
        except (Unsavable, RecursionError, AttributeError) as error:
            for name in plan.fields:
                if not hasattr(value, name):
                    self._blame(value, name, Unsavable("it has not been set"))
                try:
                    self.save(getattr(value, name))
                except (Unsavable, RecursionError) as found:
                    self._blame(value, name, found)
            raise Unsavable(str(error)) from error
        self._holder = before
        return row

    def _blame(self, holder: Any, name: str, error: Exception) -> NoReturn:
        """Raise for a value in ``holder``; names the class and attribute that lead there."""
        why = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        while holder.__class__ in CONTAINERS:
            inner, (holder, name) = holder, self._holders[self._numbers[id(holder)]]
            if not name and holder is self._room:  # an entity, of which many are saved at once
                entities = [record.entity for record in self._records.values()]
                holder = next((e for e in entities if _attribute_with(e, inner)), holder)
            name = name or _attribute_with(holder, inner)
        where = f"{type(holder).__name__}.{name}" if name else type(holder).__name__
        raise LocalProtocolError(f"{where} cannot be saved: {why}") from None


def _attribute_with(holder: Any, value: Any) -> str:
    """Return the field of ``holder`` that holds ``value``, or nothing."""
    fields = fields_of(type(holder)) or ()
    return next((name for name, _ in fields if _reaches(getattr(holder, name, None), value)), "")


def _reaches(value: Any, target: Any) -> bool:
    return value is target or (isinstance(value, tuple) and any(_reaches(v, target) for v in value))


def _plain_key(value: Any) -> tuple[str, Any]:
    cls = value.__class__
    if cls is int or cls is str:
        return cls.__name__, value
    record = getattr(value, "_record", None)
    if record is None:
        raise TypeError
    return "", record.id


def _key(name: str, data: Any) -> bytes:
    packed: bytes = name.encode() + pack(data)
    return packed


def _itself(value: Any) -> Any:
    return value


def _leaf_saver(cls: type) -> Callable[[Any], Any]:
    name, save = cls.__name__, LEAVES[cls][0]

    def save_leaf(value: Any) -> tuple[Any, ...]:
        zone = getattr(value, "tzinfo", None)
        if zone is not None and not isinstance(zone, datetime.timezone):
            raise Unsavable(f"{value!r} is in a time zone with rules; keep it in UTC")
        return (_LEAF, name, save(value))

    return save_leaf
