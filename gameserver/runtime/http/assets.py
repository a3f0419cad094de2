"""The static files of the game page, held in memory.

Owns finding a file for a URL path and what HTTP needs to know about it. Reads only below
its roots, never by joining a path that came from outside: a request names an entry of the
index made by walking the roots, or nothing.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import os
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

#: By suffix; a file with any other is not served.  Written out, since ``mimetypes`` answers by what
#: the machine's registry happens to hold.
CONTENT_TYPES: Final = {
    ".aac": "audio/aac",
    ".avif": "image/avif",
    ".bin": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".data": "application/octet-stream",
    ".flac": "audio/flac",
    ".fnt": "text/plain; charset=utf-8",
    ".frag": "text/plain; charset=utf-8",
    ".gif": "image/gif",
    ".glb": "model/gltf-binary",
    ".glsl": "text/plain; charset=utf-8",
    ".gltf": "model/gltf+json",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".ktx2": "image/ktx2",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".pck": "application/octet-stream",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".vert": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".wgsl": "text/plain; charset=utf-8",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}


@attrs.frozen
class Asset:
    """One file: its bytes, content type and strong entity tag (RFC 9110, 8.8.3)."""

    body: bytes
    content_type: str
    etag: str


class Assets:
    """The files in ``page``, by URL path, and below ``root``, for people and browsers to fetch.

    Of two files with one path that of the page is meant.  Read once.
    """

    def __init__(self, root: Traversable, page: Mapping[str, Traversable] | None = None) -> None:
        files = {path: file for path, file in _walk(root, "") if is_served(path)}
        self._files = {path: read_asset(file) for path, file in (files | dict(page or {})).items()}

    def find(self, path: str) -> Asset | None:
        """The file for the path of a URL (no query; percent-encoded), or None.

        A path that ends in ``/`` names the ``index.html`` there.
        """
        return self._files.get(self.name_of(path))

    @staticmethod
    def name_of(path: str) -> str:
        """Return the name of a file in the index, for the path of a URL."""
        name = unquote(path, errors="replace")
        return f"{name}index.html" if name.endswith("/") else name


def is_served(path: str) -> bool:
    """Whether a file of this name is one for browsers."""
    return _suffix(path) in CONTENT_TYPES


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


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


def read_asset(file: Traversable) -> Asset:
    """Read a file, whose suffix is one of ``CONTENT_TYPES``."""
    body = file.read_bytes()
    return Asset(
        body=body,
        content_type=CONTENT_TYPES[_suffix(file.name)],
        etag=f'"{hashlib.sha256(body).hexdigest()[:16]}"',
    )
