"""A model of a disk that loses power: writes since the last sync land in any order, or do not.

Owns what may be left of files and of their folder.  Only what was synced is sure: the bytes of a
file since its ``fsync``, and the name of a new file since that of its folder.  Of all later writes
any may have landed, whole or in part; a hole holds zeros.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Final

import attrs
from hypothesis import strategies as st

#: The least that a disk writes at once.
SECTOR_BYTES: Final = 512


@attrs.frozen
class Wrote:
    """Bytes were appended to a file."""

    path: Path
    data: bytes


@attrs.frozen
class Synced:
    """A file was synced, or the folder (None)."""

    path: Path | None


@attrs.define
class DiskLog:
    """All that was done to a disk, in order, and what was promised meanwhile.

    ``open``, ``fsync`` and ``sync_folder`` stand in for those of the system.
    """

    done: list[Any] = attrs.field(factory=list)
    _files: list[_File] = attrs.field(factory=list)

    def open(self, path: Path, mode: str, buffering: int) -> _File:
        assert (mode, buffering) == ("xb", 0)
        self._files.append(_File(len(self._files), path, self))
        self.done.append(Wrote(path, b""))
        return self._files[-1]

    def fsync(self, number: int) -> None:
        self.done.append(Synced(self._files[number].path))

    def sync_folder(self, _folder: Path) -> None:
        self.done.append(Synced(None))


@attrs.frozen
class _File:
    number: int
    path: Path
    log: DiskLog

    def write(self, data: bytes) -> int:
        self.log.done.append(Wrote(self.path, bytes(data)))
        return len(data)

    def fileno(self) -> int:
        return self.number

    def close(self) -> None:
        pass


@attrs.define
class _Left:
    """A file on the disk: its synced bytes, and the writes since then."""

    synced: bytes = b""
    later: list[bytes] = attrs.field(factory=list)
    named: bool = False


def after_power_loss(done: list[Any], draw: Any) -> dict[Path, bytes]:
    """Return the files that may be left when the power fails after ``done``; ``draw`` chooses."""
    files: dict[Path, _Left] = {}
    for one in done:
        match one:
            case Wrote(path, data):
                files.setdefault(path, _Left()).later.append(data)
            case Synced(None):
                for file in files.values():
                    file.named = True
            case Synced(path):
                file = files[path]
                file.synced, file.later = file.synced + b"".join(file.later), []
    return {
        path: _landed(file, draw)
        for path, file in files.items()
        if file.named or draw(st.booleans())
    }


def _landed(file: _Left, draw: Any) -> bytes:
    content = bytearray(file.synced)
    at = len(content)
    for data in file.later:
        how = draw(st.sampled_from(["lost", "whole", "torn"]))
        if how == "whole" and data:
            _put(content, at, data)
        elif how == "torn":
            sectors = range(0, len(data), SECTOR_BYTES)
            landed = draw(st.lists(st.sampled_from(sectors), max_size=4)) if sectors else []
            for begin in landed:
                _put(content, at + begin, data[begin : begin + SECTOR_BYTES])
        at += len(data)
    return bytes(content)


def _put(content: bytearray, at: int, data: bytes) -> None:
    content.extend(itertools.repeat(0, max(0, at + len(data) - len(content))))
    content[at : at + len(data)] = data
