"""The types of the subset, and which annotations, classes and constants have one.

Owns ``ValueType`` and its making from Python annotations and values.  Knows no syntax trees and
writes no code.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

#: Results lie within ± this: JavaScript's safe integers, each of which is exact in a float 64.
INT_LIMIT: Final = 2**53 - 1


class Unfit(Exception):
    """There is no type in the subset for this; the text says why."""


@attrs.frozen
class Scalar:
    """``int``, ``float`` or ``bool``."""

    name: str

    def __str__(self) -> str:
        return self.name


@attrs.frozen
class Fixed:
    """A tuple of a fixed length."""

    items: tuple[ValueType, ...]

    def __str__(self) -> str:
        return f"tuple[{', '.join(map(str, self.items))}]"


@attrs.frozen
class Many:
    """Any number of values of one type; an ``Iterable`` can only be looped over."""

    item: ValueType
    indexable: bool

    def __str__(self) -> str:
        return f"tuple[{self.item}, ...]" if self.indexable else f"Iterable[{self.item}]"


@attrs.frozen(eq=False)
class Record:
    """A ``NamedTuple``, an attrs class, or a protocol: named fields, each with a type."""

    cls: type
    fields: Mapping[str, ValueType]
    #: The values of the fields that have a default.
    defaults: Mapping[str, Any]
    #: Effects of its construction beyond keeping the fields; empty if none.
    unmakeable: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self.cls is other.cls

    def __hash__(self) -> int:
        return hash(self.cls)

    def __str__(self) -> str:
        return self.cls.__name__

    @property
    def is_protocol(self) -> bool:
        """Whether anything with these fields fits."""
        return _is_protocol(self.cls)

    @property
    def is_tuple(self) -> bool:
        """Whether it can be unpacked."""
        return issubclass(self.cls, tuple)


ValueType: typing.TypeAlias = Scalar | Fixed | Many | Record

INT: Final = Scalar("int")
FLOAT: Final = Scalar("float")
BOOL: Final = Scalar("bool")
_SCALARS: Final[dict[Any, Scalar]] = {int: INT, float: FLOAT, bool: BOOL}


def of_annotation(annotation: Any) -> ValueType:
    """Return the type of a resolved annotation, or raise ``Unfit``."""
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Final:
        return of_annotation(arguments[0])
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is ...:
            return Many(of_annotation(arguments[0]), indexable=True)
        return Fixed(tuple(map(of_annotation, arguments)))
    if origin in (Sequence, Iterable):
        return Many(of_annotation(arguments[0]), indexable=origin is Sequence)
    if origin is list:
        raise Unfit("a list can change; write Sequence[…] or tuple[…, ...]")
    if isinstance(annotation, type) and not origin:
        return _of_class(annotation)
    raise Unfit(
        f"{_name(annotation)} is not in the subset; it has int, float, bool, tuples, Sequence, "
        "Iterable, NamedTuple, attrs and Protocol classes"
    )


def of_value(value: Any) -> ValueType:
    """Return the type of a module constant, or raise ``Unfit``."""
    if type(value) in _SCALARS:
        if type(value) is int and abs(value) > INT_LIMIT:
            raise Unfit(f"{value} is outside ±(2^53 - 1)")
        return _SCALARS[type(value)]
    if type(value) is tuple:
        return Fixed(tuple(map(of_value, value)))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _of_class(type(value))
    raise Unfit(f"a constant of type {type(value).__name__} is not in the subset")


def fits(actual: ValueType, wanted: ValueType) -> bool:
    """Whether a value of type ``actual`` can be used where ``wanted`` is declared."""
    if actual == wanted:
        return True
    if isinstance(wanted, Many):
        if isinstance(actual, Fixed):
            return all(fits(item, wanted.item) for item in actual.items)
        return (
            isinstance(actual, Many)
            and fits(actual.item, wanted.item)
            and (actual.indexable or not wanted.indexable)
        )
    if isinstance(wanted, Fixed):
        return (
            isinstance(actual, Fixed)
            and len(actual.items) == len(wanted.items)
            and all(map(fits, actual.items, wanted.items))
        )
    return (
        isinstance(wanted, Record)
        and wanted.is_protocol
        and isinstance(actual, Record)
        and all(
            name in actual.fields and fits(actual.fields[name], kind)
            for name, kind in wanted.fields.items()
        )
    )


def item_of(kind: ValueType) -> ValueType | None:
    """Return the one type of the elements; None if there is none."""
    if isinstance(kind, Many):
        return kind.item
    if isinstance(kind, Fixed) and kind.items and all(each == kind.items[0] for each in kind.items):
        return kind.items[0]
    return None


_making: list[type] = []


def _of_class(cls: type) -> Record:
    if cls in _making:
        raise Unfit(f"{cls.__name__} contains itself")
    _making.append(cls)
    try:
        return _record(cls)
    except NameError as error:
        raise Unfit(f"an annotation of {cls.__name__} cannot be resolved: {error}") from error
    finally:
        _making.pop()


def _record(cls: type) -> Record:
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        hints = typing.get_type_hints(cls)
        if len(hints) != len(cls._fields):
            raise Unfit(f"{cls.__name__} has fields without a type; write a typing.NamedTuple")
        fields = {name: of_annotation(hints[name]) for name in cls._fields}
        defaults: dict[str, Any] = getattr(cls, "_field_defaults", {})
        return Record(cls, fields, defaults, "")
    if attrs.has(cls):
        return _attrs_record(cls)
    if _is_protocol(cls):
        return Record(cls, _protocol_fields(cls), {}, "a protocol")
    raise Unfit(
        f"{cls.__name__} is not in the subset; write a NamedTuple, an attrs class or a Protocol"
    )


def _attrs_record(cls: type) -> Record:
    hints = typing.get_type_hints(cls)
    fields: dict[str, ValueType] = {}
    defaults: dict[str, Any] = {}
    left_out: list[str] = []
    unmakeable = "it has __attrs_post_init__" if hasattr(cls, "__attrs_post_init__") else ""
    for field in attrs.fields(cls):
        if field.name.startswith("_"):
            continue
        if field.converter is not None or field.validator is not None or not field.init:
            unmakeable = f"{field.name} has a converter or validator, or is no argument"
        try:
            fields[field.name] = of_annotation(hints.get(field.name))
        except Unfit:
            left_out.append(field.name)  # a step may read the others
        if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
            unmakeable = f"{field.name} has a factory"
        elif field.default is not attrs.NOTHING:
            defaults[field.name] = field.default
    if left_out:
        unmakeable = f"{', '.join(left_out)} cannot be in the subset"
    return Record(cls, fields, defaults, unmakeable)


def _protocol_fields(cls: type) -> dict[str, ValueType]:
    fields: dict[str, ValueType] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, property):
                fields[name] = of_annotation(typing.get_type_hints(value.fget).get("return"))
    for name, hint in typing.get_type_hints(cls).items():
        fields[name] = of_annotation(hint)
    return {name: kind for name, kind in fields.items() if not name.startswith("_")}


def _is_protocol(cls: type) -> bool:
    return bool(vars(cls).get("_is_protocol", False))


def _name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
