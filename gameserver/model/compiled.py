"""Per-class functions made from source text, so that the tick pays no loop over fields.

Owns the code generation for quantising an entity, for finding what changed, and for
checking a command.  The generated functions are plain Python, a few lines per field; nothing
from outside the game's own declarations ever gets into their text (field names are
identifiers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import attrs

from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.model.fieldtypes import INT_LIMIT, QUANTISE_ERRORS, Bool, FieldType, Int, Steps

Values = tuple[Any, ...]
NamedTypes = Sequence[tuple[str, FieldType]]

#: ``(id, old, new, changed_at, tick, out)``: append ``id, mask, value…`` to ``out``, note
#: ``tick`` in ``changed_at`` for each changed field, and check the new values.
AppendChanges = Callable[[int, Values, Values, list[int], int, list[Any]], None]


@attrs.frozen
class CompiledEntity:
    """The functions of one entity class.

    ``values`` and ``owner_values`` return the wire values of the fields to all and to the
    owner.  They raise one of ``QUANTISE_ERRORS`` for some wrong values and
    return wrong wire values for others; ``check`` tells which field it was.
    """

    values: Callable[[Any], Values]
    owner_values: Callable[[Any], Values]
    #: From wire values to ``x, y`` in the game's units; None if the entity has no position.
    position: Callable[[Values], tuple[float, float]] | None
    append_changes: AppendChanges
    append_owner_changes: AppendChanges
    #: Raise ``LocalProtocolError`` unless all fields of this entity have values of their types.
    check: Callable[[Any], None]


def compile_entity(
    name: str, public: NamedTypes, owner: NamedTypes, at: tuple[int, ...]
) -> CompiledEntity:
    """Return the compiled functions of the entity class called ``name``.

    ``at``: indices of x and y in ``public``, or empty.
    """
    everything = [*public, *owner]

    def check(entity: Any) -> None:
        for field, field_type in everything:
            value = getattr(entity, field)
            try:
                good = field_type.holds(field_type.to_wire(value))
            except QUANTISE_ERRORS:
                good = False
            if not good:
                raise LocalProtocolError(
                    f"{name}.{field}: {value!r} is not a value of type {field_type.describe()[0]}"
                )

    return CompiledEntity(
        compile_values(name, public),
        compile_values(name, owner),
        _compile_position(name, public, at),
        _compile_changes(name, public, additive=True),
        _compile_changes(name, owner, additive=False),
        check,
    )


def compile_values(name: str, fields: NamedTypes) -> Callable[[Any], Values]:
    """Return a function from an instance to the tuple of its wire values."""
    names: dict[str, Any] = {}
    expressions = "".join(f"{t.source(f'o.{field}', names)}, " for field, t in fields)
    source = f"def values(o):\n    return ({expressions})\n"
    function: Callable[[Any], Values] = _define(name, "values", source, names)
    return function


@attrs.frozen
class CheckedField:
    """One field of a command: its limits, and who says why a wire value is refused."""

    name: str
    type: FieldType
    low: float | None
    high: float | None
    complaint: Callable[[Any], str | None]


def compile_command(
    name: str, cls: Callable[..., Any], fields: Sequence[CheckedField]
) -> Callable[[Sequence[Any]], Any]:
    """Return a function from wire values to a command made of them, all limits checked.

    It raises ``RemoteProtocolError`` that names the field; every command of every player goes
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
            check = f"v{i}.__class__ is not int or not {low!r} <= v{i} <= {high!r}"
        elif isinstance(field.type, Bool):
            check = f"v{i}.__class__ is not bool"
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
    expressions = []
    for i in at:
        field_type = public[i][1]
        scale = f" * {field_type.step!r}" if isinstance(field_type, Steps) else ""
        expressions.append(f"values[{i}]{scale}")
    source = f"def position(values):\n    return ({', '.join(expressions)})\n"
    function: Callable[[Values], tuple[float, float]] = _define(name, "position", source, {})
    return function


def _compile_changes(name: str, fields: NamedTypes, *, additive: bool) -> AppendChanges:
    def wrong(index: int, wire: Any) -> NoReturn:
        field, field_type = fields[index]
        raise LocalProtocolError(
            f"{name}.{field}: {wire!r} is not a value of type {field_type.describe()[0]}"
        )

    names: dict[str, Any] = {"wrong": wrong, "low": -INT_LIMIT, "high": INT_LIMIT}
    lines = [
        "def append_changes(id, old, new, changed_at, tick, out):",
        "    mask = 0",
        "    at = len(out) + 1",
        "    out += (id, 0)",
    ]
    for i, (_, field_type) in enumerate(fields):
        lines += [f"    v = new[{i}]", f"    if v != old[{i}]:"]
        if field_type.additive:
            lines.append("        if v.__class__ is not int or not low <= v <= high:")
            sent = f"v - old[{i}]" if additive else "v"
        else:
            names[f"holds_{i}"] = field_type.holds
            lines.append(f"        if not holds_{i}(v):")
            sent = "v"
        lines += [
            f"            wrong({i}, v)",
            f"        mask |= {1 << i}",
            f"        changed_at[{i}] = tick",
            f"        out.append({sent})",
        ]
    lines.append("    out[at] = mask")
    function: AppendChanges = _define(name, "append_changes", "\n".join(lines) + "\n", names)
    return function


def _define(class_name: str, function: str, source: str, names: dict[str, Any]) -> Any:
    exec(compile(source, f"<gameserver: {function} of {class_name}>", "exec"), names)
    return names[function]
