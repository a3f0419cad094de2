"""Tells the old process why this one cannot begin to take over: an import error, a wrong flag.

Owns sending that one message without Trio: the command line fails before there is an event loop.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

from gameserver.cluster.descriptors import framed

#: Holds the descriptor of the channel to the old process, until ``ProcessLine.joined`` takes it.
VARIABLE: Final = "GAMESERVER_TAKEOVER"


def tell_predecessor(reason: str) -> None:
    """Send ``["failed", reason]`` if this process was started to take over and has not begun."""
    descriptor = os.environ.pop(VARIABLE, None)
    if descriptor is None:
        return
    message = framed(["failed", reason.splitlines()[0] if reason else "unknown"])
    with contextlib.suppress(OSError, ValueError), socket.socket(fileno=int(descriptor)) as channel:
        channel.settimeout(1.0)
        channel.sendall(message)
