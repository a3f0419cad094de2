"""The choice of the implementation, and that the compiled modules were made of these sources."""

from __future__ import annotations

import os
import subprocess
import sys

from gameserver import accelerated
from gameserver.accelerated.build import LINUX_SOURCES, sources_digest
from tests.support.paths import ROOT

TELL = "from gameserver import accelerated as a; print(a.COMPILED, a.described(), sep='; ')"


def told_with(variable: str | None) -> str:
    environment = {k: v for k, v in os.environ.items() if k != accelerated.PURE_VARIABLE}
    if variable is not None:
        environment[accelerated.PURE_VARIABLE] = variable
    done = subprocess.run(
        [sys.executable, "-c", TELL],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def test_the_environment_chooses_the_pure_implementation() -> None:
    assert told_with("1") == "False; pure Python (GAMESERVER_PURE is set)"
    by_itself = told_with(None)
    assert by_itself in ("True; compiled", "False; pure Python (installed without a C compiler)")
    assert told_with("0") == told_with("") == by_itself


def test_without_a_twin_the_pure_one_is_chosen() -> None:
    assert accelerated.twin("no_such_twin", "pure") == "pure"


def test_the_compiled_modules_are_made_of_these_sources() -> None:
    """If not: ``python -m gameserver.accelerated.build``."""
    assert {module.SOURCES for module in accelerated.loaded()} <= {sources_digest()}


def test_every_source_is_loaded() -> None:
    sources = {file.stem for file in (ROOT / "gameserver" / "accelerated").glob("*.pyx")}
    assert sources == {*accelerated.MODULES, *accelerated.LINUX_MODULES}
    assert set(accelerated.LINUX_MODULES) == LINUX_SOURCES
