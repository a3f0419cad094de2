"""Entities and events as a client sees them: one class per kind, made from the schema.

Owns reading (attributes by field name, converted from wire values) and the functions, one per kind,
that check received values and write them into an entity.  Pure.  Never decides which entity a
value belongs to: that is ``replica.py``.

A schema may come from an untrusted server.  So the source of a generated function contains field
indices only, never a received text.
"""

from __future__ import annotations

import enum
import math
import weakref
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import attrs

from gameserver.errors import RemoteProtocolError
from gameserver.model import fieldtypes
from gameserver.model.edits import applier
from gameserver.model.fieldtypes import INT_LIMIT
from gameserver.model.schema import Schema
from gameserver.model.specs import EntitySpec, EventSpec, FieldSpec
from gameserver.model.typescript import property_names
from gameserver.protocol.messages import pack

#: ``(values, mask, section, at)``: write the fields of ``mask`` into ``values`` from
#: ``section[at:]``; returns the index after them.  IndexError if the section ends too soon,
#: ``RemoteProtocolError`` for a value that its field cannot hold.
Writer = Callable[[list[Any], int, list[Any], int], int]
#: ``(held, section, at, tick)``: apply the changes in ``section[at:]`` for as long as they are of
#: held entities of one kind; returns the index of the first other one.  Raises as a ``Writer``.
Changer = Callable[[dict[int, Any], list[Any], int, int], int]


@attrs.frozen
class EntityLayout:
    """The part of the schema that a replica needs for one kind of entity, computed once."""

    kind: int
    spec: EntitySpec
    full_mask: int
    full_owner_mask: int
    write: Writer
    write_owner: Writer
    #: A field's name → where its value is.
    indices: dict[str, tuple[str, int, FieldSpec]]
    #: The same by the names of the properties.
    properties: dict[str, tuple[str, int, FieldSpec]]


class RemoteEntity:
    """An entity in the state of the newest delta.

    Each kind is a subclass whose properties give the fields by name, in the game's units; owner
    fields are None unless this client owns the entity.  Fields cannot be written.  ``kind`` is the
    name of the class of the room.

    ``id`` is the entity's id.  ``values`` and ``owner_values`` (None if none is held)
    are its wire values in the order of ``spec``.  ``changed_tick`` is the tick of the delta that
    last changed it.  A field whose name is reserved for entities has an underscore behind it, as in
    the browser client: ``pickup.kind_``; ``entity["kind"]`` is the same field.
    """

    __slots__ = ("changed_tick", "crc", "id", "owner_crc", "owner_mask", "owner_values", "values")

    layout: EntityLayout
    spec: EntitySpec
    #: Apply the changes in ``sets`` and in ``adds``.
    set_changes: Changer
    add_changes: Changer

    def __init__(self, entity_id: int, values: list[Any], tick: int) -> None:
        self.id = entity_id
        self.values = values
        self.owner_values: list[Any] | None = None
        self.owner_mask = 0
        self.changed_tick = tick
        #: CRC-32 of the public and of the owner fields, None until it is computed.
        self.crc: int | None = None
        self.owner_crc: int | None = None

    @property
    def kind(self) -> str:
        """The name of the entity's class."""
        return self.spec.name

    def to_json(self) -> dict[str, Any]:
        """Return ``id``, ``kind`` and every field under its property's name, as JSON can hold them.

        Enums are the names of their members, byte strings are lists of numbers.
        """
        copy: dict[str, Any] = {"id": self.id, "kind": self.kind}
        for name, (_, _, field) in self.layout.properties.items():
            copy[name] = _plain(self[field.name])
        return copy

    def __getitem__(self, name: str) -> Any:
        """Return the field called ``name``, whatever it is called; KeyError if there is none."""
        where, index, field = self.layout.indices[name]
        values = self.values if where == "values" else self.owner_values
        if values is None or values[index] is None:
            return None
        return field.type.from_wire(values[index])

    # For type checkers: fields are properties of a subclass that is made at run time.
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.spec.name} has no field {name!r}")

    def __repr__(self) -> str:
        fields = ", ".join(f"{f.name}={self[f.name]!r}" for f in self.spec.fields)
        return f"<{self.spec.name} {self.id}: {fields}>"

    def checksum(self) -> int:
        """Return this entity's share of the checksum (protocol README, "check")."""
        if self.crc is None:
            self.crc = _crc(self.id, self.layout.kind, self.values)
        if self.owner_values is None:
            return self.crc
        if self.owner_crc is None:
            held = [v for i, v in enumerate(self.owner_values) if self.owner_mask >> i & 1]
            self.owner_crc = _crc(self.id, self.owner_mask, held)
        return self.crc + self.owner_crc


class RemoteEvent:
    """An event: one subclass per kind, with its fields by name, in the game's units."""

    __slots__ = ("values",)

    spec: EventSpec
    #: For each field whether a wire value is one of its type.
    holds: Sequence[Callable[[Any], bool]]

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    @property
    def kind(self) -> str:
        """The name of the event's class."""
        return self.spec.name

    def to_json(self) -> dict[str, Any]:
        """Return ``kind`` and every field under its property's name, as JSON can hold them."""
        names = property_names(self.spec.fields)
        fields = zip(names, self.spec.fields, self.values, strict=True)
        return {"kind": self.kind} | {
            name: _plain(field.type.from_wire(wire)) for name, field, wire in fields
        }

    def __getitem__(self, name: str) -> Any:
        """Return the field called ``name``, whatever it is called; KeyError if there is none."""
        for field, wire in zip(self.spec.fields, self.values, strict=True):
            if field.name == name:
                return field.type.from_wire(wire)
        raise KeyError(name)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.spec.name} has no field {name!r}")

    def __repr__(self) -> str:
        fields = ", ".join(f"{f.name}={self[f.name]!r}" for f in self.spec.fields)
        return f"<{self.spec.name}: {fields}>"

    @classmethod
    def from_wire(cls, values: list[Any]) -> RemoteEvent:
        """Return the event with these wire values; ``RemoteProtocolError`` if one is invalid."""
        if len(values) != len(cls.holds):
            raise RemoteProtocolError(f"{cls.spec.name} has {len(cls.holds)} fields")
        for index, holds in enumerate(cls.holds):
            if not holds(values[index]):
                _refuse(cls.spec.name, cls.spec.fields[index], values[index])
        return cls(values)


def _plain(value: Any) -> Any:
    """Return the value of a field as JSON can hold it."""
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (list, tuple, bytes)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, fieldtypes.RemoteValue):
        return {name: _plain(value[name]) for name in value}
    if attrs.has(type(value)):
        return {f.name: _plain(getattr(value, f.name)) for f in attrs.fields(type(value))}
    return value


def _crc(entity_id: int, kind_or_mask: int, values: Sequence[Any]) -> int:
    packed = pack((entity_id, kind_or_mask, *values))
    # Skips the array header, which has one byte for up to 15 elements, and three beyond.
    return zlib.crc32(packed[1 if len(values) < 14 else 3 :])


# ---------------------------------------------------------------- making the classes


Classes = tuple[Sequence[type[RemoteEntity]], Sequence[type[RemoteEvent]]]

#: The identity of a schema → the schema, and its classes.
_made: dict[int, tuple[weakref.ref[Schema], Classes]] = {}


def classes_of(schema: Schema) -> Classes:
    """Return the classes of all entities and events of ``schema``, by kind.

    They are made once for each schema, as making them takes longer than a hundred deltas.
    """
    key = id(schema)
    found = _made.get(key)
    if found is not None and found[0]() is schema:
        return found[1]
    made = (
        [entity_class(kind, spec) for kind, spec in enumerate(schema.entities)],
        [event_class(spec) for spec in schema.events],
    )
    _made[key] = (weakref.ref(schema, lambda _: _made.pop(key, None)), made)
    return made


def entity_class(kind: int, spec: EntitySpec) -> type[RemoteEntity]:
    """Return the class for entities of ``spec``; ``kind`` is its number in the schema."""
    located = [("values", i, f) for i, f in enumerate(spec.fields)]
    located += [("owner_values", i, f) for i, f in enumerate(spec.owner_fields)]
    names = property_names([field for _, _, field in located])
    layout = EntityLayout(
        kind=kind,
        spec=spec,
        full_mask=(1 << len(spec.fields)) - 1,
        full_owner_mask=spec.full_owner_mask,
        write=_compile_writer(spec.name, spec.fields),
        write_owner=_compile_writer(spec.name, spec.owner_fields, changes=True),
        indices={f.name: (where, i, f) for where, i, f in located},
        properties=dict(zip(names, located, strict=True)),
    )
    namespace: dict[str, Any] = {"__slots__": (), "layout": layout, "spec": spec}
    for name, (where, index, field) in layout.properties.items():
        if not name.startswith("_"):
            namespace[name] = _property(where, index, field.type)
    made: type[RemoteEntity] = type(_class_name(spec.name), (RemoteEntity,), namespace)
    made.set_changes = staticmethod(_compile_changer(made, additive=False))
    made.add_changes = staticmethod(_compile_changer(made, additive=True))
    return made


def event_class(spec: EventSpec) -> type[RemoteEvent]:
    """Return the class for events of ``spec``."""
    holds = [field.type.holds for field in spec.fields]
    namespace: dict[str, Any] = {"__slots__": (), "spec": spec, "holds": holds}
    for index, name in enumerate(property_names(spec.fields)):
        if not name.startswith("_"):
            namespace[name] = _property("values", index, spec.fields[index].type)
    return type(_class_name(spec.name), (RemoteEvent,), namespace)


def _class_name(name: str) -> str:
    # type() refuses some names that a server may send.
    return name if name.isidentifier() else "Remote"


def _property(where: str, index: int, field_type: fieldtypes.FieldType) -> property:
    """Return the property that reads one field; bots read fields very often, so it is fast."""
    if where == "owner_values":

        def read_owner(entity: RemoteEntity) -> Any:
            values = entity.owner_values
            if values is None or values[index] is None:
                return None
            return field_type.from_wire(values[index])

        return property(read_owner)
    if type(field_type).from_wire is fieldtypes.FieldType.from_wire:  # the wire value is the value
        return property(lambda entity: entity.values[index])
    from_wire = field_type.from_wire
    return property(lambda entity: from_wire(entity.values[index]))


def _refuse(name: str, field: FieldSpec, wire: Any) -> NoReturn:
    raise RemoteProtocolError(
        f"{name}.{field.name}: {repr(wire)[:40]} is not a value of type {field.type.describe()[0]}"
    )


def _compile_writer(name: str, fields: Sequence[FieldSpec], *, changes: bool = False) -> Writer:
    """Return the writer of these fields.

    ``changes``: it applies changes of lists, dicts and values, which are absolute otherwise.
    """
    names, body = _field_lines(name, fields, additive=False, changes=changes)
    lines = ["def write(values, mask, section, at):", *body, "    return at"]
    writer: Writer = _compiled("write", lines, names)
    return writer


def _compile_changer(made: type[RemoteEntity], *, additive: bool) -> Changer:
    """Return the changer of the entities of the class ``made``.

    ``additive``: it adds differences of integer types, and applies changes of lists, dicts and
    values.  A loop of its own, as most of what a client receives goes through it.
    """
    spec, full = made.spec, made.layout.full_mask

    def wrong_mask(mask: Any) -> NoReturn:
        raise RemoteProtocolError(f"{repr(mask)[:40]} is no mask of {spec.name}")

    names, body = _field_lines(spec.name, spec.fields, additive=additive, changes=additive)
    names |= {"kind": made, "wrong_mask": wrong_mask}
    lines = [
        "def change(held, section, at, tick):",
        "    end = len(section)",
        "    get = held.get",
        "    while at < end:",
        "        number = section[at]",
        "        if number.__class__ is not int: return at",
        "        entity = get(number)",
        "        if entity.__class__ is not kind: return at",
        "        mask = section[at + 1]",
        f"        if mask.__class__ is not int or not 0 <= mask <= {full}: wrong_mask(mask)",
        "        at += 2",
        "        values = entity.values",
        *("    " + line for line in body),
        "        entity.changed_tick = tick",
        "        entity.crc = None",
        "    return at",
    ]
    changer: Changer = _compiled("change", lines, names)
    return changer


def _field_lines(
    name: str, fields: Sequence[FieldSpec], *, additive: bool, changes: bool
) -> tuple[dict[str, Any], list[str]]:
    """Return the lines that write the fields of ``mask`` into ``values``, and names in them."""

    def wrong(index: int, wire: Any) -> NoReturn:
        _refuse(name, fields[index], wire)

    names: dict[str, Any] = {"wrong": wrong}
    lines = []
    for i, field in enumerate(fields):
        lines += [f"    if mask & {1 << i}:", "        v = section[at]", "        at += 1"]
        if field.type.additive:
            lines.append(f"        if v.__class__ is not int: wrong({i}, v)")
            if additive:
                lines.append(f"        v += values[{i}]")
            lines.append(f"        if not {-INT_LIMIT} <= v <= {INT_LIMIT}: wrong({i}, v)")
        elif changes and field.type.changing:
            names[f"apply_{i}"] = applier(field.type)
            lines.append(f"        v = apply_{i}(values[{i}], v)")
        else:
            names[f"holds_{i}"] = field.type.holds
            lines.append(f"        if not holds_{i}(v): wrong({i}, v)")
        lines.append(f"        values[{i}] = v")
    return names, lines


def _compiled(name: str, lines: Sequence[str], names: dict[str, Any]) -> Any:
    exec(compile("\n".join(lines) + "\n", "<clients: a writer>", "exec"), names)
    return names[name]
