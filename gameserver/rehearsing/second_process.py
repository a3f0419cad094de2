"""Plays a room in another process, whose sets iterate in another order.

Owns the process: what it is told, and the frames that it writes.  ``second_run.py`` runs in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

import attrs

from gameserver.errors import LocalProtocolError
from gameserver.room import Room

#: A frame is its length, in this many bytes, followed by the state after one tick.
LENGTH_BYTES: Final = 4
#: Exit code if the class of the room cannot be imported.
NOT_IMPORTED: Final = 3
TIMEOUT_S: Final = 600.0


@attrs.frozen
class Run:
    """The play to repeat: a new room of a class, with random players."""

    module: str
    qualname: str
    name: str
    seed: int
    ticks: int
    players: int
    script_seed: int


@attrs.frozen
class Outcome:
    """The states that the second process has written, and why it wrote no more, if it failed."""

    states: list[bytes]
    failure: str | None


def importable(room: type[Room]) -> tuple[str, str]:
    """Return the module and the name under which another process finds ``room``."""
    module, qualname = room.__module__, room.__qualname__
    found: Any = None
    if module != "__main__":
        found = sys.modules.get(module)
        for part in qualname.split("."):
            found = getattr(found, part, None)
    if found is not room:
        raise LocalProtocolError(
            f"{room.__name__} is played in a second process, which cannot import {module}."
            f"{qualname}: define the class at the top of a module"
        )
    return module, qualname


def room_class_of(run: Run) -> type[Room]:
    """Return the class to play, in the second process."""
    found: Any = import_module(run.module)
    for part in run.qualname.split("."):
        found = getattr(found, part)
    room: type[Room] = found
    return room


def play_elsewhere(run: Run) -> Outcome:
    """Play in another process with another hash seed."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "PYTHONHASHSEED": _other_hash_seed(),
    }
    done = subprocess.run(
        [sys.executable, "-m", "gameserver.rehearsing.second_run"],
        input=json.dumps(attrs.asdict(run)).encode(),
        capture_output=True,
        timeout=TIMEOUT_S,
        env=environment,
        check=False,
    )
    last_line = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
    if done.returncode == NOT_IMPORTED:
        raise LocalProtocolError(
            f"a second process cannot import {run.module}.{run.qualname}: {last_line}"
        )
    return Outcome(list(_frames(done.stdout)), last_line if done.returncode else None)


def _other_hash_seed() -> str:
    return "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"


def _frames(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = start + LENGTH_BYTES + int.from_bytes(data[start : start + LENGTH_BYTES], "big")
        yield data[start + LENGTH_BYTES : end]
        start = end
