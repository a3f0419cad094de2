"""``gameserver step`` as a process, and its code before a type checker."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from gameserver.stepping import javascript_of
from tests.support.node_tools import require_node_packages
from tests.support.paths import NODE_TESTS, ROOT
from tests.support.random_steps import Writer

STEP = '''"""How a walker moves; not a comment's end: */."""

import math
from typing import NamedTuple

#: Metres in a tick.
PACE = 0.25
CORNERS = ((0, 1.5), (2, 2.5))


class Walker(NamedTuple):
    """Where it is."""

    x: float
    steps: int = 0


def walk(walker: Walker, turn: int, fast: bool = False) -> Walker:
    """Return the walker a tick later."""
    x, steps = walker
    pace = PACE * 2 if fast else PACE
    _, corner = CORNERS[turn % 2]
    return Walker(_bounded(x + pace * turn, corner), steps + 1)


def _bounded(x: float, limit: float) -> float:
    return max(-limit, min(x, math.sqrt(limit)))
'''

OPTIONS = {
    "checkJs": True,
    "allowJs": True,
    "strict": True,
    "noEmit": True,
    "types": [],
    "lib": ["es2022"],
    "skipDefaultLibCheck": True,
    "target": "es2022",
    "module": "es2022",
    "noImplicitReturns": True,
}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gameserver", "step", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def test_only_code_goes_to_standard_output(tmp_path: Path) -> None:
    (tmp_path / "walking.py").write_text(STEP)
    done = run(tmp_path, "walking")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("/**\n * Made from the Python module `walking`.")
    assert "    gameserver step walking\n" in done.stdout
    assert "export function walk(walker, turn, fast = false) {" in done.stdout
    assert "export const PACE = 0.25;" in done.stdout
    assert "\nfunction _bounded(" in done.stdout


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("walking", "gameserver: walking.py:2: a str is not in the subset\n"),
        ("walking.py", "gameserver: 'walking.py' names a file; name the module: walking\n"),
        ("nothing", "gameserver: there is no module nothing in "),
        ("a b", "gameserver: 'a b' is not the name of a module, as in mygame.movement\n"),
    ],
)
def test_a_refusal_is_a_line_and_no_code(tmp_path: Path, module: str, why: str) -> None:
    (tmp_path / "walking.py").write_text("def step() -> int:\n    return 'x'\n")
    done = run(tmp_path, module)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(why)


@pytest.mark.node
@pytest.mark.parametrize("programs", [10, pytest.param(50, marks=pytest.mark.long)])
def test_the_code_is_clean_to_a_strict_type_checker(
    programs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example, the arena's, every helper, and random programs."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    sources = {"typed_walking": STEP}
    for seed in range(programs):
        sources[f"typed_{seed}"] = Writer(random.Random(seed).choice).program()
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
        (tmp_path / f"{name}.js").write_text(javascript_of(name))
    for name in ("movement", "ship_step"):
        code = javascript_of(f"gameserver.games.arena.{name}")
        (tmp_path / f"{name}.js").write_text(code)
    helpers = (ROOT / "gameserver" / "stepping" / "runtime.js").read_text()
    (tmp_path / "helpers.js").write_text(f"{helpers}\nexport {{}};\n")
    compiler = NODE_TESTS / "node_modules" / "typescript" / "bin" / "tsc"
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS}))
    done = subprocess.run(
        [*require_node_packages(), str(compiler), "-p", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
