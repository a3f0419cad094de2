"""Lists every public attribute and method of the classes that a game author meets.

Owns the reading of the sources: names, types, defaults, docstrings, and ``#:`` comments, which
count for all attributes directly below them.  ``build_hooks.py`` makes a page of the lists.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Final

import attrs

from gameserver.group import Group
from gameserver.model.world import World
from gameserver.player import Player
from gameserver.room import Room
from gameserver.testing import Rehearsal
from gameserver.timers import Timer

CLASSES: Final = (Room, Player, World, Rehearsal, Group, Timer)
#: Methods that set attributes of a new instance.
_MAKERS: Final = ("__init__", "_prepare", "_begin")

INTRODUCTION: Final = """\
# Names of the game API

Every attribute and method of the classes that a game meets, in one list. The
[game API](api.md) describes them at length.
"""


@attrs.frozen
class Name:
    """An attribute or a method: how it is written, and what it is, in one paragraph."""

    name: str
    form: str
    what: str


def page() -> str:
    """Return the page with all classes."""
    return INTRODUCTION + "".join(_section(cls) for cls in CLASSES)


def _section(cls: type) -> str:
    rows = [f"| `{_cell(name.form)}` | {_cell(name.what)} |\n" for name in names_of(cls)]
    return f"\n## {cls.__name__}\n\n| | |\n|---|---|\n{''.join(rows)}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def names_of(cls: type) -> list[Name]:
    """Return the public names of ``cls``, in the order of its source."""
    source = textwrap.dedent(inspect.getsource(cls))
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    lines = source.splitlines()
    found: dict[str, Name] = {}
    for name in _names_in(tree, lines):
        if not name.name.startswith("_"):
            found.setdefault(name.name, name)
    return list(found.values())


def _names_in(tree: ast.ClassDef, lines: list[str]) -> Iterator[Name]:
    for statement, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                what = _docstring_after(after) or _comment_above(statement, lines)
                yield Name(name, _form(name, statement), what)
            case ast.FunctionDef() if statement.name in _MAKERS:
                yield from _attributes_in(statement, lines)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield _method(statement)


def _attributes_in(function: ast.FunctionDef, lines: list[str]) -> Iterator[Name]:
    for statement in function.body:
        match statement:
            case (
                ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name))
                | ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)])
            ):
                note = statement.annotation if isinstance(statement, ast.AnnAssign) else None
                form = name if note is None else f"{name}: {ast.unparse(note)}"
                yield Name(name, form, _comment_above(statement, lines))


def _form(name: str, statement: ast.AnnAssign | ast.Assign) -> str:
    value = "" if statement.value is None else f" = {ast.unparse(statement.value)}"
    if isinstance(statement, ast.Assign):
        return name + value
    note = re.sub(r"^ClassVar\[(.*)\]$", r"\1", ast.unparse(statement.annotation))
    return f"{name}: {note}{value}"


def _method(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Name:
    what = _paragraph(ast.get_docstring(function) or "")
    decorators = {ast.unparse(one) for one in function.decorator_list}
    returns = "" if function.returns is None else ast.unparse(function.returns)
    if "property" in decorators:
        return Name(function.name, f"{function.name}: {returns}", what)
    sort = "async " if isinstance(function, ast.AsyncFunctionDef) else ""
    arguments = re.sub(r"^(self|cls)(, )?", "", ast.unparse(function.args))
    return Name(function.name, f"{sort}{function.name}({arguments}) -> {returns}", what)


def _docstring_after(statement: ast.stmt | None) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return _paragraph(text)
    return ""


def _comment_above(statement: ast.stmt, lines: list[str]) -> str:
    """Return the ``#:`` comment of an attribute; those directly below another one share its."""
    number = statement.lineno - 2
    while number >= 0 and (line := lines[number].strip()) and not line.startswith("#"):
        number -= 1
    found: list[str] = []
    while number >= 0 and (line := lines[number].strip()).startswith("#:"):
        found.insert(0, line.removeprefix("#:").strip())
        number -= 1
    return _paragraph("\n".join(found))


def _paragraph(text: str) -> str:
    """Return the first paragraph of a docstring, with the code marks of Markdown."""
    first = inspect.cleandoc(text).split("\n\n")[0]
    return re.sub(r"``([^`]*)``", r"`\1`", " ".join(first.split()))
