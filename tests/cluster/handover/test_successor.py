"""The command line by which a program is started again."""

from __future__ import annotations

import sys
from pathlib import Path

from gameserver.cluster.handover.successor import Command, _arguments


def test_a_script_is_run_by_itself_and_a_module_by_this_python(tmp_path: Path) -> None:
    script = tmp_path / "gameserver"
    script.write_text("#!/srv/release/bin/python\n")
    script.chmod(0o755)
    assert _arguments(["python", str(script), "serve"]) == [str(script), "serve"]
    module = ["python", "-m", "gameserver", "serve"]
    assert _arguments(module) == [sys.executable, *module[1:]]
    script.chmod(0o644)
    assert _arguments(["python", str(script)]) == [sys.executable, str(script)]
    program = tmp_path / "game.py"
    program.write_text("#!/usr/bin/env python3\n")
    program.chmod(0o755)
    assert _arguments(["python", str(program)]) == [sys.executable, str(program)]


def test_the_folder_is_the_path_that_was_gone_to(tmp_path: Path, monkeypatch) -> None:
    release, current = tmp_path / "release", tmp_path / "current"
    release.mkdir()
    current.symlink_to(release)
    monkeypatch.chdir(current)
    monkeypatch.setenv("PWD", str(current))
    assert Command().folder == current
    monkeypatch.setenv("PWD", str(tmp_path))
    assert Command().folder == release
