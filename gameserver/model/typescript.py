"""Writes a schema as TypeScript declarations, for pages that are checked in an editor.

Owns the names and types in that file: what ``clients/web/net`` makes of each field.  The client
itself is typed in ``clients/web/net/client_types.js``, which takes the ``Game`` of this file.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Final

from gameserver.model import fieldtypes
from gameserver.model.fieldtypes import FieldType
from gameserver.model.options import NamedFields
from gameserver.model.schema import Schema, spec_of
from gameserver.model.specs import CommandField, CommandSpec, EntitySpec, EventSpec, FieldSpec

#: Names that the clients' entities and events keep for themselves, in either language
#: (``RESERVED`` of ``net/schema.js``).
_RESERVED: Final = """
    id kind values owner enteredAt changedAt spec constructor __proto__ toJSON
    owner_values owner_mask ownerMask changed_tick crc owner_crc layout checksum from_wire to_json
"""
RESERVED: Final = frozenset(_RESERVED.split())
#: Names that a declared type cannot have, or that the file needs.
_TAKEN: Final = """
    Game Entities Commands Events Options Listing
    Uint8Array any bigint boolean never null number object string
    ReadonlyMap symbol undefined unknown void
"""


def typescript_of(
    schema: Schema,
    made_from: str,
    options: NamedFields | None = None,
    listing: NamedFields | None = None,
    filter_by: Sequence[str] = (),
) -> str:
    """Return declarations of everything that a room and its clients exchange.

    ``filter_by`` names the fields of the listing that clients may filter by.
    """
    return _File(schema, made_from, options, listing, filter_by).text()


def property_names(fields: Sequence[FieldSpec]) -> list[str]:
    """Return the name of each field in both clients, as ``net/schema.js`` does."""
    taken = {field.name for field in fields}
    names = []
    for field in fields:
        name = field.name
        while name in RESERVED or (name != field.name and name in taken):
            name += "_"
        taken.add(name)
        names.append(name)
    return names


class _File:
    """One file in the making."""

    def __init__(
        self,
        schema: Schema,
        made_from: str,
        options: NamedFields | None,
        listing: NamedFields | None,
        filter_by: Sequence[str],
    ) -> None:
        self._schema = schema
        self._options, self._listing, self._filter_by = options, listing, filter_by
        self._made_from = made_from
        self._docs = {spec_of(cls): cls.__doc__ or "" for cls in schema.kinds}
        self._taken = set(_TAKEN.split())
        #: Enum → the name of its type.
        self._enums: dict[fieldtypes.Enumeration, str] = {}
        #: Type of a ``@value`` class → the name of its type, and the declaration.
        self._values: dict[fieldtypes.Value, str] = {}
        self._value_texts: list[str] = []

    def text(self) -> str:
        sections = [
            ("Entities", "Entity", [self._entity(each) for each in self._schema.entities]),
            ("Commands", "Command", [self._command(each) for each in self._schema.commands]),
            ("Events", "Event", [self._event(each) for each in self._schema.events]),
        ]
        parts = [self._head()]
        declared: list[str] = []
        tables: list[str] = []
        for table, sort, kinds in sections:
            rows = []
            for kind, doc, lines in kinds:
                name = self._free(kind, sort)
                body = f"interface {name} {{\n{_indented(lines)}}}"
                # An interface without fields would take any object.
                declared.append(f"{doc}export {body if lines else _no_fields(name)}")
                rows.append(f"{kind}: {name};")
            tables.append(f"export interface {table} {{\n{_indented(rows)}}}")
        declared += [self._named("Options", self._options), self._named("Listing", self._listing)]
        enums = [
            f"export type {name} = {' | '.join(map(_quoted, _members(enum)))};"
            for enum, name in self._enums.items()
        ]
        names = " | ".join(map(_quoted, self._filter_by))
        filters = f"Partial<Pick<Listing, {names}>>" if names else "Record<string, never>"
        game = [
            *("entities: Entities;", "commands: Commands;", "events: Events;"),
            *("options: Options;", "listing: Listing;"),
            f"filters: {filters};",
        ]
        tables.append(
            f"/** For `GameClient<Game>`. */\nexport interface Game {{\n{_indented(game)}}}"
        )
        return "\n\n".join([*parts, *enums, *self._value_texts, *declared, *tables]) + "\n"

    def _head(self) -> str:
        lines = [
            f"Made from the room `{self._made_from}`.  Edit that, not this, and run:",
            "",
            f"    gameserver types {self._made_from}",
            "",
            f"The hash of its schema is {self._schema.hash}.",
        ]
        return _comment(lines)

    def _free(self, name: str, sort: str) -> str:
        """Return ``name``, or one with the sort behind it where that is taken."""
        while name in self._taken:
            name += sort
        self._taken.add(name)
        return name

    # ------------------------------------------------------------ kinds

    def _entity(self, spec: EntitySpec) -> tuple[str, str, list[str]]:
        names = property_names([*spec.fields, *spec.owner_fields])
        lines = [f"readonly kind: {_quoted(spec.name)};"]
        for name, field in zip(names, spec.fields, strict=False):
            lines.append(f"readonly {name}: {self._type(field.type)};")
        private = zip(names[len(spec.fields) :], spec.owner_fields, strict=True)
        for index, (name, field) in enumerate(private):
            audience = "owner" if index < spec.group_from else "group"
            lines.append(f"/** For its {audience}; null for all others. */")
            lines.append(f"readonly {name}: {self._or_null(field.type)};")
        return spec.name, self._doc(spec), lines

    def _named(self, name: str, fields: NamedFields | None) -> str:
        """Return the declaration of the options, or of the listing, which may have none."""
        if fields is None or not fields.fields:
            return f"export {_no_fields(name)}"
        lines = []
        for field in fields.fields.values():
            if (limits := _limits(field)) is not None:
                lines.append(f"/** {limits} */")
            mark = "" if name == "Listing" or field.name in fields.required else "?"
            lines.append(f"{field.name}{mark}: {self._type(field.type)};")
        return f"{_doc_text(fields.doc)}export interface {name} {{\n{_indented(lines)}}}"

    def _command(self, spec: CommandSpec) -> tuple[str, str, list[str]]:
        lines = []
        for field in spec.fields:
            if (limits := _limits(field)) is not None:
                lines.append(f"/** {limits} */")
            optional = isinstance(field.type, fieldtypes.Optional) or field.default is not None
            mark = "?" if optional else ""
            lines.append(f"{field.name}{mark}: {self._type(field.type)};")
        return spec.name, self._doc(spec), lines

    def _event(self, spec: EventSpec) -> tuple[str, str, list[str]]:
        lines = [f"readonly kind: {_quoted(spec.name)};"]
        for name, field in zip(property_names(spec.fields), spec.fields, strict=True):
            lines.append(f"readonly {name}: {self._type(field.type)};")
        return spec.name, self._doc(spec), lines

    def _doc(self, spec: EntitySpec | CommandSpec | EventSpec) -> str:
        return _doc_text(self._docs.get(spec))

    def _value(self, field_type: fieldtypes.Value) -> str:
        """Return the name of the type of a ``@value`` class, which is declared on first use."""
        name = self._values.get(field_type)
        if name is None:
            lines = []
            for field in field_type.fields:
                if (limits := _limits(field)) is not None:
                    lines.append(f"/** {limits} */")
                lines.append(f"readonly {field.name}: {self._type(field.type)};")
            name = self._values[field_type] = self._free(field_type.name, "Value")
            doc = _doc_text(getattr(field_type.cls, "__doc__", None))
            self._value_texts.append(f"{doc}export interface {name} {{\n{_indented(lines)}}}")
        return name

    # ------------------------------------------------------------ types

    def _type(self, field_type: FieldType) -> str:
        match field_type:
            case fieldtypes.Bool():
                return "boolean"
            case fieldtypes.Int() | fieldtypes.Steps() | fieldtypes.Float32():
                return "number"
            case fieldtypes.Reference():
                return "number"  # its id
            case fieldtypes.Str():
                return "string"
            case fieldtypes.Bytes():
                return "Uint8Array"
            case fieldtypes.Enumeration():
                if field_type not in self._enums:
                    self._enums[field_type] = self._free(field_type.name, "Enum")
                return self._enums[field_type]
            case fieldtypes.Tuple(items=items):
                return f"readonly [{', '.join(map(self._type, items))}]"
            case fieldtypes.List(item=item):
                inner = self._type(item)
                simple = inner.isidentifier()
                return f"readonly {inner}[]" if simple else f"readonly ({inner})[]"
            case fieldtypes.Dict(key=key, item=item):
                return f"ReadonlyMap<{self._type(key)}, {self._type(item)}>"
            case fieldtypes.Value():
                return self._value(field_type)
            case fieldtypes.Optional():
                return self._or_null(field_type.item)
        raise AssertionError(field_type)

    def _or_null(self, field_type: FieldType) -> str:
        if isinstance(field_type, fieldtypes.Optional):
            return self._or_null(field_type.item)
        return f"{self._type(field_type)} | null"


def _limits(field: CommandField | fieldtypes.ValueField) -> str | None:
    length = None if field.max_length is None else f"At most {field.max_length} long."
    span = None if field.low is None else f"From {field.low} to {field.high}."
    return " ".join(filter(None, (length, span))) or None


def _doc_text(doc: str | None) -> str:
    return f"{_comment(inspect.cleandoc(doc).splitlines())}\n" if doc else ""


def _no_fields(name: str) -> str:
    return f"type {name} = Record<string, never>;"


def _members(enum: fieldtypes.Enumeration) -> list[str]:
    description: list[str] = enum.describe()[2]
    return description


def _quoted(name: str) -> str:
    return f'"{name}"'


def _indented(lines: Sequence[str]) -> str:
    return "".join(f"  {line}\n" for line in lines)


def _comment(lines: Sequence[str]) -> str:
    lines = [line.replace("*/", "* /").replace("``", "`") for line in lines]
    if len(lines) == 1:
        return f"/** {lines[0]} */"
    return "\n".join(["/**", *(f" * {line}".rstrip() for line in lines), " */"])
