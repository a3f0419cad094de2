"""Socket activation: listening sockets that the service manager passes on at the start.

Owns the protocol of systemd (``sd_listen_fds(3)``): which descriptors are meant for this process,
and which setting each one stands for.  Never listens by itself: ``listening.py`` does.

A unit names its sockets after settings: ``FileDescriptorName=port`` or ``tls_port``.  A socket with
another name is one of the plain port.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import Final

#: The first descriptor that a service manager passes on.
FIRST_DESCRIPTOR: Final = 3
PLAIN: Final = "port"
_SETTINGS: Final = frozenset({PLAIN, "tls_port"})
#: In the place of the name of a socket that was taken.
_TAKEN: Final = "taken"


class WrongSocket(ValueError):
    """A passed descriptor is of no use; the message says what the unit has to say instead."""


def take_activated(
    setting: str, environment: MutableMapping[str, str] = os.environ
) -> list[socket.socket]:
    """Return the passed sockets of the port that ``setting`` names, each only once.

    ``environment`` notes what was taken.  Processes that this one starts find nothing there,
    because ``LISTEN_PID`` names another process.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    told = environment.get("LISTEN_FDS", "")
    count = int(told) if told.isdecimal() else 0
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    names += [""] * (count - len(names))
    taken = []
    for index in range(count):
        if _setting_of(names[index]) == setting:
            names[index] = _TAKEN
            taken.append(_listener(FIRST_DESCRIPTOR + index))
    environment["LISTEN_FDNAMES"] = ":".join(names)
    return taken


def is_activated(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the service manager chose the ports, for this process or for the one before it.

    The setting ``port`` then says nothing.
    """
    return environment.get("LISTEN_FDS", "0") not in ("", "0")


def _setting_of(name: str) -> str:
    if name == _TAKEN or name in _SETTINGS:
        return name
    return PLAIN


def _listener(descriptor: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        raise WrongSocket(f"descriptor {descriptor} is no socket") from error
    if fault := _fault(sock):
        sock.close()
        raise WrongSocket(f"descriptor {descriptor} {fault}")
    sock.set_inheritable(False)
    return sock


def _fault(sock: socket.socket) -> str | None:
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
        return "is not of TCP: use ListenStream=PORT"
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "does not listen: use Accept=no"
    return None
