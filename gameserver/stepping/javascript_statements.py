"""Writes checked statements as JavaScript.

Owns indentation and where variables are declared: Python's belong to the function, JavaScript's to
the innermost block that has all uses of them.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator
from typing import Final

from gameserver.stepping.javascript_expressions import ExpressionWriter
from gameserver.stepping.program import Function, Program
from gameserver.stepping.statements import body_of, is_range, step_of, stored_names
from gameserver.stepping.value_types import Fixed, Many, Record, ValueType

#: A block: the statement that it belongs to, and which of its parts it is.
Block = tuple[ast.AST, str]
_HEAD: Final = "head"


class StatementWriter:
    """Writes the body of one function."""

    def __init__(
        self,
        program: Program,
        function: Function,
        expressions: ExpressionWriter,
        type_text: Callable[[ValueType], str],
    ) -> None:
        self._program = program
        self._function = function
        self._write = expressions
        self._type_text = type_text
        self._body = body_of(function.node)
        self._parameters = {each.name for each in function.parameters}
        self._stored = list(stored_names(self._body))
        self._homes = _homes(function.node, self._body, set(function.locals) - self._parameters)
        self._declared = set(self._parameters)

    def text(self) -> str:
        """Return the statements, indented."""
        lines = self._block(self._body, (self._function.node, "body"))
        return "".join(f"{line}\n" for line in _indented(lines))

    def _block(self, statements: list[ast.stmt], block: Block) -> list[str]:
        lines: list[str] = []
        for statement in statements:
            inline = _assigned(statement)
            for name in self._due(statement, block):
                if name not in inline or not self._all_new(inline, block):
                    lines.append(self._declaration(name))
                    self._declared.add(name)
            lines += self._statement(statement)
        return lines

    def _due(self, statement: ast.stmt, block: Block) -> list[str]:
        """Return the variables of ``block`` that ``statement`` is the first to name."""
        names = dict.fromkeys(node.id for node in ast.walk(statement) if isinstance(node, ast.Name))
        return [n for n in names if n not in self._declared and self._homes.get(n) == block]

    def _all_new(self, names: list[str], block: Block) -> bool:
        """Whether an assignment to ``names`` can declare them all."""
        return all(
            name not in self._declared and (self._homes.get(name) == block or name == "_")
            for name in names
        )

    def _declaration(self, name: str) -> str:
        kind = self._type_text(self._function.locals[name])
        return f"/** @type {{{kind}}} */ let {name};"

    # ------------------------------------------------------------ statements

    def _statement(self, node: ast.stmt) -> list[str]:
        match node:
            case ast.Pass():
                return []
            case ast.Return(value=ast.expr() as value):
                return [f"return {self._write.write(value)};"]
            case ast.Assign(targets=[target], value=value):
                return self._assignment(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                return self._assignment(target, value)
            case ast.AugAssign(target=ast.Name(id=name) as target, value=value):
                read = ast.Name(name, ast.Load())
                self._program.types[read] = self._program.types[target]
                return [f"{name} = {self._write.arithmetic(node, read, value)};"]
            case ast.If():
                return self._if(node)
            case ast.For():
                return self._for(node)
            case ast.While(test=test, body=body):
                inner = self._block(body, (node, "body"))
                return [f"while ({self._write.condition(test)}) {{", *_indented(inner), "}"]
            case ast.Break():
                return ["break;"]
            case ast.Continue():
                return ["continue;"]
        raise AssertionError(ast.dump(node))

    def _if(self, node: ast.If) -> list[str]:
        lines = [
            f"if ({self._write.condition(node.test)}) {{",
            *_indented(self._block(node.body, (node, "body"))),
        ]
        if not node.orelse:
            return [*lines, "}"]
        inner = self._block(node.orelse, (node, "orelse"))
        if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If) and inner[0][:3] == "if ":
            return [*lines, f"}} else {inner[0]}", *inner[1:]]
        return [*lines, "} else {", *_indented(inner), "}"]

    # ------------------------------------------------------------ assignments

    def _assignment(self, target: ast.expr, value: ast.expr) -> list[str]:
        if (pairs := _pairs(target, value)) is not None:
            return [line for one, its in pairs for line in self._single(one, its)]
        return self._single(target, value)

    def _single(self, target: ast.expr, value: ast.expr) -> list[str]:
        names = _targets(target)
        text = self._write.write(value)
        new = [name for name in names if name not in self._declared and name != "_"]
        if not new:
            pattern = self._pattern(target)
            if not any(name != "_" for name in names):
                return []
            return [f"({pattern} = {text});" if pattern[0] == "{" else f"{pattern} = {text};"]
        self._declared |= set(new)
        word = "const" if all(self._stored.count(name) == 1 for name in new) else "let"
        kind = self._program.types[target]
        doc = ""
        narrow = word == "const" and isinstance(value, (ast.Constant, ast.UnaryOp, ast.Attribute))
        if isinstance(target, ast.Name) and (narrow or isinstance(kind, (Fixed, Many))):
            doc = f"/** @type {{{self._type_text(kind)}}} */ "
        return [f"{doc}{word} {self._pattern(target)} = {text};"]

    def _pattern(self, target: ast.expr) -> str:
        match target:
            case ast.Name(id=name):
                return name
            case ast.Tuple(elts=elements):
                kind = self._program.types[target]
                inner = [self._hole(each) for each in elements]
                if isinstance(kind, Record):
                    parts = [
                        field if text == field else f"{field}: {text}"
                        for field, text in zip(kind.fields, inner, strict=True)
                        if text
                    ]
                    return f"{{ {', '.join(parts)} }}"
                return f"[{', '.join(inner)}]"
        raise AssertionError(ast.dump(target))

    def _hole(self, target: ast.expr) -> str:
        """Return the pattern of an element, nothing for one that is not read."""
        if isinstance(target, ast.Name) and target.id == "_":
            return ""
        return self._pattern(target)

    # ------------------------------------------------------------ loops

    def _for(self, node: ast.For) -> list[str]:
        names = _targets(node.target)
        own = all(self._homes.get(name) == (node, _HEAD) or name == "_" for name in names)
        if is_range(node.iter, frozenset(self._function.locals), ()):
            return self._counting(node, own=own)
        values = self._write.write(node.iter)
        if own and isinstance(node.target, ast.Name):
            name = self._write.temporary() if names[0] == "_" else names[0]
            self._declared |= set(names)
            const = name not in stored_names(node.body)
            head = f"for ({'const' if const else 'let'} {name} of {values}) {{"
            return [head, *_indented(self._block(node.body, (node, "body"))), "}"]
        if own:
            self._declared |= set(names) - {name for name in names if name == "_"}
            changed = set(names) & set(stored_names(node.body))
            word = "let" if changed else "const"
            head = f"for ({word} {self._pattern(node.target)} of {values}) {{"
            return [head, *_indented(self._block(node.body, (node, "body"))), "}"]
        each = self._write.temporary()
        pattern = self._pattern(node.target)
        first = f"({pattern} = {each});" if pattern[0] == "{" else f"{pattern} = {each};"
        new = [n for n in names if self._homes.get(n) == (node, _HEAD) and n != "_"]
        lines = [*map(self._declaration, new), first]
        self._declared |= set(new)
        lines += self._block(node.body, (node, "body"))
        return [f"for (const {each} of {values}) {{", *_indented(lines), "}"]

    def _counting(self, node: ast.For, *, own: bool) -> list[str]:
        """Write a loop over a range: its bounds are read once, and its body may change the name."""
        assert isinstance(node.iter, ast.Call)
        assert isinstance(node.target, ast.Name)
        name = node.target.id
        arguments = node.iter.args
        step = step_of(arguments[2]) if len(arguments) == 3 else 1
        start = "0" if len(arguments) == 1 else self._write.write(arguments[0])
        stop_node = arguments[0] if len(arguments) == 1 else arguments[1]
        simple = own and name != "_" and name not in stored_names(node.body)
        counter = name if simple else self._write.temporary()
        stop = self._write.write(stop_node)
        extra = ""
        if not isinstance(stop_node, ast.Constant):
            limit = self._write.temporary()
            extra, stop = f", {limit} = {stop}", limit
        sign = "<" if step > 0 else ">"
        move = f"{counter} += {step}" if step > 0 else f"{counter} -= {-step}"
        head = f"for (let {counter} = {start}{extra}; {counter} {sign} {stop}; {move}) {{"
        lines = []
        if not simple and name != "_":
            lines.append(f"let {name} = {counter};" if own else f"{name} = {counter};")
        self._declared.add(name)
        lines += self._block(node.body, (node, "body"))
        return [head, *_indented(lines), "}"]


def _indented(lines: list[str]) -> list[str]:
    return [textwrap.indent(line, "  ") for line in lines]


def _targets(target: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]


def _assigned(statement: ast.stmt) -> list[str]:
    """Return the names that the statement itself, not a part of it, assigns."""
    match statement:
        case ast.Assign(targets=[target]):
            return _targets(target)
        case ast.AnnAssign(target=target):
            return _targets(target)
    return []


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]] | None:
    """Return ``a, b = c, d`` as single assignments, None where that is something else."""
    if not (isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)):
        return None
    pairs = list(zip(target.elts, value.elts, strict=True))
    done: set[str] = set()
    for one, its in pairs:
        if not isinstance(one, ast.Name) or done & set(_targets(its)) or one.id in done:
            return None
        done.add(one.id)
    return pairs


def _homes(function: ast.FunctionDef, body: list[ast.stmt], names: set[str]) -> dict[str, Block]:
    """Return the innermost block that has all uses of each variable."""
    paths: dict[str, list[Block]] = {}
    for name, path in _uses(body, [(function, "body")]):
        if name in names:
            known = paths.get(name, path)
            common = [one for one, other in zip(known, path, strict=False) if one == other]
            paths[name] = common
    return {name: path[-1] for name, path in paths.items()}


def _uses(statements: list[ast.stmt], path: list[Block]) -> Iterator[tuple[str, list[Block]]]:
    for statement in statements:
        match statement:
            case ast.If(test=test, body=body, orelse=orelse):
                yield from _named(test, path)
                yield from _uses(body, [*path, (statement, "body")])
                yield from _uses(orelse, [*path, (statement, "orelse")])
            case ast.While(test=test, body=body):
                yield from _named(test, path)
                yield from _uses(body, [*path, (statement, "body")])
            case ast.For(target=target, iter=looped, body=body):
                yield from _named(looped, path)
                head = [*path, (statement, _HEAD)]
                yield from _named(target, head)
                yield from _uses(body, [*head, (statement, "body")])
            case _:
                yield from _named(statement, path)


def _named(node: ast.AST, path: list[Block]) -> Iterator[tuple[str, list[Block]]]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id, path
