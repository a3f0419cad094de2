"""The numbers of the protocol: its version, the message kinds, and the limits of their fields.

Owns constants only; the limits on values of any message are in ``wire.py``.
"""

from __future__ import annotations

import enum
from typing import Final

VERSION: Final = 2
SUBPROTOCOL: Final = "gameserver.v2.msgpack"
#: The subprotocols of versions that are not served any more.
FORMER_SUBPROTOCOLS: Final = ("gameserver.v1.msgpack",)

MAX_SEQ: Final = 2**31 - 1
MAX_NONCE: Final = 2**32 - 1
MAX_CHECKSUM: Final = 2**32 - 1
#: In UTF-8; for ``token``, ``resume`` and ``ticket`` alike.
MAX_TOKEN_BYTES: Final = 1024
#: Most fields of the options in a hello, and of its filter.
MAX_OPTIONS: Final = 32
MAX_FILTERS: Final = 8
#: Most entities in a desync that reports.
MAX_REPORTED: Final = 4
#: Longest name and key in a read, in characters; most places that it asks for, and to skip.
MAX_READ_NAME: Final = 128
MAX_READ_PLACES: Final = 100
MAX_READ_OFFSET: Final = 10_000
#: How many days or weeks a read may look back.
MAX_READ_BACK: Final = 10_000
#: ``rendered`` of a command counts this many parts of a tick, because a screen shows positions
#: between two ticks.
RENDERED_PER_TICK: Final = 32
#: The slowest pace of game time, as a share of real time.
MIN_PACE: Final = 1 / 16


class Kind(enum.IntEnum):
    """The first element of a message."""

    HELLO = 1
    COMMAND = 2
    ACK = 3
    PING = 4
    SAY = 5
    RESYNC = 6
    DESYNC = 7
    READ = 8
    REPORT = 9
    WELCOME = 17
    DELTA = 18
    PONG = 19
    STATUS = 20
    SAID = 21
    CHECK = 22
    MOVED = 23
    BYE = 24
    PACE = 25
    HASHES = 26
    RESULT = 27
