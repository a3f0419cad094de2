"""Opening a storage by its address.

Owns the forms of an address, and the choice of the engine.  The package of an engine is imported
only when it is needed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from gameserver.storage.database import Database
from gameserver.storage.errors import StorageError
from gameserver.storage.store import Storage


async def open_storage(url: str, clock: Callable[[], float] = time.time) -> Storage:
    """Open ``sqlite:FILE`` or ``postgresql://…``, and bring its tables up to date.

    Raises ``StorageRefused`` for a database that must not be touched, ``StorageUnavailable`` if it
    does not answer, and ``StorageError`` if the package for it is not installed.
    """
    return Storage(await _open_database(url), clock)


async def _open_database(url: str) -> Database:
    scheme = _scheme(url)
    try:
        if scheme == "sqlite" and url.removeprefix("sqlite:"):
            from gameserver.storage.sqlite import SQLite

            return await SQLite.open(Path(url.removeprefix("sqlite:")))
        if scheme in ("postgresql", "postgres"):
            from gameserver.storage.postgres import Postgres

            return await Postgres.open(url)
    except ImportError as error:
        extra = "storage" if scheme == "sqlite" else "postgres"
        raise StorageError(
            f"storage: {error.name} is not installed: pip install 'trio-gameserver[{extra}]'"
        ) from error
    # The rest of an address may hold a password.
    given = f"{scheme}:" if scheme else "an address without a scheme"
    raise StorageError(
        f"storage: write sqlite:FILE or postgresql://USER@HOST/DATABASE, not {given:.60}"
    )


def _scheme(url: str) -> str:
    """Return the part of ``url`` before the colon, or an empty text."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", url)
    return "" if found is None else found[1]
