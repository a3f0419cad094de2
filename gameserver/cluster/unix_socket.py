"""Unix sockets of a server in a private folder: binding, connecting and accepting.

Owns access (the same user, and root) and the removal of what a killed process has left.  Never
knows the messages on a socket.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import trio

from gameserver.errors import GameServerError

BACKLOG: Final = 128
#: The kernel takes no longer address; a longer one goes by way of the folder's descriptor.
_MAX_ADDRESS_BYTES: Final = 100
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_S: Final = 0.1


class UnixSocketError(GameServerError):
    """Nobody answers at a socket, or it is not usable; the text is one line."""


def bind(path: Path) -> socket.socket:
    """Listen at ``path``, in place of a socket that a killed process has left there.

    The caller must be the only one that binds there, by a lock or by a port that it listens on.
    ``UnixSocketError`` if a process answers there, or if it cannot be.
    """
    _check_system()
    try:
        _make_private_folder(path.parent)
        if answers(path):
            raise UnixSocketError(f"{path}: another server answers there")
        path.unlink(missing_ok=True)
        return _listen(path)
    except OSError as error:
        raise UnixSocketError(f"socket {path}: {error.strerror}") from error


def answers(path: Path) -> bool:
    """Whether a process listens at ``path``."""
    try:
        connect(path).close()
    except UnixSocketError:
        return False
    return True


def connect(path: Path) -> socket.socket:
    """Connect at once or not at all: a Unix socket has no handshake to wait for."""
    _check_system()
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        sock.settimeout(0)
        try:
            with _address(path) as address:
                sock.connect(address)
        except BlockingIOError as error:
            raise UnixSocketError(f"{path}: the server is busy with other requests") from error
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
            raise UnixSocketError(f"{path}: no server answers there") from error
        except OSError as error:
            raise UnixSocketError(f"{path}: {error.strerror}") from error
        stack.pop_all()
        return sock


async def accept(listener: trio.socket.SocketType) -> socket.socket:
    """Return the next connection; wait where the process has too many files open."""
    while True:
        try:
            connection, _ = await listener.accept()
        except OSError as error:
            if error.errno in _OUT_OF_RESOURCES:
                await trio.sleep(_PAUSE_S)
            elif error.errno != errno.ECONNABORTED:
                raise
        else:
            return socket.socket(fileno=connection.detach())


def _check_system() -> None:
    if not hasattr(socket, "AF_UNIX"):
        raise UnixSocketError("this system has no Unix sockets")


def _make_private_folder(folder: Path) -> None:
    """Make the folder if it is missing; refuse it if others could put a socket there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid not in (0, os.geteuid()) or stat.S_IMODE(found.st_mode) & 0o022:
        raise UnixSocketError(f"{folder}: other users can write there, so it may not hold a socket")


def _listen(path: Path) -> socket.socket:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        # Linux gives the file the mode of the socket, so at no time can others connect.
        os.fchmod(listener.fileno(), 0o600)
        with _address(path) as address:
            listener.bind(address)
            os.chmod(address, 0o600)
        listener.listen(BACKLOG)
        listener.settimeout(0)
        stack.pop_all()
        return listener


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """Yield an address for ``path`` that is short enough for the kernel."""
    if len(os.fsencode(path)) <= _MAX_ADDRESS_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
