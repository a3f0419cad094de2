"""The public names of ``gameserver`` and ``clients``: what editors read is what Python imports."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import clients
import gameserver

PACKAGES = pytest.mark.parametrize("package", [gameserver, clients], ids=lambda p: p.__name__)


def typed_imports(package: ModuleType) -> Iterator[tuple[str, str]]:
    """Yield module and name of all that ``package`` imports for type checkers only."""
    assert package.__file__ is not None
    for node in ast.parse(Path(package.__file__).read_text()).body:
        if isinstance(node, ast.If):
            for statement in node.body:
                assert isinstance(statement, ast.ImportFrom)
                assert statement.module is not None
                yield from ((statement.module, alias.name) for alias in statement.names)


@PACKAGES
def test_type_checkers_and_python_see_the_same_names(package: ModuleType) -> None:
    typed = list(typed_imports(package))
    assert sorted(name for _, name in typed) == sorted(package.__all__)
    for module, name in typed:
        assert getattr(package, name) is getattr(importlib.import_module(module), name)


@PACKAGES
def test_dir_tells_of_every_public_name(package: ModuleType) -> None:
    assert set(package.__all__) <= set(dir(package))
    assert {"__name__", "__path__"} <= set(dir(package))


@PACKAGES
def test_an_unknown_name_is_an_attribute_error_that_names_the_package(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"{package.__name__}.*'nonsense'"):
        _ = package.nonsense


def test_a_name_is_looked_up_once() -> None:
    vars(gameserver).pop("Room", None)
    room = gameserver.Room
    assert vars(gameserver)["Room"] is room
