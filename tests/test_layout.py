"""The layout of the tests: which file may import which."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from tests.support.paths import ROOT, TESTS

FILES = sorted(TESTS.rglob("*.py"))


def name_of(file: Path) -> str:
    return file.relative_to(TESTS).as_posix()


@functools.cache
def imported(file: Path) -> set[str]:
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: a relative import"
            module = node.module or ""
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def test_tests_import_no_other_tests() -> None:
    others = {
        name_of(file): names
        for file in FILES
        if (names := {n for n in imported(file) if n.split(".")[-1].startswith("test_")})
    }
    assert others == {}


def test_only_tests_of_the_benchmarks_import_benchmarks() -> None:
    wrong = [
        name_of(file)
        for file in FILES
        if not file.is_relative_to(TESTS / "benchmarks")
        if any(name.split(".")[0] == "benchmarks" for name in imported(file))
    ]
    assert wrong == []


def test_every_folder_with_tests_is_a_package() -> None:
    """Else two test files could not have the same name."""
    folders = {file.parent for file in FILES if "rooms" not in file.parts}
    bare = {f.relative_to(ROOT).as_posix() for f in folders if not (f / "__init__.py").exists()}
    assert bare == set()
