"""Messages of the load generator for each kind of server, so that the C program knows none.

Pure.  A ``Speech`` is the messages as bytes, and where in a server's messages to look; ``flags``
turns it into the command line of the load generator.
"""

from __future__ import annotations

import pathlib
import random
from collections.abc import Sequence
from typing import Final

import attrs

from benchmarks.moves import HEADINGS
from gameserver.protocol.messages import SUBPROTOCOL, VERSION, Hello, Kind, array_header, pack

#: Commands are taken from a list of this many, at another place by every client.
TAILS: Final = 4096
#: Where the load generator puts the number of a client's room.
ROOM_PLACE: Final = "@@@@@@"
_COLYSEUS_JOIN_ROOM: Final = 10
_COLYSEUS_ROOM_DATA: Final = 13
_COLYSEUS_ROOM_STATE_PATCH: Final = 15


@attrs.frozen(kw_only=True)
class Speech:
    """The messages for one kind of server, as payloads of binary WebSocket messages."""

    protocol: str = ""
    #: Sent once the WebSocket is open, and in answer to the first message; empty: nothing.
    open: bytes = b""
    first: bytes = b""
    #: A command is ``head``, then ``stamps`` (msgpack integers, a letter each: ``s`` its seq, ``0``
    #: a zero, ``t`` the tick of the last delta, ``w`` that in 32nds), then one of ``tails``.
    head: bytes = b""
    stamps: str = ""
    tails: Sequence[bytes] = ()
    #: A message is a delta if its byte ``delta_at`` is ``delta_byte``; None: every one is.
    delta_at: int | None = None
    delta_byte: int = 0
    #: Where a delta holds its tick.
    tick_at: int | None = None
    #: Value of the byte at ``delta_at`` in messages that tell the round trip in microseconds.
    status_byte: int | None = None
    #: Where to connect to.  It, ``open`` and ``match_body`` may hold a ``ROOM_PLACE``.
    path: str = "/"
    #: Where to POST ``match_body`` before, in JSON.  Names in the braces of ``path`` are those of
    #: strings in the answer.  Empty: nowhere.
    match: str = ""
    match_body: str = ""
    #: How many clients share a room, in rooms numbered from 0; 0: all are in one.
    room_size: int = 0

    def flags(self, folder: pathlib.Path) -> list[str]:
        """Return the command line; the list of tails is written to a file in ``folder``."""
        flags = ["--protocol", self.protocol, "--stamps", self.stamps, "--path", self.path]
        flags += ["--match", self.match, "--match-body", self.match_body]
        flags += ["--room-size", str(self.room_size)]
        flags += ["--open", self.open.hex(), "--first", self.first.hex(), "--head", self.head.hex()]
        if self.delta_at is not None:
            flags += ["--delta-at", str(self.delta_at), "--delta-byte", str(self.delta_byte)]
        if self.tick_at is not None:
            flags += ["--tick-at", str(self.tick_at)]
        if self.status_byte is not None:
            flags += ["--status-byte", str(self.status_byte)]
        if self.tails:
            file = folder / "tails"
            file.write_text("".join(f"{tail.hex()}\n" for tail in self.tails))
            flags += ["--tails", str(file)]
        return flags


def headings(count: int = TAILS) -> list[int]:
    """Return the headings of somebody who turns a little, or not, at each command."""
    rng = random.Random(1)
    heading = 0
    found = []
    for _ in range(count):
        heading = (heading + rng.choice((-1, 0, 0, 1))) % len(HEADINGS)
        found.append(heading)
    return found


def plain_speech(room_size: int = 0) -> Speech:
    """Commands ``[seq, heading]``; every message is a delta.  The path names the room."""
    return Speech(
        head=b"\x92",
        stamps="s",
        tails=[bytes((h,)) for h in headings()],
        path=f"/{ROOM_PLACE}" if room_size else "/",
        room_size=room_size,
    )


def colyseus_speech(room_size: int = 0) -> Speech:
    """Colyseus: confirm JOIN_ROOM, then messages of type ``t``; ROOM_STATE_PATCH is the delta.

    Its matchmaking, over HTTP, reserves a seat for each client in the room of its match.
    """
    return Speech(
        path="/{processId}/{roomId}?sessionId={sessionId}",
        match="/matchmake/joinOrCreate/world",
        match_body=f'{{"match":"{ROOM_PLACE}"}}',
        room_size=room_size,
        first=bytes((_COLYSEUS_JOIN_ROOM,)),
        head=bytes((_COLYSEUS_ROOM_DATA,)) + b"\xa1t",
        tails=[bytes((h,)) for h in headings()],
        delta_at=0,
        delta_byte=_COLYSEUS_ROOM_STATE_PATCH,
    )


def game_speech(
    *,
    room: str = "",
    room_size: int = 0,
    tails: Sequence[bytes] = (),
    fields: int = 0,
    first: bytes = b"",
) -> Speech:
    """Our protocol, to the first room if no other is named.

    Where players share rooms of ``room_size``, ``room`` has a ``ROOM_PLACE``.  ``tails`` are
    commands of so many ``fields``; ``first`` answers the welcome.
    """
    hello = Hello(VERSION, None, room=room, name="load", token=None, resume=None)
    return Speech(
        protocol=SUBPROTOCOL,
        open=hello.encode(),
        first=first,
        head=array_header(6 + fields) + pack(int(Kind.COMMAND)),
        # For the next free tick; what the screen shows is the last delta.
        stamps="s0wt",
        tails=tails,
        # An array of at most 15 elements has a header of one byte: the kind is at 1.
        delta_at=1,
        delta_byte=int(Kind.DELTA),
        tick_at=2,
        status_byte=int(Kind.STATUS),
        room_size=room_size,
    )


def mover_speech(room: str = "", room_size: int = 0) -> Speech:
    """Our protocol in our worlds, where ``Turn`` is the only command."""
    tails = [pack(0) + bytes((h,)) for h in headings()]
    return game_speech(room=room, room_size=room_size, tails=tails, fields=1)
