"""Writes a checked module as JavaScript: the file, its constants, its types and its functions.

Owns the shape of the file.  Expressions are in ``javascript_expressions.py``, statements in
``javascript_statements.py``, and what Python has and JavaScript has not in ``runtime.js``.
"""

from __future__ import annotations

import ast
import inspect
import pathlib
import re
import textwrap
from collections.abc import Iterable
from typing import Any, Final

from gameserver.stepping.errors import Refused
from gameserver.stepping.javascript_expressions import ExpressionWriter, literal
from gameserver.stepping.javascript_statements import StatementWriter
from gameserver.stepping.module import check_module
from gameserver.stepping.program import REQUIRED, Function, Program
from gameserver.stepping.value_types import (
    FLOAT,
    INT,
    Fixed,
    Many,
    Record,
    Scalar,
    ValueType,
    item_of,
    of_value,
)

_RUNTIME: Final = pathlib.Path(__file__).with_name("runtime.js")
#: Tuples of one type that are longer are arrays of any length to a type checker.
_LONGEST_TUPLE: Final = 16
_WIDTH: Final = 100


def javascript_of(name: str) -> str:
    """Return the module called ``name`` as a JavaScript module; ``Refused`` says what cannot be."""
    return _File(check_module(name)).text()


def type_text(kind: ValueType) -> str:
    """Return the JSDoc type."""
    match kind:
        case Scalar(name="bool"):
            return "boolean"
        case Scalar(name=name):
            return name
        case Record():
            return str(kind)
        case Many(item=item, indexable=True):
            return f"readonly {_item_text(item)}[]"
        case Many(item=item):
            return f"Iterable<{type_text(item)}>"
        case Fixed(items=items):
            same = item_of(kind)
            if same is not None and len(items) > _LONGEST_TUPLE:
                return f"readonly {_item_text(same)}[]"
            return f"readonly [{', '.join(map(type_text, items))}]"
    raise AssertionError(kind)


def _item_text(item: ValueType) -> str:
    text = type_text(item)
    return f"({text})" if text.startswith("readonly") else text


class _File:
    """One file in the making."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def text(self) -> str:
        functions = [self._function(each) for each in self._program.functions.values()]
        constants = self._constants()
        code = "\n\n".join(["\n".join(constants)] * bool(constants) + functions)
        parts = [self._head(), self._imports(), self._typedefs(code), code, _helpers(code)]
        exports = "export {};" if "export " not in code else ""
        return "\n\n".join(part for part in (*parts, exports) if part) + "\n"

    def _head(self) -> str:
        made = (
            f"Made from the Python module `{self._program.name}`.  Edit that, not this, and run:"
            f"\n\n    gameserver step {self._program.name}"
        )
        docstring = self._program.docstring
        return _comment(f"{made}\n\n{docstring}" if docstring else made)

    def _imports(self) -> str:
        lines = []
        for module, functions in sorted(self._program.imported.items()):
            names = ", ".join(sorted(functions))
            lines.append(f'import {{ {names} }} from "./{module.rpartition(".")[2]}.js";')
        return "\n".join(lines)

    # ------------------------------------------------------------ types

    def _typedefs(self, code: str) -> str:
        records: dict[str, Record] = {}
        for function in self._program.functions.values():
            for kind in (*(each.kind for each in function.parameters), function.returns):
                _collect(kind, records)
            for kind in function.locals.values():
                if re.search(rf"\b{re.escape(str(kind))}\b", code):
                    _collect(kind, records)
        texts = [_typedef(record) for record in records.values()]
        known = code + "".join(texts)
        if re.search(r"\bfloat\b", known):
            texts.insert(0, "/** As Python's: any number. @typedef {number} float */")
        if re.search(r"\bint\b", known):
            texts.insert(0, "/** An integer within ±(2^53 - 1). @typedef {number} int */")
        return "\n\n".join(texts)

    # ------------------------------------------------------------ constants

    def _constants(self) -> list[str]:
        program = self._program
        lines = []
        for name, value in program.constants.items():
            public = not name.startswith("_")
            if name not in program.used_constants and not (
                public and name in program.own_constants
            ):
                continue
            lines.append(_constant(name, value, exported=public))
        return lines

    # ------------------------------------------------------------ functions

    def _function(self, function: Function) -> str:
        tags = [
            f"@param {{{type_text(each.kind)}}} {_documented(each.name, each.default)}"
            for each in function.parameters
        ]
        tags.append(f"@returns {{{type_text(function.returns)}}}")
        docstring = ast.get_docstring(function.node) or ""
        comment = _comment("\n".join([docstring, *([""] if docstring else []), *tags]).strip())
        parameters = ", ".join(
            each.name if each.default is REQUIRED else f"{each.name} = {literal(each.default)}"
            for each in function.parameters
        )
        export = "" if function.name.startswith("_") else "export "
        body = StatementWriter(self._program, function, ExpressionWriter(self._program), type_text)
        return f"{comment}\n{export}function {function.name}({parameters}) {{\n{body.text()}}}"


def _documented(name: str, default: Any) -> str:
    return name if default is REQUIRED else f"[{name}]"


def _constant(name: str, value: Any, *, exported: bool) -> str:
    kind = of_value(value)
    export = "export " if exported else ""
    if not isinstance(kind, Scalar):
        head = f"/** @type {{{type_text(kind)}}} */\n{export}const {name} ="
    else:
        doc = f"/** @type {{{type_text(kind)}}} */\n" if kind in (INT, FLOAT) else ""
        head = f"{doc}{export}const {name} ="
    text = literal(value)
    last = head.rpartition("\n")[2]
    if len(last) + len(text) + 2 <= _WIDTH:
        return f"{head} {text};"
    inner = textwrap.fill(text[1:-1], _WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return f"{head} {text[0]}\n{textwrap.indent(inner, '  ')},\n{text[-1]};"


def _typedef(record: Record) -> str:
    doc = inspect.cleandoc(record.cls.__doc__ or "")
    if not doc or doc.startswith(f"{record.cls.__name__}("):  # made by NamedTuple
        doc = ""
    readonly = "readonly " if record.is_protocol else ""
    lines = [f"@typedef {{object}} {record}"]
    if readonly:
        fields = [f"  readonly {n}: {type_text(k)}," for n, k in record.fields.items()]
        lines = ["@typedef {{", *fields, f"}}}} {record}"]
    else:
        lines += [f"@property {{{type_text(k)}}} {n}" for n, k in record.fields.items()]
    return _comment("\n".join([*([doc] if doc else []), *lines]))


def _collect(kind: ValueType, records: dict[str, Record]) -> None:
    match kind:
        case Record():
            if records.get(str(kind), kind) != kind:
                raise Refused(f"two classes are both called {kind}; rename one")
            if str(kind) not in records:
                records[str(kind)] = kind
                for field in kind.fields.values():
                    _collect(field, records)
        case Fixed(items=items):
            for item in items:
                _collect(item, records)
        case Many(item=item):
            _collect(item, records)


def _comment(text: str) -> str:
    lines = text.replace("*/", "* /").replace("``", "`").splitlines()
    if len(lines) == 1 and len(lines[0]) <= _WIDTH - 7:
        return f"/** {lines[0]} */"
    return "\n".join(["/**", *(f" * {line}".rstrip() for line in lines), " */"])


def _helpers(code: str) -> str:
    """Return the functions of ``runtime.js`` that ``code`` uses, and those that they use."""
    known: dict[str, str] = {}
    for part in _RUNTIME.read_text(encoding="utf-8").split("\n\n")[1:]:
        found = re.search(r"^function (\$\w+)\(", part, re.MULTILINE)
        assert found is not None, part
        known[found[1]] = part.strip()
    wanted: set[str] = set()
    waiting = set(_used(code))
    while waiting:
        wanted.add(name := waiting.pop())
        waiting |= set(_used(known[name])) - wanted
    return "\n\n".join(text for name, text in known.items() if name in wanted)


def _used(code: str) -> Iterable[str]:
    return re.findall(r"(\$[a-z]\w*)\(", code)
