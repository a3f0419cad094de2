"""The tests of the templates: here as they are, and in a folder that ``gameserver new`` made."""

from __future__ import annotations

import importlib
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path

import pytest

from gameserver.cli.new import Template, make_game

NAMES: tuple[Template, ...] = typing.get_args(Template)


def rules_of(name: str) -> list[tuple[str, Callable[[], None]]]:
    module = importlib.import_module(f"gameserver.templates.{name}.test_room")
    found = [(n, v) for n, v in vars(module).items() if n.startswith("test_")]
    return [(f"{name}-{n.removeprefix('test_')}", test) for n, test in found]


#: Random play takes a moment; it runs in the new folder.
QUICK = [
    pytest.param(test, id=identifier)
    for name in NAMES
    for identifier, test in rules_of(name)
    if "snapshot" not in identifier
]


@pytest.mark.parametrize("test", QUICK)
def test_the_rules_of_a_template(test: Callable[[], None]) -> None:
    test()


@pytest.mark.long
def test_new_games_pass_their_tests_and_the_strict_type_check(tmp_path: Path) -> None:
    """All at once, because the type checker reads the server first."""
    games = [f"my{template}" for template in NAMES]
    for game, template in zip(games, NAMES, strict=True):
        make_game(tmp_path / game, template)
    for arguments in (
        ["pytest", "-q", "-n0", "-W", "error", "-p", "no:cacheprovider"],
        ["mypy", "--strict", *games],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
