"""Every code block of README and of the documentation is run as printed, or says why it is not.

The blocks of a document share a folder, in the order in which they are printed:

- A Python block whose docstring begins with a file name is saved under that name.  All such
  programs pass ``mypy --strict``, and no two of them have one name.
- ``<!-- after: PAGE -->``, on a line of its own, saves the programs of another page before.
- ``<!-- file: NAME -->`` before a block saves it under that name.
- ``<!-- run -->`` runs a shell block, which must succeed.  ``<!-- run: server -->`` runs it until
  it prints its address, and then lets it serve the blocks that follow.
- ``<!-- prints -->`` marks what the command before it prints; ``…`` stands for anything.
- ``<!-- fragment -->`` marks a part of a program.  Parts in Python must parse.
- ``<!-- not run: REASON -->`` marks everything else.  What it tells ``gameserver`` must at least be
  a command line that ``gameserver`` takes.

Blocks in ``text`` without a mark are pictures.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from gameserver.cli import app
from tests.support.code_blocks import (
    DOCUMENTS,
    Block,
    blocks_of,
    name_of,
    save_files,
)
from tests.support.paths import ROOT
from tests.system.servers import running_server

MARKS = ("run", "prints", "fragment", "not run")

PRINTED_ADDRESS = "127.0.0.1:8000"
RUN_DEADLINE_S = 120
#: A reader has pytest without the plugins of our tests, which take a second to import.
READERS_ENVIRONMENT = {
    **os.environ,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}

#: The programs are checked in a new folder each time, and the library only where it changed.
MYPY_CACHE = ROOT / ".mypy_cache" / "documents"

#: Read first, so tried first.
SHORT = ("README.md", "gameserver/docs/pages/tutorial/page.md")
WITH_COMMANDS = [
    pytest.param(document, marks=() if name_of(document) in SHORT else pytest.mark.long)
    for document in DOCUMENTS
    if any(block.mark == "run" for block in blocks_of(document))
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_block_is_run_or_says_why_not(document: Path) -> None:
    for block in blocks_of(document):
        if block.file is not None or (block.language == "text" and not block.mark):
            continue
        assert block.mark in MARKS, f"a block without a mark:\n{block.body}"
        assert block.mark != "not run" or block.reason, f"why is it not run?\n{block.body}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_no_block_is_missed(document: Path) -> None:
    fences = [line for line in document.read_text().splitlines() if "```" in line or "~~~" in line]
    assert len(fences) == 2 * len(list(blocks_of(document)))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_fragments_parse(document: Path) -> None:
    for block in blocks_of(document):
        if block.language == "python" and block.file is None:
            compile(block.body, name_of(document), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def command_lines(block: Block) -> list[list[str]]:
    """Return the arguments of each call of ``gameserver`` in a shell block."""
    joined = block.body.replace("\\\n", " ")
    calls = re.findall(r"(?:^|\s)\.venv/bin/gameserver ([^&|>\n]*)", joined)
    return [shlex.split(call, comments=True) for call in calls]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_the_command_line_takes_what_is_printed(document: Path) -> None:
    for block in blocks_of(document):
        if block.language == "sh":
            for arguments in command_lines(block):
                app.parse_args(arguments, exit_on_error=False, print_error=False)


def test_programs_are_typed(tmp_path: Path) -> None:
    bodies: dict[str, str] = {}
    for document in DOCUMENTS:
        for file in save_files(document, tmp_path):
            body = (tmp_path / file).read_text()
            assert bodies.setdefault(file, body) == body, f"{file} is printed in two versions"
    programs = [file for file in bodies if file.endswith(".py")]
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", MYPY_CACHE, *programs],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=name_of)
def test_commands_run_as_printed(document: Path, tmp_path: Path) -> None:
    """In their order, in one folder, with the interpreter of this test run as its ``.venv``."""
    save_files(document, tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    address, printed = PRINTED_ADDRESS, ""
    with ExitStack() as servers:
        for block in blocks_of(document):
            if block.mark == "prints":
                pattern = re.escape(block.body).replace("…", ".*")
                assert re.fullmatch(pattern, printed), printed
            elif block.mark == "run" and block.reason == "server":
                [arguments] = command_lines(block)
                server = servers.enter_context(
                    running_server([*arguments, "--port", "0"], cwd=tmp_path)
                )
                address = f"127.0.0.1:{server.port}"
                for program in tmp_path.glob("*.py"):
                    program.write_text(program.read_text().replace(PRINTED_ADDRESS, address))
            elif block.mark == "run":
                printed = output_of(block.body.replace(PRINTED_ADDRESS, address), tmp_path)


def output_of(commands: str, folder: Path) -> str:
    run = subprocess.run(
        ["bash", "-euc", commands],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_DEADLINE_S,
        env=READERS_ENVIRONMENT,
    )
    assert run.returncode == 0, f"{commands}\n{run.stdout}\n{run.stderr}"
    return run.stdout
