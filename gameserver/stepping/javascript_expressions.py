"""Writes checked expressions as JavaScript.

Owns operators, calls and literals.  Every result of integer arithmetic that can leave the safe
integers, or be -0, goes through ``$int``; other helpers of ``runtime.js`` do what JavaScript's
operators would do otherwise.
"""

from __future__ import annotations

import ast
import math
from typing import Any, Final

from gameserver.stepping.program import (
    Argument,
    BuiltinCall,
    Default,
    FunctionCall,
    MakeRecord,
    Program,
)
from gameserver.stepping.value_types import BOOL, FLOAT, INT, Fixed, ValueType

# How strongly the parts of an expression bind, the weakest first.
_ANY, _CHOICE, _OR, _AND, _EQUAL, _ORDER, _SUM, _PRODUCT, _SIGN, _ATOM = range(10)

_EXACT: Final = {ast.Add: ("+", _SUM), ast.Sub: ("-", _SUM), ast.Mult: ("*", _PRODUCT)}
_INT_HELPERS: Final = {
    ast.FloorDiv: "$floorDivide",
    ast.Mod: "$modulo",
    ast.Div: "$divide",
    ast.LShift: "$shiftLeft",
    ast.RShift: "$shiftRight",
    ast.BitAnd: "$and",
    ast.BitOr: "$or",
    ast.BitXor: "$xor",
    ast.Pow: "$power",
}
_FLOAT_HELPERS: Final = {
    ast.FloorDiv: "$floatFloorDivide",
    ast.Mod: "$floatModulo",
    ast.Div: "$divide",
}
_COMPARISONS: Final = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "===",
    ast.NotEq: "!==",
}


def literal(value: Any) -> str:
    """Return a constant: a number, a bool, or a tuple of constants."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _not_finite(value)
    if isinstance(value, int):
        return repr(value)
    if hasattr(value, "_fields"):
        fields = ", ".join(f"{n}: {literal(v)}" for n, v in zip(value._fields, value, strict=True))
        return f"{{ {fields} }}"
    return f"[{', '.join(map(literal, value))}]"


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _is_simple(node: ast.expr) -> bool:
    """Whether writing it twice costs nothing."""
    match node:
        case ast.Name() | ast.Constant() | ast.Attribute(value=ast.Name()):
            return True
    return False


class ExpressionWriter:
    """Writes the expressions of one module."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._temporaries = 0

    def temporary(self) -> str:
        """Return a name that nothing else has: Python has no ``$`` in names."""
        self._temporaries += 1
        return f"${self._temporaries}"

    def write(self, node: ast.expr, binding: int = _ANY) -> str:
        """Return ``node``, in parentheses where ``binding`` is stronger than its operator."""
        text, strength = self._write(node)
        return f"({text})" if strength < binding else text

    def condition(self, node: ast.expr, binding: int = _ANY) -> str:
        """Return the truth of ``node``."""
        text, strength = self._condition(node)
        return f"({text})" if strength < binding else text

    def arithmetic(self, node: ast.BinOp | ast.AugAssign, left: ast.expr, right: ast.expr) -> str:
        """Return ``left op right``."""
        return self._arithmetic(node.op, left, right)[0]

    def _kind(self, node: ast.expr) -> ValueType:
        return self._program.types[node]

    def _write(self, node: ast.expr) -> tuple[str, int]:
        if node in self._program.values:
            return self._signed(self._program.values[node])
        match node:
            case ast.Constant(value=value):
                return literal(value), _ATOM
            case ast.Name(id=name):
                return name, _ATOM
            case ast.Attribute(value=value, attr=attr):
                return f"{self.write(value, _ATOM)}.{attr}", _ATOM
            case ast.Tuple(elts=elements):
                return f"[{', '.join(self.write(each) for each in elements)}]", _ATOM
            case ast.BinOp(left=left, op=op, right=right):
                return self._arithmetic(op, left, right)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.BoolOp():
                return self._and_or(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                yes, no = self.write(body, _OR), self.write(orelse, _CHOICE)
                return f"{self.condition(test, _OR)} ? {yes} : {no}", _CHOICE
            case ast.Subscript():
                return self._element(node), _ATOM
            case ast.Call():
                return self._call(node)
        raise AssertionError(ast.dump(node))

    def _signed(self, value: Any) -> tuple[str, int]:
        text = literal(value)
        return text, _SIGN if text.startswith("-") else _ATOM

    # ------------------------------------------------------------ operators

    def _arithmetic(self, op: ast.operator, left: ast.expr, right: ast.expr) -> tuple[str, int]:
        both_int = self._kind(left) == self._kind(right) == INT
        if type(op) in _EXACT:
            sign, strength = _EXACT[type(op)]
            text = f"{self.write(left, strength)} {sign} {self.write(right, strength + 1)}"
            return (f"$int({text})", _ATOM) if both_int else (text, strength)
        helper = (_INT_HELPERS if both_int else _FLOAT_HELPERS)[type(op)]
        return f"{helper}({self.write(left)}, {self.write(right)})", _ATOM

    def _unary(self, node: ast.UnaryOp) -> tuple[str, int]:
        operand = node.operand
        if isinstance(node.op, ast.Not):
            if (truth := self._written_truth(operand)) is not None:
                return literal(not truth), _ATOM
            if self._kind(operand) in (INT, FLOAT) and not isinstance(operand, ast.BoolOp):
                return f"{self.write(operand, _ORDER)} === 0", _EQUAL
            return f"!{self.condition(operand, _SIGN)}", _SIGN
        if isinstance(node.op, ast.UAdd):
            return self._write(operand)
        if isinstance(node.op, ast.Invert):
            return f"$int(-1 - {self.write(operand, _PRODUCT)})", _ATOM
        if self._kind(operand) == INT:
            if isinstance(operand, ast.Constant) and operand.value:
                return f"-{operand.value!r}", _SIGN
            return f"0 - {self.write(operand, _PRODUCT)}", _SUM  # -0 is no int
        text = self.write(operand, _SIGN)
        return (f"-({text})" if text.startswith("-") else f"-{text}"), _SIGN

    def _and_or(self, node: ast.BoolOp) -> tuple[str, int]:
        if self._kind(node) == FLOAT:
            return self._float_and_or(node, node.values), _ATOM
        is_and = isinstance(node.op, ast.And)
        values = self._undecided(node, is_and=is_and)
        if len(values) == 1:
            return self._write(values[0])
        sign, strength = ("&&", _AND) if is_and else ("||", _OR)
        return f" {sign} ".join(self.write(each, strength + 1) for each in values), strength

    def _undecided(self, node: ast.BoolOp, *, is_and: bool) -> list[ast.expr]:
        """Return the operands without numbers that are written out, which decide by themselves."""
        values: list[ast.expr] = []
        for value in node.values:
            truth = self._written_truth(value)
            if truth is None or truth != is_and:
                values.append(value)
            if truth is not None and truth != is_and:
                return values
        return (
            values if self._written_truth(node.values[-1]) is None else [*values, node.values[-1]]
        )

    def _written_truth(self, node: ast.expr) -> bool | None:
        """Return whether a number that is written out is true; None for what is not one."""
        match node:
            case ast.Constant(value=value) if not isinstance(value, bool):
                return bool(value)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                return self._written_truth(operand)
        return bool(self._program.values[node]) if node in self._program.values else None

    def _float_and_or(self, node: ast.BoolOp, values: list[ast.expr]) -> str:
        """Write operands of which NaN is true, as it is in Python alone."""
        if len(values) == 1:
            return self.write(values[0])
        name, rest = self.temporary(), self._float_and_or(node, values[1:])
        yes, no = (f"({rest})", name) if isinstance(node.op, ast.And) else (name, f"({rest})")
        bound = f"((/** @type {{number}} */ {name}) => ({name} !== 0 ? {yes} : {no}))"
        return f"{bound}({self.write(values[0])})"

    def _condition(self, node: ast.expr) -> tuple[str, int]:
        if isinstance(node, ast.BoolOp):
            is_and = isinstance(node.op, ast.And)
            sign, strength = ("&&", _AND) if is_and else ("||", _OR)
            texts = [self.condition(each, strength + 1) for each in node.values]
            return f" {sign} ".join(texts), strength
        if (truth := self._written_truth(node)) is not None:
            return literal(truth), _ATOM
        if self._kind(node) == BOOL:
            return self._write(node)
        return f"{self.write(node, _ORDER)} !== 0", _EQUAL

    def _comparison(self, node: ast.Compare) -> tuple[str, int]:
        operands = [node.left, *node.comparators]
        texts, names, values = [], [], []
        for at, operand in enumerate(operands):
            inner = 0 < at < len(operands) - 1
            if inner and not _is_simple(operand):
                name = self.temporary()  # evaluated once
                boolean = self._kind(operand) == BOOL
                kind = "boolean" if boolean else "number"
                names.append(f"/** @type {{{kind}}} */ {name}")
                values.append(self.write(operand))
                texts.append(name)
            elif at < len(operands) - 1 and all(
                self._written_truth(each) is not None for each in operands[at : at + 2]
            ):
                # A type checker takes no comparison of two numbers that are written out.
                texts.append(f"/** @type {{number}} */ ({self.write(operand)})")
            else:
                texts.append(self.write(operand, _SUM))
        pairs = [
            f"{left} {_COMPARISONS[type(op)]} {right}"
            for left, op, right in zip(texts, node.ops, texts[1:], strict=False)
        ]
        text = " && ".join(pairs)
        if names:
            return f"(({', '.join(names)}) => ({text}))({', '.join(values)})", _ATOM
        if len(pairs) > 1:
            return text, _AND
        return text, _EQUAL if isinstance(node.ops[0], (ast.Eq, ast.NotEq)) else _ORDER

    def _element(self, node: ast.Subscript) -> str:
        owner = self._kind(node.value)
        at = node.slice
        if isinstance(owner, Fixed) and isinstance(at, ast.Constant) and len(owner.items) <= 16:
            return f"{self.write(node.value, _ATOM)}[{at.value!r}]"
        return f"$element({self.write(node.value)}, {self.write(at)})"

    # ------------------------------------------------------------ calls

    def _call(self, node: ast.Call) -> tuple[str, int]:
        match self._program.calls[node]:
            case BuiltinCall(name=name):
                return self._builtin(node, name)
            case FunctionCall(function=function, arguments=arguments):
                values = ", ".join(map(self._argument, arguments))
                return f"{function.name}({values})", _ATOM
            case MakeRecord() as made:
                return self._record(made), _SIGN  # as an atom, `{` could open a block

    def _argument(self, argument: Argument) -> str:
        return literal(argument.value) if isinstance(argument, Default) else self.write(argument)

    def _record(self, made: MakeRecord) -> str:
        base, name = made.base, ""
        if base is not None:
            name = base.id if isinstance(base, ast.Name) else self.temporary()
        fields = []
        for field in made.record.fields:
            changed = made.changes.get(field)
            text = f"{name}.{field}" if changed is None else self._argument(changed)
            fields.append(field if text == field else f"{field}: {text}")
        text = f"{{ {', '.join(fields)} }}"
        if base is None or isinstance(base, ast.Name):
            return text
        parameter = f"/** @type {{{made.record}}} */ {name}"
        return f"(({parameter}) => ({text}))({self.write(base)})"

    def _builtin(self, node: ast.Call, name: str) -> tuple[str, int]:
        kind = self._kind(node.args[0])
        values = ", ".join(map(self.write, node.args))
        match name:
            case "len":
                return f"{self.write(node.args[0], _ATOM)}.length", _ATOM
            case "min" | "max" if kind == INT:
                return f"Math.{name}({values})", _ATOM
            case "min" | "max":
                return f"{'$least' if name == 'min' else '$most'}({values})", _ATOM
            case "abs":
                return f"Math.abs({values})", _ATOM
            case "bool":
                return self._condition(node.args[0])
            case "math.sqrt" | "math.isqrt":
                return f"${name[5:]}({values})", _ATOM
        if kind == BOOL:
            return f"Number({values})", _ATOM
        if kind == INT or name == "float":
            return self._write(node.args[0])
        if name == "round":
            return f"$round({values})", _ATOM
        rounded = {"int": "trunc", "math.floor": "floor", "math.ceil": "ceil"}[name]
        return f"$int(Math.{rounded}({values}))", _ATOM
