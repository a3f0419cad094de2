"""The folder in which a server keeps all data that outlives it (setting ``data``).

Owns its lock, so that no two servers share it, its secret, and the places within it::

    lock         held while a server runs
    secret       signs tokens where no secret is set; made at the first start
    owner        the name of this server among those that share a storage; made when it is needed
    storage.db   objects, leaderboards and matches (``storage``), where no other database is set
    journals/    journals of rooms (``journals.py``), where ``journal`` names no other folder
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from gameserver.config import Settings, secrets_of
from gameserver.errors import GameServerError
from gameserver.room import Room
from gameserver.runtime.folder_sync import sync_folder

#: Random bytes in a secret that is made here.
SECRET_BYTES: Final = 32


class DataFolderError(GameServerError):
    """The folder is not usable, or another server uses it; the text is one line."""


class DataFolder:
    """An open folder; ``close`` lets another server have it."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path: Final = path
        self._lock: int | None = lock

    @classmethod
    def open(cls, path: Path) -> DataFolder:
        """Make the folder if it is missing, and lock it; ``DataFolderError`` if that cannot be."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(path.parent)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataFolderError(f"data folder {path}: {error.strerror}") from error
        if not _try_to_lock(lock):
            os.close(lock)
            raise DataFolderError(f"data folder {path}: another server uses it")
        return cls(path, lock)

    @property
    def lock(self) -> int:
        """The descriptor of the lock; a process with a copy of it holds the lock too."""
        assert self._lock is not None, "the folder is closed"
        return self._lock

    def close(self) -> None:
        """Give up the lock; harmless if that is done."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def storage_url(self) -> str:
        """The address of the database here."""
        return f"sqlite:{self.path / 'storage.db'}"

    def secret(self) -> str:
        """Return the secret of this folder; make it if there is none.

        ``DataFolderError`` if it cannot be read or written, or is damaged.
        """
        return _made_once(self.path / "secret")


def owner_of(settings: Settings) -> str:
    """Return the name by which a server claims rooms in a storage that several share.

    A server that is started again in its data folder has its rooms at once; without a folder, its
    name is new, and the lease of the former one must run out.  ``DataFolderError`` as ``secret``.
    """
    if settings.data is None:
        return secrets.token_urlsafe(SECRET_BYTES)
    return _made_once(settings.data / "owner")


def _made_once(file: Path) -> str:
    """Return the random text in a file, which is made if there is none."""
    try:
        text = file.read_text("ascii").strip()
    except FileNotFoundError:
        return _make(file)
    except (OSError, ValueError) as error:
        raise DataFolderError(f"{file}: {error}") from error
    if len(text) < SECRET_BYTES:
        raise DataFolderError(f"{file}: it must hold at least {SECRET_BYTES} characters")
    return text


def _make(file: Path) -> str:
    """Write new random text so that a crash leaves all of it or nothing."""
    text = secrets.token_urlsafe(SECRET_BYTES)
    draft = file.with_suffix(".new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w") as opened:
            opened.write(text + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
        sync_folder(file.parent)
    except OSError as error:
        raise DataFolderError(f"{file}: {error.strerror}") from error
    return text


def keeps_in_storage(settings: Settings) -> bool:
    """Whether durable rooms are kept in the storage: several hosts share it."""
    return (settings.storage or "").startswith(("postgresql:", "postgres:"))


@contextlib.contextmanager
def lock_data(
    settings: Settings, kinds: Mapping[str, type[Room]], lock: int | None = None
) -> Iterator[tuple[Settings, int | None]]:
    """Lock the data folder; yield the settings, completed by its secret and places where unset.

    Beside them the descriptor of the lock; None without a data folder.  ``lock`` is the descriptor
    of a lock that this process got from another; it is then closed at the end.
    ``DataFolderError`` if the folder is not usable, or if a room is durable and has no place, or no
    secret by which its players come back.
    """
    if settings.data is None:
        durable = next((room.__name__ for room in kinds.values() if room.durable), None)
        if durable is not None and not keeps_in_storage(settings):
            raise DataFolderError(
                f"{durable} is durable: give the server a folder to keep it in, with "
                "--data FOLDER, or a database, with --storage postgresql://…"
            )
        if durable is not None and not secrets_of(settings):
            raise DataFolderError(
                f"{durable} is durable: give all servers one secret, with --secret-file, so that "
                "its players come back to each of them"
            )
        yield settings, None
        return
    opened = DataFolder.open(settings.data) if lock is None else DataFolder(settings.data, lock)
    with contextlib.closing(opened) as folder:
        secret = settings.secret if secrets_of(settings) else folder.secret()
        storage = settings.storage
        if storage is None and importlib.util.find_spec("apsw") is not None:
            storage = folder.storage_url
        yield attrs.evolve(settings, secret=secret, storage=storage), folder.lock


def _try_to_lock(descriptor: int) -> bool:
    """Lock a file while its descriptor is open; False if another process holds the lock."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
