"""The expressions of the subset: gives each its type, or refuses it.

Owns what operators, comparisons, names and calls mean for types.  Statements and variables are in
``statements.py``.  The rule behind every refusal: Python and JavaScript must give the same bits.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from gameserver.stepping.errors import NotInSubset
from gameserver.stepping.program import (
    REQUIRED,
    Argument,
    BuiltinCall,
    Default,
    Function,
    FunctionCall,
    MakeRecord,
    Program,
)
from gameserver.stepping.value_types import (
    BOOL,
    FLOAT,
    INT,
    Fixed,
    Many,
    Record,
    Scalar,
    Unfit,
    ValueType,
    fits,
    item_of,
    of_annotation,
    of_value,
)

#: Powers are products of this many factors at most.
_MAX_EXPONENT: Final = 64
_ARITHMETIC: Final = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_OF_INTEGERS: Final = (ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor)
_ORDER: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
#: One number in, and the type that comes out; None: the same type.
_OF_ONE_NUMBER: Final[dict[str, Scalar | None]] = {
    "abs": None,
    "round": INT,
    "int": INT,
    "float": FLOAT,
    "bool": BOOL,
    "math.sqrt": FLOAT,
    "math.isqrt": INT,
    "math.floor": INT,
    "math.ceil": INT,
}
_INSTEAD: Final = {
    "math.hypot": "write math.sqrt(x * x + y * y)",
    "math.dist": "write math.sqrt(x * x + y * y)",
    "math.pow": "write a product",
    "pow": "write a product",
    "divmod": "write // and %",
    "sum": "write a loop",
    "range": "it is for loops only",
    "enumerate": "write for index in range(len(…))",
    "zip": "write for index in range(len(…))",
    "print": "a step has no effect but its result",
    "sorted": "lists are not in it",
    "list": "lists are not in it",
    "tuple": "write the elements",
}
_NAMES: Final = {
    ast.List: "a list",
    ast.Dict: "a dict",
    ast.Set: "a set",
    ast.ListComp: "a comprehension",
    ast.GeneratorExp: "a generator expression",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.Lambda: "a lambda",
    ast.JoinedStr: "an f-string",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
    ast.NamedExpr: "the walrus operator (:=)",
    ast.Starred: "a starred expression",
    ast.Slice: "a slice",
    ast.MatMult: "@",
}


def name_of_construct(node: ast.AST) -> str:
    """Return what to call ``node`` in a refusal."""
    return _NAMES.get(type(node), type(node).__name__.lower())


@attrs.define(eq=False)
class Expressions:
    """The expressions of one function, or of no function: ``variables`` is empty then."""

    program: Program
    #: Values of the module's names at run time.
    namespace: Mapping[str, Any]
    #: Finds the step function behind a Python function of another module.
    find_function: Callable[[Any, ast.AST], Function]
    #: All variables of the function, also those that have no value yet.
    names: frozenset[str] = frozenset()
    #: Those that surely have a value here, with their types.
    bound: dict[str, ValueType] = attrs.field(factory=dict)

    def check(self, node: ast.expr) -> ValueType:
        """Return the type of ``node``, which is noted too; ``NotInSubset`` refuses it."""
        kind = self._check(node)
        self.program.types[node] = kind
        return kind

    def check_condition(self, node: ast.expr) -> None:
        """Check an expression of which only the truth matters."""
        if isinstance(node, ast.BoolOp):
            for value in node.values:
                self.check_condition(value)
            self.program.types[node] = BOOL
            return
        kind = self.check(node)
        if not isinstance(kind, Scalar):
            raise NotInSubset(node, f"the truth of {kind}; compare its length or its fields")

    def check_as(self, node: ast.expr, wanted: ValueType, what: str) -> None:
        """Check an expression that is used where ``wanted`` is declared."""
        actual = self.check(node)
        if not fits(actual, wanted):
            raise NotInSubset(node, f"{what} is {wanted}, not {actual}{_cast(actual, wanted)}")

    def _check(self, node: ast.expr) -> ValueType:
        match node:
            case ast.Constant(value=value):
                return self._constant(node, value)
            case ast.Name():
                return self._name(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Tuple(elts=elements):
                return Fixed(tuple(self.check(each) for each in elements))
            case ast.BinOp(left=left, op=op, right=right):
                return self._operation(node, self.check(left), op, self.check(right), right)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.BoolOp():
                return self._and_or(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.check_condition(test)
                return self._same(node, [body, orelse], "both branches")
            case ast.Subscript():
                return self._element(node)
            case ast.Call():
                return self._call(node)
        raise NotInSubset(node, f"{name_of_construct(node)} is not in the subset")

    # ------------------------------------------------------------ atoms

    def _constant(self, node: ast.expr, value: Any) -> ValueType:
        if value is None or isinstance(value, (str, bytes, complex)):
            shown = "None" if value is None else f"a {type(value).__name__}"
            raise NotInSubset(node, f"{shown} is not in the subset")
        try:
            return of_value(value)
        except Unfit as error:
            raise NotInSubset(node, str(error)) from None

    def _name(self, node: ast.Name) -> ValueType:
        if node.id in self.bound:
            return self.bound[node.id]
        if node.id == "_":
            raise NotInSubset(node, "_ is for values that are not read")
        if node.id in self.names:
            raise NotInSubset(node, f"{node.id} may have no value here")
        if node.id not in self.namespace:
            raise NotInSubset(node, f"there is no {node.id}")
        try:
            kind = of_value(self.namespace[node.id])
        except Unfit as error:
            raise NotInSubset(node, f"{node.id}: {error}") from None
        self.program.used_constants.add(node.id)
        self.program.constants[node.id] = self.namespace[node.id]
        return kind

    def _attribute(self, node: ast.Attribute) -> ValueType:
        found = self._object_of(node)
        if found is not REQUIRED:
            try:
                kind = of_value(found)
            except Unfit as error:
                raise NotInSubset(node, f"{ast.unparse(node)}: {error}") from None
            self.program.values[node] = found
            return kind
        owner = self.check(node.value)
        if not isinstance(owner, Record):
            raise NotInSubset(node, f"{owner} has no field {node.attr}")
        if node.attr not in owner.fields:
            fields = ", ".join(owner.fields)
            raise NotInSubset(
                node, f"{owner} has no field {node.attr} of the subset; it has {fields}"
            )
        return owner.fields[node.attr]

    def _object_of(self, node: ast.expr) -> Any:
        """Return what a name of the module, or an attribute of a module, is; else REQUIRED."""
        match node:
            case ast.Name(id=name) if name not in self.names:
                return self.namespace.get(name, getattr(builtins, name, REQUIRED))
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if name not in self.names:
                owner = self.namespace.get(name)
                if inspect.ismodule(owner):
                    return getattr(owner, attr, REQUIRED)
        return REQUIRED

    def _element(self, node: ast.Subscript) -> ValueType:
        owner = self.check(node.value)
        if isinstance(node.slice, ast.Slice):
            raise NotInSubset(node, "a slice is not in the subset; unpack it")
        if isinstance(owner, Record):
            raise NotInSubset(node, f"an element of {owner} by number; name the field")
        if isinstance(owner, Many) and not owner.indexable:
            raise NotInSubset(node, "an Iterable has no elements by number; declare a Sequence")
        if not isinstance(owner, (Fixed, Many)):
            raise NotInSubset(node, f"{owner} has no elements")
        self.check_as(node.slice, INT, "an index")
        if isinstance(owner, Fixed) and (at := _literal(node.slice)) is not None:
            if not -len(owner.items) <= at < len(owner.items):
                raise NotInSubset(node, f"{owner} has no element {at}")
            return owner.items[at]
        item = item_of(owner)
        if item is None:
            raise NotInSubset(node, f"the elements of {owner} have different types; unpack it")
        return item

    # ------------------------------------------------------------ operators

    def operation(
        self, node: ast.AugAssign, left: ValueType, op: ast.operator, right: ast.expr
    ) -> ValueType:
        """Return the type of ``left op right`` in an augmented assignment."""
        return self._operation(node, left, op, self.check(right), right)

    def _operation(
        self, node: ast.AST, left: ValueType, op: ast.operator, right: ValueType, by: ast.expr
    ) -> ValueType:
        for kind in (left, right):
            if kind == BOOL:
                raise NotInSubset(node, "arithmetic with a bool; write int(…) around it")
            if kind not in (INT, FLOAT):
                raise NotInSubset(node, f"arithmetic with {kind}; only numbers have it")
        both_int = left == right == INT
        if isinstance(op, _ARITHMETIC):
            return INT if both_int and not isinstance(op, ast.Div) else FLOAT
        if isinstance(op, _OF_INTEGERS):
            if not both_int:
                raise NotInSubset(node, "shifts and bits are for ints; write int(…)")
            return INT
        if isinstance(op, ast.Pow):
            exponent = _literal(by)
            if left != INT or exponent is None or not 0 <= exponent <= _MAX_EXPONENT:
                raise NotInSubset(
                    node,
                    f"a power of an int by 0 … {_MAX_EXPONENT}, written out, is in the subset; "
                    "others round differently in each language: write a product",
                )
            return INT
        raise NotInSubset(node, "the operator @ is not in the subset")

    def _unary(self, node: ast.UnaryOp) -> ValueType:
        if isinstance(node.op, ast.Not):
            self.check_condition(node.operand)
            return BOOL
        kind = self.check(node.operand)
        if kind == BOOL:
            raise NotInSubset(node, "arithmetic with a bool; write int(…) around it")
        if kind not in (INT, FLOAT) or (isinstance(node.op, ast.Invert) and kind != INT):
            raise NotInSubset(node, f"this operator is not for {kind}")
        return kind

    def _and_or(self, node: ast.BoolOp) -> ValueType:
        kind = self._same(node, node.values, "all operands of and/or")
        if not isinstance(kind, Scalar):
            raise NotInSubset(node, f"the truth of {kind}; compare its length or its fields")
        return kind

    def _same(self, node: ast.AST, values: list[ast.expr], what: str) -> ValueType:
        kinds = [self.check(value) for value in values]
        for kind in kinds:
            if kind != kinds[0]:
                raise NotInSubset(
                    node,
                    f"{what} need one type, not {kinds[0]} and {kind}{_cast(kind, kinds[0])}",
                )
        return kinds[0]

    def _comparison(self, node: ast.Compare) -> ValueType:
        kinds = [self.check(value) for value in (node.left, *node.comparators)]
        for left, op, right in zip(kinds, node.ops, kinds[1:], strict=False):
            if not isinstance(op, (*_ORDER, ast.Eq, ast.NotEq)):
                raise NotInSubset(node, "is and in are not in the subset; write == or a loop")
            if not (isinstance(left, Scalar) and isinstance(right, Scalar)):
                raise NotInSubset(node, "only numbers and bools are compared; compare the elements")
            if (left == BOOL) != (right == BOOL):
                raise NotInSubset(node, "a bool is compared with a number; write int(…) around it")
            if left == BOOL and isinstance(op, _ORDER):
                raise NotInSubset(node, "bools have no order; write int(…) around them")
        return BOOL

    # ------------------------------------------------------------ calls

    def _call(self, node: ast.Call) -> ValueType:
        if any(isinstance(each, ast.Starred) for each in node.args) or any(
            keyword.arg is None for keyword in node.keywords
        ):
            raise NotInSubset(node, "* and ** in calls are not in the subset")
        called = self._object_of(node.func)
        if called is REQUIRED:
            return self._method(node)
        name = _qualified(called)
        if name in _OF_ONE_NUMBER or name in ("min", "max", "len"):
            return self._builtin(node, name)
        if called is attrs.evolve:
            return self._evolve(node, node.args)
        if isinstance(called, type) and called.__module__ != "builtins":
            return self._record_call(node, called)
        if inspect.isfunction(called):
            return self._function_call(node, self.find_function(called, node))
        raise NotInSubset(node, _call_refusal(name))

    def _builtin(self, node: ast.Call, name: str) -> ValueType:
        if node.keywords:
            raise NotInSubset(node, f"{name} with keywords is not in the subset")
        self.program.calls[node] = BuiltinCall(name)
        if name in ("min", "max"):
            if len(node.args) < 2:
                raise NotInSubset(node, f"{name} of one argument is not in the subset; loop")
            kind = self._same(node, node.args, f"all arguments of {name}")
            if kind not in (INT, FLOAT):
                raise NotInSubset(node, f"{name} is for numbers, not for {kind}")
            return kind
        if len(node.args) != 1:
            raise NotInSubset(node, f"{name} takes one argument in the subset")
        kind = self.check(node.args[0])
        if name == "len":
            if not isinstance(kind, Fixed) and not (isinstance(kind, Many) and kind.indexable):
                raise NotInSubset(node, f"{kind} has no length; declare a Sequence")
            return INT
        if kind == BOOL and name not in ("int", "float", "bool"):
            raise NotInSubset(node, "arithmetic with a bool; write int(…) around it")
        if not isinstance(kind, Scalar):
            raise NotInSubset(node, f"{name} is for numbers, not for {kind}")
        if name == "math.isqrt" and kind != INT:
            raise NotInSubset(node, "math.isqrt is for ints")
        return _OF_ONE_NUMBER[name] or kind

    def _method(self, node: ast.Call) -> ValueType:
        match node.func:
            case ast.Attribute(value=owner, attr="_replace"):
                return self._evolve(node, [owner, *node.args])
            case ast.Attribute(attr=attr):
                raise NotInSubset(node, f"a method ({attr}) is not in the subset; write a function")
        raise NotInSubset(node, "only functions by name are called in the subset")

    def _evolve(self, node: ast.Call, values: list[ast.expr]) -> ValueType:
        if len(values) != 1:
            raise NotInSubset(node, "changes are given by keyword")
        kind = self.check(values[0])
        if not isinstance(kind, Record) or kind.unmakeable:
            raise NotInSubset(node, f"{kind} cannot be made in the subset")
        changes = self._arguments(node, kind.fields, dict.fromkeys(kind.fields), [])
        given = {k: v for k, v in changes.items() if not isinstance(v, Default)}
        self.program.calls[node] = MakeRecord(kind, values[0], given)
        return kind

    def _record_call(self, node: ast.Call, cls: type) -> ValueType:
        try:
            kind = of_annotation(cls)
        except Unfit as error:
            raise NotInSubset(node, str(error)) from None
        if not isinstance(kind, Record) or kind.unmakeable:
            why = kind.unmakeable if isinstance(kind, Record) else ""
            raise NotInSubset(node, f"{cls.__name__} cannot be made in the subset: {why}")
        fields = self._arguments(node, kind.fields, kind.defaults, node.args)
        self.program.calls[node] = MakeRecord(kind, None, fields)
        return kind

    def _function_call(self, node: ast.Call, function: Function) -> ValueType:
        kinds = {each.name: each.kind for each in function.parameters}
        defaults = {
            each.name: each.default for each in function.parameters if each.default is not REQUIRED
        }
        arguments = self._arguments(node, kinds, defaults, node.args)
        self.program.calls[node] = FunctionCall(function, tuple(arguments.values()))
        if function.module != self.program.name:
            self.program.imported.setdefault(function.module, {})[function.name] = function
        return function.returns

    def _arguments(
        self,
        node: ast.Call,
        kinds: Mapping[str, ValueType],
        defaults: Mapping[str, Any],
        positional: list[ast.expr],
    ) -> dict[str, Argument]:
        given = dict(zip(kinds, positional, strict=False))
        given |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        for name, value in given.items():
            if name not in kinds:
                raise NotInSubset(node, f"there is no argument {name}")
            self.check_as(value, kinds[name], f"the argument {name}")
        missing = [name for name in kinds if name not in given and name not in defaults]
        if missing or len(positional) > len(kinds):
            raise NotInSubset(node, f"a wrong number of arguments; missing: {', '.join(missing)}")
        return {name: given[name] if name in given else Default(defaults[name]) for name in kinds}


def _call_refusal(name: str) -> str:
    if name.startswith("math.") and name not in _INSTEAD:
        return (
            f"{name} rounds differently in each language; "
            "look it up in a constant table whose values are written out"
        )
    instead = f"; {_INSTEAD[name]}" if name in _INSTEAD else ""
    return f"{name} is not in the subset{instead}"


def _qualified(called: Any) -> str:
    name = str(getattr(called, "__name__", type(called).__name__))
    return f"math.{name}" if getattr(math, name, None) is called else name


def _literal(node: ast.expr) -> int | None:
    """Return the value of an int that is written out, else None."""
    match node:
        case ast.Constant(value=value) if type(value) is int:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if type(value) is int:
            return -value
    return None


def _cast(actual: ValueType, wanted: ValueType) -> str:
    """Return what to write where a scalar of another type is due."""
    if isinstance(actual, Scalar) and isinstance(wanted, Scalar):
        return f"; write {wanted}(…) around it"
    return ""
