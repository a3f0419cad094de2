"""Declared classes: entities, commands, events and values, and the schema that clients are told.

Owns ``@entity @command @event @value`` and ``Schema``.  A wrong declaration fails when the class is
created, with a message that names class and field.  Never holds live entities, never packs
messages.  ``declarations.py`` has the declarations of fields, ``specs.py`` the specs that the
decorators make, ``compiled.py`` the functions that publish an entity, and ``described.py`` reads a
schema that the other side sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final, TypeVar, dataclass_transform, overload

import attrs
import msgpack

from gameserver.errors import LocalProtocolError
from gameserver.model import fieldtypes
from gameserver.model.annotations import ENTITY_CLASS, VALUE_TYPE, from_annotation, value_type_of
from gameserver.model.compiled import (
    CheckedField,
    CompiledEntity,
    compile_command,
    compile_entity,
    compile_values,
)
from gameserver.model.declarations import (
    METADATA,
    Declared,
    declared_for,
    elements,
    number,
    synced,
    text,
)
from gameserver.model.described import MAX_KINDS, specs_of
from gameserver.model.fieldtypes import INT_LIMIT, MAX_FIELDS, FieldType, Value, ValueField
from gameserver.model.specs import CommandField, CommandSpec, EntitySpec, EventSpec, FieldSpec
from gameserver.model.type_rules import (
    changes_in_place,
    default_max_length,
    has,
    is_numeric,
    is_str,
)

#: With the declarations of fields, which every class that is declared here has.
__all__ = [
    "Schema",
    "command",
    "command_field",
    "elements",
    "entity",
    "event",
    "number",
    "resolve_types",
    "spec_of",
    "synced",
    "text",
    "value",
]

T = TypeVar("T")

#: A command message is an array of at most 64 elements, five of which come before its fields.
MAX_COMMAND_FIELDS: Final = 59
#: The field types of a command are nested at most 8 deep.
MAX_COMMAND_DEPTH: Final = 8

_SPEC: Final = "__gameserver_spec__"
_COMPILED: Final = "__gameserver_compiled__"


# ---------------------------------------------------------------- decorators


@overload
def entity(cls: type[T], /) -> type[T]: ...
@overload
def entity(
    *, at: tuple[str, str] | None = None, rare: bool = False
) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(eq_default=False)
def entity(cls: Any = None, /, *, at: tuple[str, str] | None = None, rare: bool = False) -> Any:
    """Make an entity class (an attrs class) of an annotated class.

    ``at`` names the two fields that are its position.  An entity with a position is seen by players
    near it, one without by everyone in the room.  ``rare=True`` is for classes that seldom change:
    their entities are not compared at every publish, but each write to a synced field costs more.
    """

    def decorate(plain: type) -> type:
        made = _attrs_class(plain, eq=False, entity=True, rare=rare)
        setattr(made, ENTITY_CLASS, True)
        spec = _entity_spec(made, at, rare=rare)
        setattr(made, _SPEC, spec)
        setattr(made, _COMPILED, _compiled(spec))
        return made

    return decorate if cls is None else decorate(cls)


@overload
def command(cls: type[T], /) -> type[T]: ...
@overload
def command() -> Callable[[type[T]], type[T]]: ...
@dataclass_transform()
def command(cls: Any = None, /) -> Any:
    """Make a command class: a request by a client, checked before the game sees it."""

    def decorate(plain: type) -> type:
        made = _attrs_class(plain, eq=True)
        fields = tuple(command_field(made, a) for a in attrs.fields(made))
        if len(fields) > MAX_COMMAND_FIELDS:
            raise LocalProtocolError(f"{made.__name__}: more than {MAX_COMMAND_FIELDS} fields")
        setattr(made, _SPEC, _command_spec(made, fields))
        return made

    return decorate if cls is None else decorate(cls)


@overload
def event(cls: type[T], /) -> type[T]: ...
@overload
def event() -> Callable[[type[T]], type[T]]: ...
@dataclass_transform()
def event(cls: Any = None, /) -> Any:
    """Make an event class: something that happened, sent once, with all its fields."""

    def decorate(plain: type) -> type:
        made = _attrs_class(plain, eq=True)
        fields = tuple(_event_field(made, a) for a in attrs.fields(made))
        values = compile_values(made.__name__, [(f.name, f.type) for f in fields])
        in_place = tuple(field for field in fields if changes_in_place(field.type))
        setattr(made, _SPEC, EventSpec(made.__name__, fields, values, in_place))
        return made

    return decorate if cls is None else decorate(cls)


@overload
def value(cls: type[T], /) -> type[T]: ...
@overload
def value() -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(field_specifiers=(synced, number, text, elements))
def value(cls: Any = None, /) -> Any:
    """Make a class of plain values, for fields of entities, events, commands and other values.

    Values are compared and sent by content, so a game may change one in place.  ``number()`` and
    ``text()`` limit the values in commands.
    """

    def decorate(plain: type) -> type:
        made = _attrs_class(plain, eq=True)
        fields = tuple(_value_field(made, a) for a in attrs.fields(made))
        if not 1 <= len(fields) <= MAX_FIELDS:
            raise LocalProtocolError(f"{made.__name__}: a value has 1 to {MAX_FIELDS} fields")
        setattr(made, VALUE_TYPE, Value(made.__name__, fields, made))
        return made

    return decorate if cls is None else decorate(cls)


def _attrs_class(plain: Any, *, eq: bool, entity: bool = False, rare: bool = False) -> type:
    """Turn ``plain`` into an attrs class with slots, its annotations resolved."""
    annotations = inspect.get_annotations(plain)
    if entity and not hasattr(plain, "_record"):
        # Set while the entity is spawned; see model/record.py.
        annotations = {**annotations, "_record": Any}
        plain._record = attrs.field(init=False, default=None, repr=False)
    plain.__annotations__ = annotations
    for name, value in list(vars(plain).items()):
        declared = getattr(value, "metadata", {}).get(METADATA)
        if declared is not None and name not in annotations:
            raise LocalProtocolError(f"{plain.__name__}.{name}: has no type annotation")
    try:
        made: type = attrs.define(
            plain,
            eq=eq,
            slots=True,
            on_setattr=_touch if rare else None,
            field_transformer=_check_order,
        )
    except (TypeError, ValueError) as error:
        raise LocalProtocolError(f"{plain.__name__}: {error}") from error
    resolve_types(made)
    return made


def resolve_types(made: type) -> None:
    """Replace the annotations of a class by what they stand for.

    A class that is defined further down stays a text.  Only fields that are not sent may name one.
    """
    names = {**_visible_names(), made.__name__: made}
    try:
        attrs.resolve_types(made, localns=names, include_extras=False)
    except NameError:
        known = {**vars(sys.modules[made.__module__]), **names}
        for attribute in attrs.fields(made):
            if isinstance(attribute.type, str):
                with contextlib.suppress(NameError):
                    object.__setattr__(attribute, "type", eval(attribute.type, known))


def _check_order(cls: type, fields: list[Any]) -> list[Any]:
    """Return ``fields``, or raise if one without a default follows one with a default."""
    last = ""
    for field in fields:
        if field.default is attrs.NOTHING and last and field.init and not field.kw_only:
            raise LocalProtocolError(
                f"{cls.__name__}.{field.name}: needs a default, as {last} before it has one"
            )
        if field.default is not attrs.NOTHING and field.init:
            last = field.name
    return fields


def _visible_names() -> dict[str, Any]:
    """Return the local names of all callers, so that classes made in functions resolve."""
    names: dict[str, Any] = {}
    frame = inspect.currentframe()
    while frame is not None:
        names = {**frame.f_locals, **names}
        frame = frame.f_back
    return names


def _touch(instance: Any, attribute: Any, value: T) -> T:
    """Let the next publish compare this entity of a rare class."""
    if METADATA not in attribute.metadata:
        return value
    if isinstance(value, list):
        raise LocalProtocolError(
            f"{type(instance).__name__}.{attribute.name}: changes within a list would go "
            "unnoticed, as the class is rare; write a tuple"
        )
    record = instance._record
    if record is not None:
        record.touch()
    return value


def _field_type(cls: type, attribute: Any, step: float | None) -> FieldType:
    try:
        return from_annotation(attribute.type, step)
    except LocalProtocolError as error:
        raise LocalProtocolError(f"{cls.__name__}.{attribute.name}: {error}") from None


def _check_default(cls: type, attribute: Any, field_type: FieldType) -> Any:
    """Return the wire value of the default, or raise if the type cannot hold it."""
    default = attribute.default
    if default is attrs.NOTHING:
        return None
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        if default.takes_self:
            return None
        default = default.factory()
    else:
        _check_unshared(cls, attribute, _instead_of_shared(default, field_type))
    try:
        wire = field_type.to_wire(default)
    except fieldtypes.QUANTISE_ERRORS:
        wire = attrs.NOTHING
    if isinstance(default, tuple) and getattr(field_type, "made", None) is list:
        wire = attrs.NOTHING  # what appends to it would fail
    if not field_type.holds(wire):
        raise LocalProtocolError(
            f"{cls.__name__}.{attribute.name}: the default {default!r} is not "
            f"a value of type {field_type.describe()[0]}"
        )
    return wire


def _check_unshared(cls: type, attribute: Any, instead: str) -> None:
    """Raise for a mutable default, which all instances would share."""
    default = attribute.default
    if isinstance(default, (list, dict, set, bytearray)) or value_type_of(type(default)):
        raise LocalProtocolError(
            f"{cls.__name__}.{attribute.name}: every {cls.__name__} would share the default "
            f"{attribute.default!r}; use {instead}"
        )


def _instead_of_shared(default: Any, field_type: FieldType) -> str:
    if isinstance(field_type, fieldtypes.List) and field_type.made is tuple:
        return "a tuple, as in ()"
    if isinstance(default, (list, dict)) and not default:
        return f"synced(factory={type(default).__name__})"
    return "synced(factory=…)"


def _entity_spec(cls: type, at: tuple[str, str] | None, *, rare: bool) -> EntitySpec:
    public: list[FieldSpec] = []
    owner: list[FieldSpec] = []
    group: list[FieldSpec] = []
    by_audience = {"all": public, "owner": owner, "group": group}
    for attribute in attrs.fields(cls):
        declared = declared_for(cls, attribute, "synced")
        if declared is None:
            factory = type(attribute.default).__name__
            _check_unshared(cls, attribute, f"attrs.field(factory={factory})")
            continue
        if declared.to not in by_audience:
            raise LocalProtocolError(
                f'{cls.__name__}.{attribute.name}: to must be "all", "owner" or "group", '
                f"not {declared.to!r}"
            )
        field_type = _field_type(cls, attribute, declared.step)
        if rare and changes_in_place(field_type):
            raise LocalProtocolError(
                f"{cls.__name__}.{attribute.name}: changes within it would go unnoticed, "
                "as the class is rare; leave out rare=True"
            )
        _check_default(cls, attribute, field_type)
        by_audience[declared.to].append(FieldSpec(attribute.name, field_type))
    if max(len(public), len(owner) + len(group)) > MAX_FIELDS:
        raise LocalProtocolError(f"{cls.__name__}: more than {MAX_FIELDS} synced fields")
    indices = _position_indices(cls, at, public)
    return EntitySpec(cls.__name__, indices, tuple(public), tuple(owner + group), rare, len(owner))


def _compiled(spec: EntitySpec) -> CompiledEntity:
    public = [(f.name, f.type) for f in spec.fields]
    private = [(f.name, f.type) for f in spec.owner_fields]
    owner, group = private[: spec.group_from], private[spec.group_from :]
    return compile_entity(spec.name, public, owner, spec.at, group)


def _position_indices(
    cls: type, at: tuple[str, str] | None, public: Sequence[FieldSpec]
) -> tuple[int, ...]:
    if at is None:
        return ()
    if not isinstance(at, tuple) or len(at) != 2:
        raise LocalProtocolError(
            f'{cls.__name__}: at= takes the names of two fields, as in at=("x", "y")'
        )
    names = [f.name for f in public]
    for name in at:
        if name not in names:
            raise LocalProtocolError(
                f"{cls.__name__}: at= names {name!r}, which is no field synced to all"
            )
        if not isinstance(
            public[names.index(name)].type,
            (fieldtypes.Int, fieldtypes.Steps, fieldtypes.Float32),
        ):
            raise LocalProtocolError(f"{cls.__name__}.{name}: a position must be int or float")
    return tuple(names.index(name) for name in at)


def command_field(cls: type, attribute: Any) -> CommandField:
    """Return the field with its limits; ``LocalProtocolError`` for a wrong declaration."""
    declared = declared_for(cls, attribute, "number", "text", "elements") or Declared("plain")
    field_type = _field_type(cls, attribute, declared.step)
    where = f"{cls.__name__}.{attribute.name}"
    if field_type.depth > MAX_COMMAND_DEPTH:
        raise LocalProtocolError(f"{where}: a command is nested at most {MAX_COMMAND_DEPTH} deep")
    if has(fieldtypes.Dict, field_type):
        raise LocalProtocolError(f"{where}: a command holds no dict; use a list of a @value class")
    if has(fieldtypes.Reference, field_type):
        raise LocalProtocolError(f"{where}: a command brings an id; use int and self.world.get(id)")
    _check_limits(cls, attribute, declared, field_type)
    max_length = declared.max_length
    if max_length is None:
        max_length = default_max_length(field_type)
    field = CommandField(
        attribute.name,
        field_type,
        _check_default(cls, attribute, field_type),
        declared.low,
        declared.high,
        max_length,
    )
    if field.default is not None and (why := field.complaint(field.default)) is not None:
        raise LocalProtocolError(f"{where}: the default {attribute.default!r} is {why}")
    return field


def _value_field(cls: type, attribute: Any) -> ValueField:
    declared = declared_for(cls, attribute, "synced", "number", "text", "elements") or Declared(
        "plain"
    )
    where = f"{cls.__name__}.{attribute.name}"
    if declared.to != "all":
        raise LocalProtocolError(f"{where}: to= belongs to the field of the entity that holds it")
    if cls in _classes_in(attribute.type):
        raise LocalProtocolError(f"{where}: a {cls.__name__} cannot hold a {cls.__name__}")
    field_type = _field_type(cls, attribute, declared.step)
    _check_limits(cls, attribute, declared, field_type)
    _check_default(cls, attribute, field_type)
    return ValueField(attribute.name, field_type, declared.low, declared.high, declared.max_length)


def _classes_in(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in typing.get_args(annotation):
        yield from _classes_in(part)


def _check_limits(cls: type, attribute: Any, declared: Declared, field_type: FieldType) -> None:
    """Raise for limits that do not fit the type."""
    where = f"{cls.__name__}.{attribute.name}"
    if (declared.low is None) != (declared.high is None):
        raise LocalProtocolError(f"{where}: low= and high= belong together")
    if declared.low is not None and declared.high is not None:
        if not is_numeric(field_type):
            raise LocalProtocolError(f"{where}: {_limited(declared)} for int and float")
        if not -INT_LIMIT <= declared.low <= declared.high <= INT_LIMIT:
            raise LocalProtocolError(f"{where}: {declared.low} … {declared.high} is no range")
        if attribute.type is int and float in (type(declared.low), type(declared.high)):
            raise LocalProtocolError(f"{where}: an int field wants int limits, not floats")
    if declared.made_by == "text" and not is_str(field_type):
        raise LocalProtocolError(f"{where}: text() is for str")
    if declared.made_by == "elements" and not isinstance(field_type, fieldtypes.List):
        raise LocalProtocolError(f"{where}: elements() is for a list")


def _limited(declared: Declared) -> str:
    return "number() is" if declared.made_by == "number" else "low= and high= are"


def _command_spec(cls: type, fields: tuple[CommandField, ...]) -> CommandSpec:
    checked = [CheckedField(f.name, f.type, f.low, f.high, f.complaint) for f in fields]
    return CommandSpec(cls.__name__, fields, compile_command(cls.__name__, cls, checked))


def _event_field(cls: type, attribute: Any) -> FieldSpec:
    declared = declared_for(cls, attribute, "synced") or Declared("plain")
    if declared.to != "all":
        raise LocalProtocolError(
            f"{cls.__name__}.{attribute.name}: an event has no owner; emit it to one player"
        )
    field_type = _field_type(cls, attribute, declared.step)
    if has(fieldtypes.Reference, field_type):
        raise LocalProtocolError(
            f"{cls.__name__}.{attribute.name}: an event outlives entities; "
            "use int and self.world.id_of(entity)"
        )
    _check_default(cls, attribute, field_type)
    return FieldSpec(attribute.name, field_type)


# ---------------------------------------------------------------- the schema of a room


def spec_of(cls: type) -> EntitySpec | CommandSpec | EventSpec | None:
    """Return the spec of a decorated class, or None for any other class."""
    spec: EntitySpec | CommandSpec | EventSpec | None = vars(cls).get(_SPEC)
    return spec


@attrs.frozen
class Schema:
    """All classes that a room and its clients exchange.

    The index of a spec in its tuple is its *kind* on the wire.
    """

    entities: tuple[EntitySpec, ...]
    commands: tuple[CommandSpec, ...]
    events: tuple[EventSpec, ...]
    #: Class → kind, for entities, commands and events alike.  Empty if the schema is described.
    kinds: dict[type, int] = attrs.field(factory=dict, eq=False, repr=False)
    #: By the kind of the entity class.  Empty if the schema is described.
    compiled: tuple[CompiledEntity, ...] = attrs.field(default=(), eq=False, repr=False)

    @classmethod
    def of(cls, classes: Iterable[type]) -> Schema:
        """Return the schema of these decorated classes, ordered by name."""
        unique = sorted(set(classes), key=lambda c: (c.__name__, c.__module__))
        found: dict[type, list[tuple[type, Any]]] = {EntitySpec: [], CommandSpec: [], EventSpec: []}
        for declared in unique:
            spec = spec_of(declared)
            if spec is None:
                raise LocalProtocolError(
                    f"{declared.__name__} is no @entity, @command or @event class"
                )
            found[type(spec)].append((declared, spec))
        for group in found.values():
            if len(group) > MAX_KINDS:
                raise LocalProtocolError(f"more than {MAX_KINDS} classes of one sort")
            names = [c.__name__ for c, _ in group]
            for name in names:
                if names.count(name) > 1:
                    raise LocalProtocolError(f"two different classes are both called {name}")
        kinds = {c: i for group in found.values() for i, (c, _) in enumerate(group)}
        return cls(
            tuple(spec for _, spec in found[EntitySpec]),
            tuple(spec for _, spec in found[CommandSpec]),
            tuple(spec for _, spec in found[EventSpec]),
            kinds,
            tuple(vars(declared)[_COMPILED] for declared, _ in found[EntitySpec]),
        )

    @cached_property
    def has_group_fields(self) -> bool:
        """Whether any entity class has a field with ``to="group"``."""
        return any(spec.group_mask for spec in self.entities)

    def describe(self) -> list[Any]:
        """Return the schema as ``welcome`` carries it.  The list is shared; do not change it."""
        return self._description

    @cached_property
    def _description(self) -> list[Any]:
        return [
            [e.describe() for e in self.entities],
            [c.describe() for c in self.commands],
            [e.describe() for e in self.events],
        ]

    @cached_property
    def hash(self) -> str:
        """The schema hash of the protocol: 16 hexadecimal digits."""
        return description_hash(self.describe())

    @classmethod
    def from_description(cls, description: Any) -> Schema:
        """Return the schema of a description, or raise ``RemoteProtocolError`` if it is not one."""
        return cls(*specs_of(description))

    def command(self, name: str) -> tuple[int, CommandSpec]:
        """Return the kind and the spec of the command called ``name``."""
        for kind, spec in enumerate(self.commands):
            if spec.name == name:
                return kind, spec
        raise LocalProtocolError(
            f"the room knows no command {name}; it knows {', '.join(c.name for c in self.commands)}"
        )


def description_hash(description: Any) -> str:
    """Return the schema hash of a description, which need not be that of a valid schema."""
    packed: bytes = msgpack.packb(description)
    return hashlib.sha256(packed).hexdigest()[:16]
