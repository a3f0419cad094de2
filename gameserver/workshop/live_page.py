"""The page's files as they are now: read at each request, with the script of ``gameserver dev``.

Owns reading them and the script's line in HTML.  The files that may be served are decided by
``page_folder.py``, as for every server.
"""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Callable, Mapping
from importlib.resources.abc import Traversable
from typing import Final

from gameserver.runtime.http.assets import Asset, Assets, read_asset

#: Loads the overlay, and the page again when it has changed.
SCRIPT: Final = b'<script type="module" src="/dev/overlay.js"></script>\n'


class LivePage(Assets):
    """``files`` lists the files of the author's page, by the path of their URL."""

    def __init__(self, root: Traversable, files: Callable[[], Mapping[str, pathlib.Path]]) -> None:
        super().__init__(root)
        self._list = files

    def find(self, path: str) -> Asset | None:
        """Return the author's file at this moment, or else the server's."""
        own = self._list().get(self.name_of(path))
        if own is None:
            found = super().find(path)
        else:
            try:
                found = read_asset(own)
            except OSError:  # it has just been removed
                return None
        return found if found is None else with_script(found)


def with_script(asset: Asset) -> Asset:
    """Return an HTML file with the script; any other file as it is."""
    if not asset.content_type.startswith("text/html"):
        return asset
    before, end, after = asset.body.partition(b"</head>")
    body = before + SCRIPT + end + after if end else SCRIPT + asset.body
    return Asset(body, asset.content_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
