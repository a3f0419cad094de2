"""The files of an author's folder that are served as the page.

Owns leaving out what no browser needs and what lies elsewhere, and refusing a folder that holds
secrets: a folder given by mistake, such as that of the whole game, must not publish them.  Never
reads the files that are served; ``assets.py`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import structlog

from gameserver.errors import GameServerError
from gameserver.runtime.http.assets import is_served

log = structlog.get_logger(__name__)

INDEX: Final = "/index.html"
#: How much of a file is searched for a private key.  A certificate, or a list of attributes, may
#: come before it.
SEARCHED_BYTES: Final = 64 * 1024
_PRIVATE_KEY: Final = re.compile(rb"^-----BEGIN [A-Z0-9 ]*PRIVATE KEY", re.MULTILINE)
#: So many files that are left out are named in the log.
MAX_NAMED: Final = 10


class PageError(GameServerError):
    """The folder cannot be served; the text is one line and names the file."""


def page_files(folder: Path, private: Iterable[Path | None] = ()) -> dict[str, Path]:
    """Return the files of ``folder`` that are served, by the path of their URL.

    Left out, and named in the log: what has none of the suffixes of ``assets.py``, what cannot be
    read, and links that lead out of the folder or to nothing.  ``PageError`` if there is no
    ``index.html``, or if the folder holds one of the files in ``private`` or a private key.
    """
    refuse_private(folder, private)
    walk = _Walk(folder)
    files = dict(walk.files())
    if INDEX not in files:
        why = walk.left_out.get(INDEX)
        raise PageError(f"page: {'there is no' if why is None else why + ':'} {folder}{INDEX}")
    for path, why in list(walk.left_out.items())[:MAX_NAMED]:
        log.warning("a file of the page is left out", file=f"{folder}{path}", why=why)
    if walk.other_types:
        log.info("files of these types are left out of the page", types=sorted(walk.other_types))
    return files


def refuse_private(folder: Path, private: Iterable[Path | None]) -> None:
    """Raise ``PageError`` if a file in ``private`` is in ``folder``."""
    home = folder.resolve()
    for file in private:
        if file is not None and file.resolve().is_relative_to(home):
            raise PageError(
                f"page: {file} is in {folder}, which everyone can read; keep it elsewhere"
            )


class _Walk:
    """One walk through a folder: what it found, and what it left out and why, by URL path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = folder.resolve()
        self.left_out: dict[str, str] = {}
        self.other_types: set[str] = set()

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield what is served; ``PageError`` at a private key."""
        if self._home.is_dir():
            yield from self._below(self._home, "", frozenset({self._home}))

    def _below(
        self, directory: Path, path: str, above: frozenset[Path]
    ) -> Iterator[tuple[str, Path]]:
        try:
            entries = sorted(directory.iterdir())
        except OSError as error:
            self.left_out[path] = str(error.strerror)
            return
        for entry in entries:
            if entry.name.startswith((".", "__")):
                continue  # editors' and Python's own files are nobody's business
            below = f"{path}/{entry.name}"
            target = self._target(entry, below)
            if target is None:
                continue
            if target.is_dir():
                if target in above:
                    self.left_out[below] = "a link to a folder that it is in"
                else:
                    yield from self._below(target, below, above | {target})
            elif self._may_be_served(target, below):
                yield below, target

    def _target(self, entry: Path, path: str) -> Path | None:
        """Return what ``entry`` is or leads to; None if that is elsewhere or nothing."""
        try:
            target = entry.resolve(strict=True)
        except (OSError, RuntimeError):  # RuntimeError: a circle of links, before Python 3.13
            self.left_out[path] = "a link to nothing"
            return None
        if target.is_relative_to(self._home):
            return target
        self.left_out[path] = "a link out of the folder"
        return None

    def _may_be_served(self, file: Path, path: str) -> bool:
        if not file.is_file():  # reading a pipe would wait for ever
            self.left_out[path] = "no plain file"
            return False
        served = is_served(path)
        try:
            with file.open("rb") as opened:
                beginning = opened.read(SEARCHED_BYTES)
        except OSError as error:
            if served:
                self.left_out[path] = str(error.strerror)
            return False
        if _holds_private_key(beginning):
            raise PageError(
                f"page: {self._folder}{path} holds a private key; keep it out of that folder"
            )
        if not served:
            self.other_types.add(file.suffix or file.name)
        return served


def _holds_private_key(beginning: bytes) -> bool:
    """Whether a file is a private key in PEM, or a certificate with one behind it."""
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")
    return text.startswith((b"-----BEGIN ", b"Bag Attributes")) and bool(_PRIVATE_KEY.search(text))
