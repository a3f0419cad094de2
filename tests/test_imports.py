"""The arrows of the design: which module may import which, and what pure modules never import."""

from __future__ import annotations

import ast
import functools
import pathlib
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

import pytest

import gameserver
from gameserver import storage
from tests.support.code_blocks import DOCUMENTS, blocks_of, name_of
from tests.support.paths import ROOT

#: Arrows point to the right: a module imports its own package, and what is further to the right.
#: ``gameserver`` alone stands for the public names in ``gameserver/__init__.py``.
ARROWS = """
docs, __main__ → cli → load, gym, workshop, templates, deploying, games.capture.bots → clients
→ games
→ gameserver → cluster → admin → runtime → config, seat_tickets
→ ops, tokens, trial, rehearsing.second_run → testing → rehearsing → state
→ simulation → room → group → player, calls, joining → timers → outbox → replication
→ protocol → model → stepping, storage, cluster.placement → cluster.directory
→ errors, identity, lazy_exports, signing, accelerated
"""
#: Packages that may import less than the chain says, besides themselves.
STRICTER = """
games → gameserver, storage
clients → games, protocol, model, errors, lazy_exports
"""

#: No time, sockets, tasks or chance from outside: these are arguments of a pure module.
PURE = (
    *(
        "errors",
        "group",
        "identity",
        "lazy_exports",
        "outbox",
        "player",
        "joining",
        "room",
        "testing",
        "timers",
    ),
    *("model", "simulation", "replication", "protocol", "games", "state", "stepping"),
    "rehearsing.script",
)
PURE_CLIENTS = (
    *("replica", "remote", "tickclock", "lead", "prediction", "interpolation", "effects"),
    *("budget", "others", "steering", "arena_ship", "pings", "frames", "bots.bot"),
    *("lab.conditioner", "lab.path", "lab.profiles", "lab.recovery"),
)
IMPURE = {
    *("asyncio", "os", "secrets", "select", "selectors", "signal", "socket", "ssl"),
    *("subprocess", "threading", "time", "trio", "trio_websocket"),
}
#: Distributions that no pure module imports, directly or by way of another module.
SHELL_LIBRARIES = ("trio", "trio_websocket", "wsproto", "structlog", "prometheus_client")


def module_of(file: pathlib.Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str) -> Iterator[str]:
    """Yield the full names of all that ``source`` imports, wherever in the file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            assert node.module is not None
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def within(name: str, packages: Collection[str]) -> str | None:
    """Return the package of ``packages`` that ``name`` lies in, the narrowest first."""
    for package in sorted(packages, key=len, reverse=True):
        if name == package or name.startswith(f"{package}."):
            return package
    return None


FILES = sorted(file for top in ("gameserver", "clients") for file in (ROOT / top).rglob("*.py"))
MODULES = [module_of(file) for file in FILES]
PURE_MODULES = [
    module
    for module in MODULES
    if module != "gameserver.games.capture.bots"  # clients that play the game
    and within(
        module, [*(f"gameserver.{name}" for name in PURE), *(f"clients.{n}" for n in PURE_CLIENTS)]
    )
]


@functools.cache
def all_imports() -> dict[str, list[str]]:
    """Return for each module the names that it imports, those for type checkers included."""
    return {module_of(file): list(imports_of(file.read_text())) for file in FILES}


# ---------------------------------------------------------------- arrows


def names_in(floor: str) -> tuple[str, ...]:
    """Return the full names of the packages in one place of the tables."""
    names = [name.strip() for name in floor.split(",")]
    return tuple(n if n in ("gameserver", "clients") else f"gameserver.{n}" for n in names)


def allowed() -> dict[str, tuple[str, ...]]:
    """Return what each package of the two tables may import besides itself."""
    floors = [names_in(floor) for floor in ARROWS.split("→")]
    arrows = {
        name: tuple(below for floor in floors[number + 1 :] for below in floor)
        for number, floor in enumerate(floors)
        for name in floor
    }
    for line in STRICTER.strip().splitlines():
        home, below = map(names_in, line.split("→"))
        arrows[home[0]] = below
    return arrows


def wrong_arrows(module: str, names: Collection[str]) -> list[str]:
    """Return which of the ``names`` that ``module`` imports it may not import."""
    arrows = allowed()
    places = {*arrows, *(below for line in arrows.values() for below in line)}
    home = within(module, places)
    assert home is not None, f"{module} has no place in the design"
    ours = [name for name in names if name.split(".")[0] in ("gameserver", "clients")]
    return [name for name in ours if within(name, places) not in (home, *arrows[home])]


def test_imports_follow_the_arrows() -> None:
    wrong = {module: wrong_arrows(module, names) for module, names in all_imports().items()}
    assert {module: names for module, names in wrong.items() if names} == {}


def test_an_upward_arrow_is_wrong() -> None:
    up = [
        "gameserver.runtime.net.link.Link",
        "gameserver.simulation.stepper",
        "gameserver.room.Room",
    ]
    assert wrong_arrows("gameserver.replication.seat", [*up, "gameserver.errors", "attrs"]) == up
    assert wrong_arrows("gameserver.room", ["gameserver.simulation.stepper.Stepper"])
    assert wrong_arrows("gameserver.model.world", ["gameserver.Room"])
    assert wrong_arrows("clients.replica", ["gameserver.room.Room", "clients.remote"])
    with pytest.raises(AssertionError, match="no place in the design"):
        wrong_arrows("benchmarks.moves", [])


# ---------------------------------------------------------------- circles


def module_in(name: str, modules: Collection[str]) -> str | None:
    """Return the module that an imported name is, or lies in."""
    while name not in modules:
        name, _, last = name.rpartition(".")
        if not last:
            return None
    return name


def circle_in(imports: Mapping[str, Collection[str]]) -> list[str]:
    """Return modules that import each other in a circle, or nothing."""
    graph = {
        module: {module_in(name, imports) for name in names} - {None, module}
        for module, names in imports.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


#: Imports that still close a circle: module and imported module.  This set only ever shrinks.
KNOWN_CIRCLES = {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circle_in(all_imports()) == []


def test_a_circle_is_found() -> None:
    assert circle_in({"a": ["b.B"], "b": ["c"], "c": ["os"]}) == []
    assert sorted(set(circle_in({"a": ["b.B"], "b": ["c", "os"], "c": ["a.x.y"]}))) == list("abc")
    assert circle_in({"a": ["a.X"]}) == [], "a package and what is in it"


def test_imports_for_type_checkers_count() -> None:
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a.b import c\n"
    assert "a.b.c" in imports_of(source)


def test_one_file_of_the_server_reaches_into_the_websocket_library() -> None:
    libraries = ("trio_websocket", "wsproto")
    users = {
        module
        for module, names in all_imports().items()
        if any(within(n, libraries) for n in names)
    }
    assert users == {"gameserver.runtime.net.websocket", "clients.connection"}


# ---------------------------------------------------------------- games


def inner_names(names: Collection[str]) -> list[str]:
    """Return which of these imports are of ``gameserver``, but not public."""
    public = {f"{of.__name__}.{name}" for of in (gameserver, storage) for name in of.__all__}
    ours = [name for name in names if within(name, ["gameserver"])]
    return [name for name in ours if name not in public and not within(name, ["gameserver.games"])]


def test_games_import_public_names_only() -> None:
    games = [module for module in MODULES if within(module, ["gameserver.games"])]
    inner = {module: inner_names(all_imports()[module]) for module in games}
    assert {module: names for module, names in inner.items() if names} == {}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_games_in_documents_import_public_names_only(document: pathlib.Path) -> None:
    for block in blocks_of(document):
        if block.language == "python" and "(Room)" in block.body:
            assert inner_names(list(imports_of(block.body))) == []


def test_a_game_that_imports_inner_names_is_found() -> None:
    inner = ["gameserver.room.Room", "gameserver.spawn", "gameserver.model.schema.entity"]
    good = ["gameserver.Room", "gameserver.games.names", "attrs", "math"]
    assert inner_names([*inner, *good]) == inner


# ---------------------------------------------------------------- purity


def test_pure_modules_import_nothing_that_waits_or_looks_at_a_clock() -> None:
    impure = {
        module: names
        for module in PURE_MODULES
        if (names := {name.split(".")[0] for name in all_imports()[module]} & IMPURE)
    }
    assert impure == {}


def test_pure_modules_import_where_the_shell_cannot() -> None:
    source = (
        "import importlib, sys\n"
        f"for name in {SHELL_LIBRARIES}: sys.modules[name] = None\n"
        f"for name in {PURE_MODULES}: importlib.import_module(name)\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True, cwd=ROOT, timeout=60)


# ---------------------------------------------------------------- the walk itself


def test_the_walk_sees_every_form_of_import() -> None:
    source = "import a.b\nfrom c import d\nif x:\n    import e\ndef f():\n    from g.h import i\n"
    assert list(imports_of(source)) == ["a.b", "c.d", "e", "g.h.i"]


def test_the_narrowest_package_rules() -> None:
    assert within("gameserver.model.grid", PURE_MODULES) == "gameserver.model.grid"
    assert within("gameserver.modelling", ["gameserver.model"]) is None
    assert within("a.b.c", ["a", "a.b"]) == "a.b"


def test_there_is_something_to_walk() -> None:
    assert {"gameserver", "gameserver.room", "gameserver.runtime.server", "clients"} <= {*MODULES}
    assert "gameserver.simulation.stepper" in PURE_MODULES
