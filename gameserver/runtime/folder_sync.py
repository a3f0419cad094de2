"""Makes the names of files safe from a power loss.

A new file can be lost with all its synced bytes, if the folder that names it was not synced.
"""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder safe; ``OSError`` if that fails."""
    if os.name == "nt":
        return  # folders cannot be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
