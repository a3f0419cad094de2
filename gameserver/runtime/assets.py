"""The static files of the game page, held in memory.

Owns finding a file for a URL path and what HTTP needs to know about it. Reads only below
its roots, never by joining a path that came from outside: a request names an entry of the
index made by walking the roots, or nothing.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import os
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import unquote

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""Written out, since ``mimetypes`` answers by what the machine's registry happens to hold."""


@attrs.frozen
class Asset:
    """One file: its bytes, content type and strong entity tag (RFC 9110, 8.8.3)."""

    body: bytes
    content_type: str
    etag: str


class Assets:
    """The files below ``roots``, for people and browsers to fetch.

    Of files with one path that of the earliest root is meant.  Read once.
    """

    def __init__(self, *roots: Traversable) -> None:
        files = chain.from_iterable(_walk(root, "") for root in reversed(roots))
        self._files = {path: _read(file) for path, file in files}

    def find(self, path: str) -> Asset | None:
        """The file for the path of a URL (no query; percent-encoded), or None.

        A path that ends in ``/`` names the ``index.html`` there.
        """
        name = unquote(path, errors="replace")
        if name.endswith("/"):
            name += "index.html"
        return self._files.get(name)


def web_client() -> Traversable:
    """The directory of the browser client that ships in the wheel."""
    return importlib.resources.files("clients") / "web"


def _walk(directory: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    if not directory.is_dir():
        return
    for entry in directory.iterdir():
        if entry.name.startswith((".", "__")):
            continue  # editors' and Python's own files are nobody's business
        below = f"{path}/{entry.name}"
        if entry.is_dir():
            yield from _walk(entry, below)
        else:
            yield below, entry


def _read(file: Traversable) -> Asset:
    body = file.read_bytes()
    suffix = os.path.splitext(file.name)[1].lower()
    return Asset(
        body=body,
        content_type=CONTENT_TYPES.get(suffix, "application/octet-stream"),
        etag=f'"{hashlib.sha256(body).hexdigest()[:16]}"',
    )
