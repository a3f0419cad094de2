"""Makes the objects of a game out of rows: the walk of ``saver.py``, backwards.

Owns the order in which shells are made and filled.  Makes instances without calling their
``__init__``, and only of classes that the room knows (``classes.py``).
"""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Iterable
from typing import Any

from gameserver.errors import SnapshotError
from gameserver.player import Player
from gameserver.room import Room
from gameserver.state.classes import Classes, error_class, fields_of, is_namedtuple
from gameserver.state.schema_change import Migration, RowReader
from gameserver.state.values import (
    CONTAINER_NAMES,
    CONTAINERS,
    LEAF_NAMES,
    LEAVES,
    PLAYERS,
    RANDOM,
    ROOM,
    WORLD,
    Container,
)
from gameserver.timers import Timer


class Loader:
    """Makes objects of rows, for ``room``, whose world and players exist already but are empty.

    In the order of the calls: ``make`` (empty shells of all that has a number), ``fill``, and then
    ``load`` for whatever refers to them.  Raises ``SnapshotError`` and the errors that wrong data
    causes, which the caller turns into one.
    """

    def __init__(self, room: Room, classes: Classes, reader: RowReader) -> None:
        self._classes = classes
        self._reader = reader
        self._room = room
        #: By id; the world does not have them yet.
        self.entities: dict[int, Any] = {}
        self.players: list[Player] = []
        self.timers: list[Timer] = []
        self._objects: dict[int, Any] = {
            ROOM: room,
            WORLD: room.world,
            RANDOM: room.random,
            PLAYERS: room.players,
        }
        self._unfilled: list[tuple[Any, str, list[Any]]] = []
        self._containers: list[tuple[Any, Container, Any]] = []
        self._migrations: list[Migration] = []
        self._loads: tuple[Callable[[list[Any]], Any], ...] = (
            lambda data: self._objects[data[1]],
            lambda data: self.players[_index(data[1])],
            lambda data: tuple(map(self.load, data[1])),
            lambda data: frozenset(map(self.load, data[1])),
            lambda data: self._enum(*data[1:]),
            lambda data: self._value(*data[1:]),
            lambda data: self._namedtuple(*data[1:]),
            lambda data: LEAVES[LEAF_NAMES[data[1]]][1](data[2]),
            lambda data: self._method(*data[1:]),
            lambda data: self._class(data[1]),
            lambda data: self.timers[_index(data[1])],
            lambda data: room._groups.get(data[1]),
            lambda data: self._error(*data[1:]),
        )

    def load(self, data: Any) -> Any:
        """Return the value of ``data``."""
        if data.__class__ is not list:
            return data
        if len(data) == 1:
            return self.entities[data[0]]
        return self._loads[_index(data[0])](data)

    def load_row(self, data: list[Any]) -> Any:
        """Return the object that ``Saver.save_row`` saved."""
        name, row = data
        return self._value(name, row[1:])

    def make(self, name: str, rows: Iterable[list[Any]], *, spawned: bool) -> None:
        """Make shells for the rows of one class; entities in the world are kept by id."""
        cls = self._class(name)
        if spawned and cls not in self._room.world.schema.kinds:
            raise SnapshotError(f"{name} is no entity class of {self._room_name} (any more)")
        made = self.entities if spawned else self._objects
        for row in rows:
            if type(row[0]) is not int or row[0] in made or row[0] < 0:
                raise SnapshotError(f"{name}: {row[0]!r} is a wrong or a second number")
            shell = made[row[0]] = _shell(cls)
            self._unfilled.append((shell, name, row[1:]))

    def make_container(self, number: int, name: str, content: Any) -> None:
        """Make an empty container."""
        container = CONTAINERS[CONTAINER_NAMES[name]]
        if type(number) is not int or number in self._objects or number < 0:
            raise SnapshotError(f"{name}: {number!r} is a wrong or a second number")
        shell = self._objects[number] = container.make(content)
        self._containers.append((shell, container, content))

    def fill(self) -> None:
        """Fill all shells.  The keys of a dictionary or set are whole by then."""
        for shell, name, row in self._unfilled:
            self._fill(shell, name, row)
        for shell, container, content in self._containers:
            container.fill(shell, content, self.load)

    def migrate_later(self, migration: Migration) -> None:
        """Let ``migrate`` run this one, too."""
        self._migrations.append(migration)

    def migrate(self) -> None:
        """Run the migrations of changed fields, once everything is filled."""
        for migration in self._migrations:
            migration.run()

    def attribute(self, name: str, data: Any) -> None:
        """Set the attribute of the room that was saved as ``data``."""
        setattr(self._room, name, self.load(data))

    def _fill(self, shell: Any, name: str, row: list[Any], *, at_once: bool = False) -> None:
        fields = self._reader.fields(self._classes.plan(type(shell)), name, row)
        for field, data, migrate in fields:
            try:
                value = self.load(data)
            except SnapshotError as error:
                raise SnapshotError(f"{name}.{field}: {error}") from None
            if migrate is None:
                object.__setattr__(shell, field, value)
            else:
                migration = Migration(shell, field, value, migrate)
                if at_once:
                    migration.run()
                else:
                    self._migrations.append(migration)
        self._reader.set_defaults(shell, name)

    def _class(self, name: str) -> type:
        cls = self._classes.named(name)
        if cls is None:
            raise SnapshotError(f"{self._room_name} has no class {name} (any more)")
        return cls

    @property
    def _room_name(self) -> str:
        return type(self._room).__name__

    def _enum(self, name: str, member: Any) -> Any:
        cls = self._class(name)
        if not issubclass(cls, enum.Enum):
            raise SnapshotError(f"{name} is no enum")
        try:
            return cls(member) if issubclass(cls, enum.Flag) else cls[member]
        except (KeyError, ValueError):
            raise SnapshotError(f"{name} has no member {member!r} (any more)") from None

    def _value(self, name: str, row: list[Any]) -> Any:
        shell = _shell(self._class(name))
        self._fill(shell, name, row, at_once=True)  # its holder may hash it
        return shell

    def _namedtuple(self, name: str, items: list[Any]) -> Any:
        cls = self._class(name)
        if not is_namedtuple(cls):
            raise SnapshotError(f"{name} is no named tuple (any more)")
        values = {}
        for field, data, migrate in self._reader.fields(self._classes.plan(cls), name, items):
            value = self.load(data)
            values[field] = value if migrate is None else Migration(cls, field, value, migrate).made
        return cls(**values)

    def _error(self, name: str, text: str) -> Exception:
        """Return an exception with its class and text; its other attributes are lost."""
        cls = error_class(type(self._room), name)
        if cls is None:
            return RuntimeError(f"{name}: {text}")
        error = cls.__new__(cls, text)
        error.args = (text,)
        return error

    def _method(self, data: Any, name: str) -> Any:
        holder = self.load(data)
        if not isinstance(getattr(type(holder), name, None), types.FunctionType):
            raise SnapshotError(f"{type(holder).__name__} has no method {name} (any more)")
        return getattr(holder, name)


def _index(number: Any) -> int:
    """Return ``number``; ``ValueError`` for one that would count from the end of a list."""
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} is no number of an element")
    return number


def _shell(cls: type) -> Any:
    if fields_of(cls) is None or is_namedtuple(cls):
        raise SnapshotError(f"{cls.__name__} is no attrs class or dataclass (any more)")
    shell: Any = object.__new__(cls)
    if hasattr(cls, "_record"):
        shell._record = None
    if hasattr(cls, "_attrs_cached_hash"):
        object.__setattr__(shell, "_attrs_cached_hash", None)
    return shell
