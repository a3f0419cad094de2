"""Facts about a checked module, for the writers: functions, types, constants, calls.

Owns these values only.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, Final

import attrs

from gameserver.stepping.value_types import Record, ValueType

#: A parameter without a default.
REQUIRED: Final = object()


@attrs.frozen
class Parameter:
    """One parameter of a function."""

    name: str
    kind: ValueType
    default: Any = REQUIRED


@attrs.frozen(eq=False)
class Function:
    """A function of the subset; ``locals`` are its variables, parameters not included."""

    node: ast.FunctionDef
    module: str
    parameters: tuple[Parameter, ...]
    returns: ValueType
    locals: dict[str, ValueType] = attrs.field(factory=dict)

    @property
    def name(self) -> str:
        """Its name, in both languages."""
        return self.node.name


@attrs.frozen
class Default:
    """An argument that a call leaves out."""

    value: Any


Argument = ast.expr | Default


@attrs.frozen
class BuiltinCall:
    """A call of one of the functions that both languages have, as ``min`` or ``math.sqrt``."""

    name: str


@attrs.frozen
class FunctionCall:
    """A call of a step function, its arguments in the order of the parameters."""

    function: Function
    arguments: tuple[Argument, ...]


@attrs.frozen
class MakeRecord:
    """A new record; ``base`` has the fields that ``changes`` does not."""

    record: Record
    base: ast.expr | None
    changes: Mapping[str, Argument]


@attrs.define(eq=False)
class Program:
    """A module that is in the subset."""

    name: str
    file: str
    docstring: str
    functions: dict[str, Function] = attrs.field(factory=dict)
    #: The module's own constants of the subset, and those it imports and uses.
    constants: dict[str, Any] = attrs.field(factory=dict)
    own_constants: set[str] = attrs.field(factory=set)
    used_constants: set[str] = attrs.field(factory=set)
    #: Module → functions that are imported from it and called.
    imported: dict[str, dict[str, Function]] = attrs.field(factory=dict)
    types: dict[ast.expr, ValueType] = attrs.field(factory=dict)
    calls: dict[ast.Call, BuiltinCall | FunctionCall | MakeRecord] = attrs.field(factory=dict)
    #: Constants that stand in another module, as ``math.pi``.
    values: dict[ast.expr, Any] = attrs.field(factory=dict)
