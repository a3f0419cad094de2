"""Tells the process before why this one cannot even begin to take over: an import error, a flag.

Owns one message, sent without a task, for the command line, which may fail before there is a loop.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from typing import Final

import msgpack

#: Holds the descriptor of the channel to the old process, until ``ProcessLine.joined`` takes it.
VARIABLE: Final = "GAMESERVER_TAKEOVER"
_HEAD: Final = struct.Struct("!II")


def tell_predecessor(reason: str) -> None:
    """Send ``["failed", reason]`` if this process was started to take over and has not begun."""
    descriptor = os.environ.pop(VARIABLE, None)
    if descriptor is None:
        return
    packed = msgpack.packb(["failed", reason.splitlines()[0] if reason else "unknown"])
    with contextlib.suppress(OSError, ValueError), socket.socket(fileno=int(descriptor)) as channel:
        channel.settimeout(1.0)
        channel.sendall(_HEAD.pack(len(packed), 0) + packed)
