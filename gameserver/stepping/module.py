"""A module of step functions: finds, imports and checks it.

Owns what may stand at the top of such a module, and the list of all that is refused in it.  The
module is imported, so its constants are what Python computes.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pathlib
import typing
from collections.abc import Iterator
from typing import Any, Final

import attrs

from gameserver.stepping.errors import NotInSubset, Refused
from gameserver.stepping.expressions import Expressions, name_of_construct
from gameserver.stepping.program import (
    REQUIRED,
    BuiltinCall,
    Function,
    FunctionCall,
    Parameter,
    Program,
)
from gameserver.stepping.statements import Statements
from gameserver.stepping.value_types import Unfit, of_annotation, of_value

#: Names that JavaScript keeps for itself, or that the code that is made needs.
_RESERVED: Final = """
    arguments await break case catch class const continue debugger default delete do else enum
    eval export extends false finally for function if implements import in instanceof interface let
    new null package private protected public return static super switch this throw true try typeof
    undefined var void while with yield
    BigInt Infinity Math NaN Number Object RangeError
"""
RESERVED: Final = frozenset(_RESERVED.split())
#: Functions whose last bit depends on the maths library.
_INEXACT_NAMES: Final = """
    acos acosh asin asinh atan atan2 atanh cbrt cos cosh dist erf erfc exp exp2 expm1 gamma hypot
    lgamma log log10 log1p log2 pow sin sinh tan tanh
"""
_INEXACT: Final = frozenset(_INEXACT_NAMES.split())


def check_module(name: str) -> Program:
    """Return the checked module; ``Refused`` names every line that is not in the subset."""
    return _Checker({}).module(name)


@attrs.define(eq=False)
class _Checker:
    """Checks one module and those that it takes functions from."""

    _known: dict[str, Program]

    def module(self, name: str) -> Program:
        if name not in self._known:
            module = importlib.import_module(name)
            path = inspect.getsourcefile(module)
            if path is None:
                raise Refused(f"{name}: there is no source")
            source = pathlib.Path(path).read_text(encoding="utf-8")
            self._known[name] = self._checked(name, path, ast.parse(source), vars(module))
        return self._known[name]

    def _checked(
        self, name: str, path: str, tree: ast.Module, namespace: dict[str, Any]
    ) -> Program:
        program = Program(name, path, ast.get_docstring(tree) or "")
        refusals: list[NotInSubset] = []

        def collect(error: NotInSubset) -> None:
            refusals.append(error)

        for statement in tree.body:
            try:
                self._top(program, statement, namespace)
            except NotInSubset as error:
                collect(error)
        self._known[name] = program
        if not refusals:
            for function in program.functions.values():
                try:
                    self._body(program, function, namespace)
                except NotInSubset as error:
                    collect(error)
        if not refusals and (circle := _circle(program)) is not None:
            collect(NotInSubset(circle.node, "recursion is not in the subset; write a loop"))
        if not refusals and not program.functions:
            collect(NotInSubset(tree, "there is no function in it"))
        if refusals:
            shown = _shown(path)
            lines = sorted({(error.line, error.why) for error in refusals})
            raise Refused("\n".join(f"{shown}:{line}: {why}" for line, why in lines))
        return program

    # ------------------------------------------------------------ the top of a module

    def _top(self, program: Program, node: ast.stmt, namespace: dict[str, Any]) -> None:
        match node:
            case ast.Expr(value=ast.Constant(value=str())) | ast.ClassDef():
                return
            case ast.Import() | ast.ImportFrom():
                if any(alias.name == "*" for alias in node.names):
                    raise NotInSubset(node, "import * is not in the subset; name what you use")
                return
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                return
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    _constant(program, target, value, namespace)
                return
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                _constant(program, target, value, namespace)
                return
            case ast.FunctionDef(name=name):
                program.functions[name] = _function(program, node, namespace)
                return
        raise NotInSubset(node, f"{name_of_construct(node)} at the top of a module of steps")

    def _body(self, program: Program, function: Function, namespace: dict[str, Any]) -> None:
        names = frozenset(_names(function))
        for name in names:
            _check_name(function.node, name)
        bound = {each.name: each.kind for each in function.parameters}

        def find(called: Any, node: ast.AST) -> Function:
            home = self.module(called.__module__)
            if called.__name__ not in home.functions:
                raise NotInSubset(node, f"{called.__name__} is not a function of {home.name}")
            if home is not program and called.__name__.startswith("_"):
                raise NotInSubset(node, f"{called.__name__} is private to {home.name}")
            if isinstance(node, ast.Call) and not (
                isinstance(node.func, ast.Name) and node.func.id == called.__name__
            ):
                raise NotInSubset(
                    node, f"import {called.__name__} from {home.name} by name to call it"
                )
            return home.functions[called.__name__]

        Statements(function, Expressions(program, namespace, find, names, bound)).check()


def _names(function: Function) -> Iterator[str]:
    yield from (each.name for each in function.parameters)
    for node in ast.walk(function.node):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _constant(
    program: Program, target: ast.expr, value: ast.expr, namespace: dict[str, Any]
) -> None:
    if not isinstance(target, ast.Name):
        raise NotInSubset(target, "a constant has one name")
    name = target.id
    try:
        of_value(namespace[name])
    except (Unfit, KeyError):
        return  # refused where a step uses it
    for node in ast.walk(value):
        inexact = _math_name(node)
        if inexact in _INEXACT:
            raise NotInSubset(
                node,
                f"math.{inexact} rounds differently in two maths libraries; "
                "write the values of the table out",
            )
    _check_name(target, name)
    program.constants[name] = namespace[name]
    program.own_constants.add(name)


def _math_name(node: ast.AST) -> str:
    match node:
        case ast.Attribute(value=ast.Name(id="math"), attr=attr):
            return attr
        case ast.Call(func=ast.Name(id=name)):
            return name
    return ""


def _function(program: Program, node: ast.FunctionDef, namespace: dict[str, Any]) -> Function:
    if node.decorator_list:
        raise NotInSubset(node.decorator_list[0], "decorators are not in the subset")
    if node.args.vararg or node.args.kwarg:
        raise NotInSubset(node, "* and ** in parameters are not in the subset")
    _check_name(node, node.name)
    called = namespace.get(node.name)
    if not inspect.isfunction(called) or called.__code__.co_firstlineno != node.lineno:
        raise NotInSubset(node, f"{node.name} is something else once the module is imported")
    try:
        hints = typing.get_type_hints(called)
    except NameError as error:
        raise NotInSubset(
            node, f"an annotation cannot be resolved: {error}; import it outside TYPE_CHECKING"
        ) from None
    signature = inspect.signature(called)
    parameters: list[Parameter] = []
    for name, parameter in signature.parameters.items():
        _check_name(node, name)
        if name not in hints:
            raise NotInSubset(node, f"the parameter {name} has no annotation")
        default = parameter.default
        if default is inspect.Parameter.empty:
            default = REQUIRED
            if any(each.default is not REQUIRED for each in parameters):
                raise NotInSubset(node, f"{name} needs a default, as parameters before it have one")
        parameters.append(Parameter(name, _type(node, name, hints[name]), default))
    if "return" not in hints:
        raise NotInSubset(node, "the result has no annotation")
    returns = _type(node, "the result", hints["return"])
    return Function(node, program.name, tuple(parameters), returns)


def _type(node: ast.AST, what: str, annotation: Any) -> Any:
    try:
        return of_annotation(annotation)
    except Unfit as error:
        raise NotInSubset(node, f"{what}: {error}") from None


def _check_name(node: ast.AST, name: str) -> None:
    if name in RESERVED:
        raise NotInSubset(node, f"{name} means something else in JavaScript; choose another name")
    if not name.isascii() or name.startswith("__"):
        raise NotInSubset(node, f"{name} is no name in the subset; use ASCII and no leading __")


def _circle(program: Program) -> Function | None:
    """Return a function that calls itself, perhaps by way of others."""
    calls: dict[str, set[str]] = {}
    for function in program.functions.values():
        calls[function.name] = {
            found.function.name
            for node in ast.walk(function.node)
            if isinstance(node, ast.Call)
            and isinstance(found := program.calls.get(node, BuiltinCall("")), FunctionCall)
            and found.function.module == program.name
        }
    for name, function in program.functions.items():
        reached: set[str] = set()
        waiting = set(calls[name])
        while waiting:
            reached.add(callee := waiting.pop())
            waiting |= calls[callee] - reached
        if name in reached:
            return function
    return None


def _shown(path: str) -> str:
    """Return ``path`` as seen from the working directory."""
    try:
        return str(pathlib.Path(path).relative_to(pathlib.Path.cwd()))
    except ValueError:
        return path
