"""Functions generated per class, so that a tick has no loop over fields.

Owns the code generation for quantising an entity, for finding what changed, and for checking a
command.  The generated functions are plain Python, a few lines per field.  Their text holds nothing
but the game's own declarations, whose field names are identifiers.  The scans have compiled twins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, Protocol

import attrs

from gameserver.accelerated import twin
from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.model.edits import differ, packed_size
from gameserver.model.explained import explain
from gameserver.model.fieldtypes import (
    INT_LIMIT,
    MAX_CHANGING_BYTES,
    Bool,
    FieldType,
    Int,
    Steps,
)

Values = tuple[Any, ...]
NamedTypes = Sequence[tuple[str, FieldType]]


class Scanned(Protocol):
    """The attributes of a record (``record.py``) that a scan reads and writes."""

    entity: Any
    id: int
    owner: int
    cell: int | None
    bounds: tuple[float, float, float, float]
    values: Values
    owner_values: Values
    changed_at: list[int]
    owner_changed_at: list[int]
    group: int
    group_values: Values
    group_changed_at: list[int]
    seen: tuple[Any, ...]
    full: bytes | None
    crc: int | None


#: ``(records, tick, stayed, strays)``: see ``compile_scan``.
Scan = Callable[[Iterable[Scanned], int, dict[int, list[Any]], list[Any]], None]

#: ``(records, tick, changed)``: see ``compile_owner_scan``.
OwnerScan = Callable[[Iterable[Scanned], int, dict[int, dict[int, list[Any]]]], None]


@attrs.frozen
class CompiledEntity:
    """The functions of one entity class.

    ``values`` and ``owner_values`` return the wire values of the public fields and of the owner
    fields.  They raise one of ``QUANTISE_ERRORS`` for some wrong values and return wrong wire
    values for others; ``check`` names the field.
    """

    values: Callable[[Any], Values]
    owner_values: Callable[[Any], Values]
    #: Turns wire values into ``x, y`` in the game's units; None if the class has no position.
    position: Callable[[Values], tuple[float, float]] | None
    scan: Scan
    #: The same for a grid with only one place, which no entity can leave.
    scan_one_place: Scan
    scan_owner: OwnerScan
    has_owner_fields: bool
    #: Turns the wire values of all owner fields into their form in ``own``.
    own_form: Callable[[Values], Values]
    #: The same for the fields that are for the group.
    group_values: Callable[[Any], Values]
    scan_group: OwnerScan
    has_group_fields: bool
    group_form: Callable[[Values], Values]
    #: Raises ``LocalProtocolError`` if a field of the entity has a value of a wrong type.
    check: Callable[[Any], None]


def compile_entity(
    name: str,
    public: NamedTypes,
    owner: NamedTypes,
    at: tuple[int, ...],
    group: NamedTypes = (),
) -> CompiledEntity:
    """Return the functions of the entity class called ``name``.

    ``at`` holds the indices of x and y in ``public``, or nothing.
    """
    everything = [*public, *owner, *group]

    def check(entity: Any) -> None:
        for field, field_type in everything:
            why = explain(field_type, getattr(entity, field), f"{name}.{field}")
            if why is not None:
                raise LocalProtocolError(why)

    return CompiledEntity(
        compile_values(name, public),
        compile_values(name, owner),
        _compile_position(name, public, at),
        compile_scan(name, public, at),
        compile_scan(name, public, ()),
        compile_owner_scan(name, owner),
        bool(owner),
        _own_form([field_type for _, field_type in owner]),
        compile_values(name, group),
        compile_group_scan(name, group, len(owner)),
        bool(group),
        _own_form([field_type for _, field_type in group]),
        check,
    )


def _own_form(types: Sequence[FieldType]) -> Callable[[Values], Values]:
    changing = [field_type.changing for field_type in types]
    if not any(changing):
        return lambda values: values
    return lambda values: tuple(
        [[v] if is_changing else v for v, is_changing in zip(values, changing, strict=True)]
    )


def compile_values(name: str, fields: NamedTypes) -> Callable[[Any], Values]:
    """Return a function that turns an instance into the tuple of its wire values."""
    names: dict[str, Any] = {}
    expressions = "".join(f"{t.source(f'o.{field}', names)}, " for field, t in fields)
    source = f"def values(o):\n    return ({expressions})\n"
    function: Callable[[Any], Values] = _define(name, "values", source, names)
    return function


@attrs.frozen
class CheckedField:
    """One field of a command: its limits, and a function that says why a wire value is wrong."""

    name: str
    type: FieldType
    low: float | None
    high: float | None
    complaint: Callable[[Any], str | None]


def compile_command(
    name: str, cls: Callable[..., Any], fields: Sequence[CheckedField]
) -> Callable[[Sequence[Any]], Any]:
    """Return a function that checks wire values and makes a command of them.

    It raises ``RemoteProtocolError``, which names the field.  Every command of every player goes
    through it.
    """

    def wrong(index: int, wire: Any) -> NoReturn:
        field = fields[index]
        raise RemoteProtocolError(f"{name}.{field.name}: {field.complaint(wire)}")

    def wrong_count(values: Sequence[Any]) -> NoReturn:
        raise RemoteProtocolError(f"{name} has {len(fields)} fields, not {len(values)}")

    names: dict[str, Any] = {"cls": cls, "wrong": wrong, "wrong_count": wrong_count}
    lines = ["def from_wire(values):", f"    if len(values) != {len(fields)}: wrong_count(values)"]
    if fields:
        lines.append(f"    {''.join(f'v{i}, ' for i in range(len(fields)))}= values")
    arguments = []
    for i, field in enumerate(fields):
        argument = f"v{i}"
        if isinstance(field.type, Int):
            low = -INT_LIMIT if field.low is None else field.low
            high = INT_LIMIT if field.high is None else field.high
            check = f"type(v{i}) is not int or not {low!r} <= v{i} <= {high!r}"
        elif isinstance(field.type, Bool):
            check = f"type(v{i}) is not bool"
        else:
            names[f"complaint_{i}"] = field.complaint
            names[f"value_{i}"] = field.type.from_wire
            check = f"complaint_{i}(v{i}) is not None"
            argument = f"value_{i}(v{i})"
        lines.append(f"    if {check}: wrong({i}, v{i})")
        arguments.append(argument)
    lines.append(f"    return cls({', '.join(arguments)})")
    function: Callable[[Sequence[Any]], Any] = _define(
        name, "from_wire", "\n".join(lines) + "\n", names
    )
    return function


def _compile_position(
    name: str, public: NamedTypes, at: tuple[int, ...]
) -> Callable[[Values], tuple[float, float]] | None:
    if not at:
        return None
    expressions = [f"values[{i}]{_scale(public[i][1])}" for i in at]
    source = f"def position(values):\n    return ({', '.join(expressions)})\n"
    function: Callable[[Values], tuple[float, float]] = _define(name, "position", source, {})
    return function


def compile_scan_in_python(name: str, fields: NamedTypes, at: tuple[int, ...]) -> Scan:
    """Return the function that compares entities with the last publish.

    This is the only loop of a publish over all entities, so it does everything that a changed
    entity needs: compare, quantise, compare again, and store the new values and the tick of each
    changed field.  Then it appends ``id, mask, value…`` (differences, if the type has them) to
    ``stayed`` under the entity's cell.  If the entity is outside the ``bounds`` of its cell, it
    appends ``(record, [id, mask, value…])`` to ``strays`` instead.  Raises as ``values`` does, or
    ``LocalProtocolError``, which names the field.
    """
    names: dict[str, Any] = {"wrong": _complainer(name, fields)}
    lines = [
        "def scan(records, tick, stayed, strays):",
        "    for r in records:",
        "        o = r.entity",
        *_skip_untouched(fields),
        *_quantise(fields, names),
        "        old = r.values",
        "        if new == old: continue",
        "        r.values = new",
        "        r.full = r.crc = None",
    ]
    join_stayed = [
        "out = stayed.get(r.cell)",
        "if out is None: out = stayed[r.cell] = []",
    ]
    if at:
        x, y = (f"v{i}{_scale(fields[i][1])}" for i in at)
        lines += [
            "        x_low, x_high, y_low, y_high = r.bounds",
            f"        if x_low <= {x} < x_high and y_low <= {y} < y_high:",
            *(f"            {line}" for line in join_stayed),
            "        else:",
            "            out = []",
            "            strays.append((r, out))",
        ]
    else:
        lines += [f"        {line}" for line in join_stayed]
    if fields:
        lines.append(f"        {_listed('o', fields)}= old")
    lines += [
        "        changed_at = r.changed_at",
        "        mask = 0",
        "        out += (r.id, 0)",
        "        at = len(out) - 1",
    ]
    for i, (_, field_type) in enumerate(fields):
        if field_type.additive:
            change = [f"        change = v{i} - o{i}", "        if change:"]
            sent = "change"
        else:
            change = [f"        if v{i} != o{i}:"]
            sent = _sent(i, f"o{i}", field_type, names)
        lines += [
            *change,
            *(f"            {line}" for line in _note_change(i, field_type, names)),
            f"            out.append({sent})",
        ]
    lines.append("        out[at] = mask")
    function: Scan = _define(name, "scan", "\n".join(lines) + "\n", names)
    return function


def compile_owner_scan_in_python(name: str, fields: NamedTypes) -> OwnerScan:
    """Return a scan as ``compile_scan`` does, for the owner fields of entities that have an owner.

    The function puts ``[id, mask, value…]``, values absolute or as changes, into ``changed`` under
    the owner's seat and the entity's id.
    """
    names: dict[str, Any] = {"wrong": _complainer(name, fields)}
    lines = [
        "def scan_owner(records, tick, changed):",
        "    for r in records:",
        "        if not r.owner: continue",
        "        o = r.entity",
        *_quantise(fields, names),
        "        old = r.owner_values",
        "        if new == old: continue",
        "        r.owner_values = new",
        "        changed_at = r.owner_changed_at",
        "        mask = 0",
        "        out = [r.id, 0]",
    ]
    for i, (_, field_type) in enumerate(fields):
        lines += [
            f"        if v{i} != old[{i}]:",
            *(f"            {line}" for line in _note_change(i, field_type, names)),
            f"            out.append({_sent(i, f'old[{i}]', field_type, names)})",
        ]
    lines += [
        "        out[1] = mask",
        "        mine = changed.get(r.owner)",
        "        if mine is None: mine = changed[r.owner] = {}",
        "        mine[r.id] = out",
    ]
    function: OwnerScan = _define(name, "scan_owner", "\n".join(lines) + "\n", names)
    return function


def compile_group_scan(name: str, fields: NamedTypes, first: int) -> OwnerScan:
    """Return a scan as ``compile_owner_scan`` does, for the group fields of entities in a group.

    ``changed`` is by group; the bits of the masks begin at ``first``, and values are absolute.
    """
    names: dict[str, Any] = {"wrong": _complainer(name, fields)}
    lines = [
        "def scan_group(records, tick, changed):",
        "    for r in records:",
        "        if not r.group: continue",
        "        o = r.entity",
        *_quantise(fields, names),
        "        old = r.group_values",
        "        if new == old: continue",
        "        r.group_values = new",
        "        changed_at = r.group_changed_at",
        "        mask = 0",
        "        out = [r.id, 0]",
    ]
    for i, (_, field_type) in enumerate(fields):
        sent = f"[v{i}]" if field_type.changing else f"v{i}"
        lines += [
            f"        if v{i} != old[{i}]:",
            *(f"            {line}" for line in _note_change(i, field_type, names)),
            f"            out.append({sent})",
        ]
    lines += [
        f"        out[1] = mask << {first}",
        "        theirs = changed.get(r.group)",
        "        if theirs is None: theirs = changed[r.group] = {}",
        "        theirs[r.id] = out",
    ]
    function: OwnerScan = _define(name, "scan_group", "\n".join(lines) + "\n", names)
    return function


def _skip_untouched(fields: NamedTypes) -> list[str]:
    """Return lines that skip an entity if the game has set no field since the last scan.

    Quantising is most of the work of a scan in which little has changed, so the values are compared
    first.  This does not work for values that change in place, because the same object is then not
    the same value.
    """
    if not all(field_type.immutable for _, field_type in fields):
        return []
    return [
        f"        seen = ({''.join(f'o.{field}, ' for field, _ in fields)})",
        "        if seen == r.seen: continue",
        "        r.seen = seen",
    ]


def _quantise(fields: NamedTypes, names: dict[str, Any]) -> list[str]:
    """Return lines that set ``v<i>`` to the wire value of each field, and ``new`` to all."""
    return [
        *(f"        v{i} = {t.source(f'o.{field}', names)}" for i, (field, t) in enumerate(fields)),
        f"        new = ({_listed('v', fields)})",
    ]


def _listed(letter: str, fields: NamedTypes) -> str:
    return "".join(f"{letter}{i}, " for i in range(len(fields)))


def _sent(i: int, old: str, field_type: FieldType, names: dict[str, Any]) -> str:
    """Return an expression for the sent form of the new value ``v<i>``, given the old one."""
    if not field_type.changing:
        return f"v{i}"
    names[f"change_{i}"] = differ(field_type)
    return f"change_{i}({old}, v{i})"


def _note_change(i: int, field_type: FieldType, names: dict[str, Any]) -> list[str]:
    """Return lines that check the new value ``v<i>`` and record that it changed."""
    if field_type.additive:
        fits = f"type(v{i}) is int and {-INT_LIMIT} <= v{i} <= {INT_LIMIT}"
        check = f"if not ({fits}): wrong({i}, v{i}, o)"
    else:
        names[f"holds_{i}"] = _fits(field_type) if field_type.changing else field_type.holds
        check = f"if not holds_{i}(v{i}): wrong({i}, v{i}, o)"
    return [check, f"mask |= {1 << i}", f"changed_at[{i}] = tick"]


def _fits(field_type: FieldType) -> Callable[[Any], bool]:
    holds = field_type.holds
    return lambda wire: holds(wire) and packed_size(wire) <= MAX_CHANGING_BYTES


def _complainer(name: str, fields: NamedTypes) -> Callable[[int, Any, Any], NoReturn]:
    def wrong(index: int, wire: Any, entity: Any) -> NoReturn:
        field, field_type = fields[index]
        why = explain(field_type, getattr(entity, field), f"{name}.{field}")
        word = field_type.describe()[0]
        raise LocalProtocolError(
            why or f"{name}.{field}: {repr(wire)[:80]} is not a value of type {word}"
        )

    return wrong


def _scale(field_type: FieldType) -> str:
    """Return source text that scales a wire value of this type to the game's units."""
    return f" * {field_type.step!r}" if isinstance(field_type, Steps) else ""


def _define(class_name: str, function: str, source: str, names: dict[str, Any]) -> Any:
    exec(compile(source, f"<gameserver: {function} of {class_name}>", "exec"), names)
    return names[function]


compile_scan = twin("compile_scan", compile_scan_in_python)
compile_owner_scan = twin("compile_owner_scan", compile_owner_scan_in_python)
