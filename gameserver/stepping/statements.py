"""The statements of the subset: follows each function, and refuses what the subset does not have.

Owns variables: one type each, and a value on every path to where they are read.  Expressions are
in ``expressions.py``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from gameserver.stepping.errors import NotInSubset
from gameserver.stepping.expressions import Expressions, name_of_construct
from gameserver.stepping.program import Function
from gameserver.stepping.value_types import (
    INT,
    Fixed,
    Many,
    Record,
    Unfit,
    ValueType,
    item_of,
    of_annotation,
)

_WHILE: Final = (
    "while needs a bound: write `while i < LIMIT and …:` (or a comparison alone), where the last "
    "statement of its body is `i += 1` (or another number written out), nothing else in it "
    "assigns i or LIMIT, and it has no continue"
)


class Statements:
    """Checks the body of one function."""

    def __init__(self, function: Function, expressions: Expressions) -> None:
        self._function = function
        self._expressions = expressions

    def check(self) -> None:
        """Check the whole function; ``NotInSubset`` refuses it."""
        body = body_of(self._function.node)
        if self._block(body):
            raise NotInSubset(self._function.node, "it may end without a return")

    def _block(self, statements: list[ast.stmt]) -> bool:
        """Return whether what follows the statements may be reached."""
        for number, statement in enumerate(statements):
            if not self._statement(statement):
                if number + 1 < len(statements):
                    raise NotInSubset(statements[number + 1], "it is never reached")
                return False
        return True

    def _statement(self, node: ast.stmt) -> bool:
        check = self._expressions
        match node:
            case ast.Pass():
                return True
            case ast.Return(value=value):
                if value is None:
                    raise NotInSubset(node, "a return without a value")
                check.check_as(value, self._function.returns, "the result")
                return False
            case ast.Assign(targets=[target], value=value):
                self._assign(target, check.check(value))
                return True
            case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
                self._annotated(target, node.annotation, value)
                return True
            case ast.AugAssign(target=ast.Name() as target, op=op, value=value):
                read = ast.copy_location(ast.Name(target.id, ast.Load()), target)
                self._assign(target, check.operation(node, check.check(read), op, value))
                return True
            case ast.If(test=test, body=body, orelse=orelse):
                check.check_condition(test)
                return self._branches(body, orelse)
            case ast.For():
                self._for(node)
                return True
            case ast.While():
                self._while(node)
                return True
            case ast.Break() | ast.Continue():
                return False
        raise NotInSubset(node, _refusal(node))

    # ------------------------------------------------------------ variables

    def _assign(self, target: ast.expr, kind: ValueType) -> None:
        match target:
            case ast.Name(id="_"):
                self._expressions.program.types[target] = kind
            case ast.Name(id=name):
                known = self._expressions.bound.get(name) or self._function.locals.get(name)
                if known is not None and known != kind:
                    raise NotInSubset(
                        target, f"{name} is {known} elsewhere, and {kind} here; one name, one type"
                    )
                self._function.locals.setdefault(name, kind)
                self._expressions.bound[name] = kind
                self._expressions.program.types[target] = kind
            case ast.Tuple(elts=elements):
                names = [n.id for n in ast.walk(target) if isinstance(n, ast.Name) and n.id != "_"]
                if len(set(names)) < len(names):
                    raise NotInSubset(target, "one name twice in a target")
                for element, item in zip(elements, _items(target, kind), strict=True):
                    self._assign(element, item)
                self._expressions.program.types[target] = kind
            case ast.Attribute() | ast.Subscript():
                raise NotInSubset(
                    target, "a value is not changed; make a new one with attrs.evolve or _replace"
                )
            case _:
                raise NotInSubset(target, f"{name_of_construct(target)} as a target")

    def _annotated(self, target: ast.Name, annotation: ast.expr, value: ast.expr) -> None:
        try:
            kind = of_annotation(eval(ast.unparse(annotation), dict(self._expressions.namespace)))
        except (Unfit, NameError, TypeError) as error:
            raise NotInSubset(annotation, str(error)) from None
        self._expressions.check_as(value, kind, target.id)
        self._assign(target, kind)

    def _branches(self, body: list[ast.stmt], orelse: list[ast.stmt]) -> bool:
        check = self._expressions
        before = dict(check.bound)
        goes_on = self._block(body)
        after_body, check.bound = check.bound, before
        if not self._block(orelse):
            check.bound = after_body
            return goes_on
        if goes_on:
            check.bound = {n: kind for n, kind in check.bound.items() if n in after_body}
        return True

    # ------------------------------------------------------------ loops

    def _for(self, node: ast.For) -> None:
        if node.orelse:
            raise NotInSubset(node.orelse[0], "else after a loop is not in the subset")
        kind = self._looped(node.iter)
        before = dict(self._expressions.bound)
        self._assign(node.target, kind)
        self._loop_body(node.body, before)

    def _looped(self, node: ast.expr) -> ValueType:
        check = self._expressions
        if is_range(node, check.names, check.namespace):
            assert isinstance(node, ast.Call)
            if not 1 <= len(node.args) <= 3 or node.keywords:
                raise NotInSubset(node, "range takes one to three arguments")
            for argument in node.args:
                check.check_as(argument, INT, "an argument of range")
            if len(node.args) == 3 and step_of(node.args[2]) == 0:
                raise NotInSubset(node, "the step of range is a number, written out, and not 0")
            return INT
        kind = check.check(node)
        item = item_of(kind)
        if isinstance(kind, Record) or item is None:
            raise NotInSubset(node, f"a loop over {kind}")
        return item

    def _while(self, node: ast.While) -> None:
        if node.orelse:
            raise NotInSubset(node.orelse[0], "else after a loop is not in the subset")
        self._expressions.check_condition(node.test)
        if not is_bounded(node):
            raise NotInSubset(node, _WHILE)
        self._loop_body(node.body, dict(self._expressions.bound))

    def _loop_body(self, body: list[ast.stmt], before: dict[str, ValueType]) -> None:
        self._block(body)
        self._expressions.bound = before


def body_of(node: ast.FunctionDef) -> list[ast.stmt]:
    """Return the statements of a function after its docstring."""
    return node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body


def is_range(node: ast.expr, names: frozenset[str], namespace: Any) -> bool:
    """Whether ``node`` is a call of Python's own ``range``."""
    match node:
        case ast.Call(func=ast.Name(id="range")):
            return "range" not in names and "range" not in namespace
    return False


def step_of(node: ast.expr) -> int:
    """Return the step of a range, 0 if it is not written out."""
    match node:
        case ast.Constant(value=value) if type(value) is int:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if type(value) is int:
            return -value
    return 0


def stored_names(nodes: list[ast.stmt]) -> Iterator[str]:
    """Yield the name of each assignment in ``nodes``, however deep."""
    for statement in nodes:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def is_bounded(node: ast.While) -> bool:
    """Whether a counter in the condition ends the loop for certain."""
    test = node.test
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        test = test.values[0]
    match test, node.body[-1]:
        case (
            ast.Compare(left=ast.Name(id=counter), ops=[op], comparators=[limit]),
            ast.AugAssign(target=ast.Name(id=counted), op=ast.Add() | ast.Sub() as sign, value=by),
        ) if counter == counted:
            step = step_of(by) * (1 if isinstance(sign, ast.Add) else -1)
            rising = isinstance(op, (ast.Lt, ast.LtE)) and step > 0
            falling = isinstance(op, (ast.Gt, ast.GtE)) and step < 0
            stored = list(stored_names(node.body))
            fixed = isinstance(limit, ast.Constant) or (
                isinstance(limit, ast.Name) and limit.id not in stored
            )
            skips = any(isinstance(each, ast.Continue) for each in _same_loop(node.body))
            return (rising or falling) and fixed and stored.count(counter) == 1 and not skips
    return False


def _same_loop(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that belong to this loop and to none in it."""
    for node in nodes:
        yield node
        if isinstance(node, ast.If):
            yield from _same_loop(node.body)
            yield from _same_loop(node.orelse)


def _items(target: ast.Tuple, kind: ValueType) -> tuple[ValueType, ...]:
    if isinstance(kind, Record) and kind.is_tuple:
        items = tuple(kind.fields.values())
    elif isinstance(kind, Fixed):
        items = kind.items
    elif isinstance(kind, Many):
        raise NotInSubset(target, f"{kind} may have any length, so it is not unpacked")
    else:
        raise NotInSubset(target, f"{kind} is not unpacked")
    if len(items) != len(target.elts):
        raise NotInSubset(target, f"{len(items)} values for {len(target.elts)} names")
    return items


def _refusal(node: ast.stmt) -> str:
    match node:
        case ast.Expr():
            return "a statement without effect; a step has no effect but its result"
        case ast.Assign():
            return "several targets in one assignment; write one each"
        case ast.AnnAssign(value=None):
            return "a variable without a value"
        case ast.AugAssign() | ast.AnnAssign() | ast.Delete():
            return "a value is not changed; make a new one with attrs.evolve or _replace"
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return "a function or class in a function; write it in the module"
        case ast.Global() | ast.Nonlocal():
            return "a step keeps nothing between its calls"
        case ast.Import() | ast.ImportFrom():
            return "an import in a function; write it at the top of the module"
        case ast.Try() | ast.Raise() | ast.Assert():
            return "exceptions are not in the subset"
        case ast.With():
            return "with is not in the subset"
        case ast.Match():
            return "match is not in the subset; write if and elif"
    return f"{name_of_construct(node)} is not in the subset"
