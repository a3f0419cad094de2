"""Runs step functions in Python with the limits that they have in JavaScript, for tests.

Owns ``checked``.  Python's integers have no bounds, so a server computes on where a page would
stop; a test that steps through this finds out.
"""

from __future__ import annotations

import ast
import copy
import importlib
import types
from typing import Any, Final

from gameserver.stepping.errors import OutOfRange
from gameserver.stepping.module import check_module
from gameserver.stepping.program import Program
from gameserver.stepping.value_types import INT, INT_LIMIT

_WITHIN: Final = "$within"
_SHIFT: Final = "$shift"
#: No shift by more can be within the limits.
_MAX_SHIFT: Final = 64


def checked(name: str) -> types.SimpleNamespace:
    """Return the step functions of a module; one raises ``OutOfRange`` beyond ±(2^53 - 1)."""
    program = check_module(name)
    namespace = dict(vars(importlib.import_module(name)))
    namespace |= {_WITHIN: _within, _SHIFT: _shift}
    for module, functions in program.imported.items():
        inner = vars(checked(module))
        namespace |= {function: inner[function] for function in functions}
    limits = _Limits(program)
    code: list[ast.stmt] = [limits.limited(each.node) for each in program.functions.values()]
    future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    tree = ast.fix_missing_locations(ast.Module([future, *code], []))
    exec(compile(tree, program.file, "exec"), namespace)
    return types.SimpleNamespace(**{name: namespace[name] for name in program.functions})


def _within(value: int) -> int:
    if not -INT_LIMIT <= value <= INT_LIMIT:
        raise OutOfRange("a result is outside ±(2^53 - 1)")
    return value


def _shift(value: int, by: int) -> int:
    return _within(value << min(by, _MAX_SHIFT))


class _Limits(ast.NodeTransformer):
    """Puts a check around every result of integer arithmetic."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._types: dict[int, Any] = {}

    def limited(self, function: ast.FunctionDef) -> ast.FunctionDef:
        made = copy.deepcopy(function)
        for copied, node in zip(ast.walk(made), ast.walk(function), strict=True):
            if isinstance(node, ast.expr) and node in self._program.types:
                self._types[id(copied)] = self._program.types[node]
        made.body = [self.visit(statement) for statement in made.body]
        return made

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        is_int = self._types.get(id(node)) == INT
        self.generic_visit(node)
        if not is_int:
            return node
        if isinstance(node.op, ast.LShift):
            return _call(_SHIFT, node.left, node.right)
        return _call(_WITHIN, node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        is_int = self._types.get(id(node)) == INT
        self.generic_visit(node)
        return _call(_WITHIN, node) if is_int else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        is_int = self._types.get(id(node)) == INT
        self.generic_visit(node)
        return _call(_WITHIN, node) if is_int else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        assert isinstance(node.target, ast.Name)
        read = ast.Name(node.target.id, ast.Load())
        value = ast.BinOp(read, node.op, node.value)
        self._types[id(value)] = self._types.get(id(node.target))
        return ast.Assign([node.target], self.visit_BinOp(value), lineno=node.lineno)


def _call(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])
