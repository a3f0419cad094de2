"""The arrows of the design: who may import whom, and what pure files never import."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest
from paths import ROOT

FILES = sorted(file for top in ("gameserver", "clients") for file in (ROOT / top).rglob("*.py"))

#: Time, sockets, tasks, chance from outside: arguments in a pure file, never imports.
IMPURE = {
    "asyncio",
    "os",
    "secrets",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
    "trio",
    "trio_websocket",
}

#: Distributions that no pure module imports, directly or by way of another module.
SHELL_LIBRARIES = ("trio", "trio_websocket", "wsproto", "structlog", "prometheus_client")

PURE = (
    "gameserver.errors",
    "gameserver.identity",
    "gameserver.lazy_exports",
    "gameserver.inputs",
    "gameserver.player",
    "gameserver.rewind",
    "gameserver.room",
    "gameserver.room_check",
    "gameserver.testing",
    "gameserver.model",
    "gameserver.replication",
    "gameserver.protocol",
    "gameserver.games",
    "clients.lab.conditioner",
    "clients.lab.path",
    "clients.lab.profiles",
    "clients.lab.recovery",
    "clients.replica",
    "clients.remote",
    "clients.tickclock",
    "clients.lead",
    "clients.prediction",
    "clients.interpolation",
    "clients.effects",
    "clients.budget",
    "clients.others",
    "clients.steering",
    "clients.arena_ship",
    "clients.pings",
)

#: Package → all that it may import of ours besides itself.
ARROWS = {
    "gameserver.errors": (),
    "gameserver.model": ("gameserver.errors",),
    "gameserver.protocol": ("gameserver.errors", "gameserver.model"),
    "gameserver.replication": ("gameserver.errors", "gameserver.model", "gameserver.protocol"),
    "gameserver.inputs": (),
    "gameserver.rewind": ("gameserver.protocol.latency",),
    "gameserver.player": (
        "gameserver.errors",
        "gameserver.inputs",
        "gameserver.protocol",
        "gameserver.replication",
    ),
    "gameserver.identity": (),
    "gameserver.lazy_exports": (),
    "gameserver.tokens": ("gameserver.errors", "gameserver.identity"),
    "gameserver.room": (
        "gameserver.identity",
        "gameserver.player",
        "gameserver.rewind",
        "gameserver.errors",
        "gameserver.model",
        "gameserver.protocol",
        "gameserver.replication",
    ),
    "gameserver.room_check": ("gameserver.errors", "gameserver.room"),
    "gameserver.testing": (
        "gameserver.errors",
        "gameserver.model",
        "gameserver.player",
        "gameserver.replication",
        "gameserver.room",
    ),
    "gameserver.games": (
        "gameserver.errors",
        "gameserver.model",
        "gameserver.protocol",
        "gameserver.room",
    ),
    "gameserver.ops": ("gameserver.errors",),
    "gameserver.config": ("gameserver.errors", "gameserver.ops.logging"),
    "clients": (
        "gameserver.errors",
        "gameserver.games",
        "gameserver.lazy_exports",
        "gameserver.model",
        "gameserver.protocol",
    ),
}

#: Modules whose imports are not ruled: they are at the top and nothing below imports them.
TOP = ("gameserver.runtime", "gameserver.cli", "gameserver.__main__", "gameserver")


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


def within(name: str, packages: tuple[str, ...] | dict[str, object]) -> str | None:
    """Return the package of ``packages`` that ``name`` lies in, the narrowest first."""
    for package in sorted(packages, key=len, reverse=True):
        if name == package or name.startswith(f"{package}."):
            return package
    return None


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_imports_follow_the_arrows(file: pathlib.Path) -> None:
    module = module_of(file)
    home = within(module, ARROWS)  # type: ignore[arg-type]
    if home is None:
        assert within(module, TOP) is not None, f"{module} has no place in the design"
        return
    for name in imports_of(file.read_text()):
        if name.split(".")[0] in ("gameserver", "clients"):
            assert within(name, (home, *ARROWS[home])), f"{module} imports {name}"


@pytest.mark.parametrize("file", [f for f in FILES if within(module_of(f), PURE)], ids=module_of)
def test_pure_files_import_nothing_that_waits_or_looks_at_a_clock(file: pathlib.Path) -> None:
    used = {name.split(".")[0] for name in imports_of(file.read_text())}
    assert not used & IMPURE


def test_pure_modules_import_where_the_shell_cannot() -> None:
    modules = [module_of(file) for file in FILES if within(module_of(file), PURE)]
    source = (
        "import importlib, sys\n"
        f"for name in {SHELL_LIBRARIES}: sys.modules[name] = None\n"
        f"for name in {modules}: importlib.import_module(name)\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True, cwd=ROOT, timeout=60)


def test_the_walk_sees_every_form_of_import() -> None:
    source = "import a.b\nfrom c import d\nif x:\n    import e\ndef f():\n    from g.h import i\n"
    assert list(imports_of(source)) == ["a.b", "c.d", "e", "g.h.i"]


def test_the_narrowest_package_rules() -> None:
    assert within("gameserver.model.grid", PURE) == "gameserver.model"
    assert within("gameserver.modelling", PURE) is None


def test_there_is_something_to_walk() -> None:
    modules = {module_of(file) for file in FILES}
    assert {"gameserver", "gameserver.room", "gameserver.runtime.server", "clients"} <= modules
