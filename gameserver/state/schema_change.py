"""Loading what an older version of the game saved.

Owns ``@migrates`` and the comparison of saved fields with those that a class has now.  Added fields
take their defaults, removed ones are dropped and reported, and a field of another type needs a
migration.  Never reads bytes, never walks values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import attrs

from gameserver.errors import LocalProtocolError, SnapshotError
from gameserver.state.classes import Plan, is_namedtuple

F = TypeVar("F", bound=Callable[[Any], Any])
Migrate = Callable[[Any], Any]

_MIGRATIONS: Final[dict[tuple[type, str], Migrate]] = {}

#: Saved type → types that hold all its values, so that a change to one of them needs no migration.
_WIDER: Final = {"bool": {"int", "float"}, "int": {"float"}}


def migrates(cls: type, field: str) -> Callable[[F], F]:
    """Declare how a saved ``field`` of ``cls`` becomes a value of the type that it has now.

    The function is called with the saved value, for every object in a snapshot where the field has
    another type.  ``cls`` is an entity, command, attrs class or dataclass, or the room.
    """

    def register(function: F) -> F:
        if _MIGRATIONS.setdefault((cls, field), function) is not function:
            raise LocalProtocolError(f"{cls.__name__}.{field} has two migrations")
        return function

    return register


def migration_of(cls: type, field: str) -> Migrate | None:
    """Return the migration of a field, that of a base class included."""
    for base in cls.__mro__:
        if (found := _MIGRATIONS.get((base, field))) is not None:
            return found
    return None


@attrs.frozen
class Migration:
    """A field to be set to what ``migrate`` makes of ``saved``."""

    holder: Any
    field: str
    saved: Any
    migrate: Migrate

    @property
    def made(self) -> Any:
        """The value of the field; ``SnapshotError`` if the migration raises."""
        try:
            return self.migrate(self.saved)
        except Exception as error:
            owner = self.holder if isinstance(self.holder, type) else type(self.holder)
            raise SnapshotError(
                f"{owner.__name__}.{self.field}: its migration raised "
                f"{type(error).__name__}: {error}"
            ) from error

    def run(self) -> None:
        """Set the field."""
        object.__setattr__(self.holder, self.field, self.made)


def is_compatible(saved: str, now: str) -> bool:
    """Whether every value of the saved type is one of the type that a field has now."""
    if saved == now or now in ("Any", "object"):
        return True
    if "[" in saved or "[" in now:
        return False
    members = set(now.split(" | "))
    return all(old in members or _WIDER.get(old, set()) & members for old in saved.split(" | "))


def judge(owner: type, field: str, saved: str, now: str) -> Migrate | None:
    """Return the migration of a field, None if it needs none; ``SnapshotError`` if it lacks one."""
    if is_compatible(saved, now):
        return None
    if (found := migration_of(owner, field)) is None:
        raise SnapshotError(
            f"{owner.__name__}.{field} was saved as {saved} and is {now} now: "
            f'declare a function with @migrates({owner.__name__}, "{field}")'
        )
    return found


@attrs.frozen
class _Change:
    """The fields that the saved rows of one class become, by index of the row; None if removed."""

    fields: tuple[tuple[str, Migrate | None] | None, ...]
    #: Fields that the rows do not have, with the functions that make their values.
    added: tuple[tuple[str, Callable[[Any], Any]], ...]


class RowReader:
    """The fields of saved rows; ``dropped`` names what this version has no field for."""

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self._saved: dict[str, tuple[Sequence[str], Sequence[str]]] = {}
        self._changes: dict[str, _Change] = {}

    def describe(self, name: str, fields: Sequence[str], types: Sequence[str]) -> None:
        """Note which fields, of which types, the rows of a class have."""
        if len(fields) != len(types) or not all(type(t) is str for t in (name, *fields, *types)):
            raise ValueError("a class is described by fields and their types")
        self._saved[name] = (fields, types)

    def fields(
        self, plan: Plan, name: str, row: list[Any]
    ) -> Iterator[tuple[str, Any, Migrate | None]]:
        """Yield field, data and migration of the fields in ``row`` that the class still has."""
        if (change := self._changes.get(name)) is None:
            change = self._changes[name] = self._change(plan, name)
        if len(row) != len(change.fields):
            raise SnapshotError(f"{name}: a row of {len(row)} fields, not {len(change.fields)}")
        for known, data in zip(change.fields, row, strict=True):
            if known is not None:
                yield known[0], data, known[1]

    def set_defaults(self, shell: Any, name: str) -> None:
        """Set the fields that were added since."""
        for field, make in self._changes[name].added:
            object.__setattr__(shell, field, make(shell))

    def _change(self, plan: Plan, name: str) -> _Change:
        saved_fields, saved_types = self._saved[name]
        now = dict(zip(plan.fields, plan.types, strict=True))
        fields: list[tuple[str, Migrate | None] | None] = []
        for field, saved in zip(saved_fields, saved_types, strict=True):
            if field in now:
                fields.append((field, judge(plan.cls, field, saved, now[field])))
            else:
                fields.append(None)
                self.dropped.append(f"{name}.{field}")
        added = [
            (field, _default_of(plan.cls, field))
            for field in plan.fields
            if field not in saved_fields
        ]
        return _Change(tuple(fields), tuple(added))


def _default_of(cls: type, field: str) -> Callable[[Any], Any]:
    """Return what makes the default of a field; ``SnapshotError`` if it has none."""
    if attrs.has(cls):
        default = next(f.default for f in attrs.fields(cls) if f.name == field)
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            factory = default.factory
            return factory if default.takes_self else lambda _: factory()
        missing = default is attrs.NOTHING
    elif is_namedtuple(cls):
        default = cls._field_defaults.get(field, attrs.NOTHING)  # type: ignore[attr-defined]
        missing = default is attrs.NOTHING
    else:
        declared = next(f for f in dataclasses.fields(cls) if f.name == field)
        if declared.default_factory is not dataclasses.MISSING:
            make = declared.default_factory
            return lambda _: make()
        default = declared.default
        missing = default is dataclasses.MISSING
    if missing:
        raise SnapshotError(f"{cls.__name__}.{field} was added since and has no default")
    return lambda _: default
