"""Targets of the fuzzers: functions that take any bytes and raise only if a promise is broken.

Owns the promises.  ``fuzz.py`` looks for bytes that break them, ``corpus/`` keeps those
that reach what others do not, ``test_fuzz.py`` replays them and mutates them a little.
"""

from __future__ import annotations

import contextlib
import random
import zlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar

import h11
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request

from gameserver.errors import GameServerError, JoinRefused, RemoteProtocolError
from gameserver.games.arena.room import Arena
from gameserver.protocol.closing import CloseCode
from gameserver.protocol.messages import (
    VERSION,
    CommandMessage,
    Hello,
    decode_from_client,
)
from gameserver.protocol.names import parse_room_request
from gameserver.protocol.texts import cleaned_name, valid_name
from gameserver.room import Room
from gameserver.runtime.http.conversation import Conversation
from gameserver.runtime.http.messages import Response, Site
from gameserver.runtime.http.upgrade import read_upgrade, wants_upgrade
from gameserver.runtime.rooms.join_request import read_join_request
from tests.hostile.client_verdicts import verdict
from tests.support.matched_game import Match, Strict
from tests.support.websocket_frames import Receiver, an_open_scanner, messages_only

Target = Callable[[bytes], None]
T = TypeVar("T")

ROOMS: Final[dict[str, type[Room]]] = {"match": Match, "strict": Strict}
REFUSALS: Final = [f"refused with {status}" for status in (400, 431, 501)]
HEAD_BYTES: Final = 8 * 1024
MOST_PIECES: Final = 64
#: In so many ways, chosen by the bytes themselves, is a stream cut into pieces.
SPLITS: Final = 3


def pieces(data: bytes) -> Iterator[list[bytes]]:
    """Cut ``data`` in ways that are the same each time: whole, in bytes, and at random."""
    yield [data]
    yield [*(bytes([byte]) for byte in data[:MOST_PIECES]), data[MOST_PIECES:]]
    chance = random.Random(zlib.crc32(data))
    for _ in range(SPLITS):
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(8)))
        yield [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


# ---------------------------------------------------------------- the head reader


class PiecesOfLink:
    """A stream from which a conversation reads these pieces, then the end."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts[::-1]

    async def receive_some(self, max_bytes: int) -> bytes:
        if not self._parts:
            return b""
        part = self._parts.pop()
        if len(part) > max_bytes:
            self._parts.append(part[max_bytes:])
        return part[:max_bytes]


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise AssertionError("it waits")


def head_reader(data: bytes) -> None:
    """Any bytes are a request that is answered or opened, or a status to answer with, or an end.

    However they are cut; and what is opened is nothing that wsproto could stumble over.
    """
    verdicts = [verdict_of_head(parts) for parts in pieces(data)]
    assert all(verdict == verdicts[0] for verdict in verdicts), verdicts
    if isinstance(verdicts[0], str):
        assert verdicts[0] in REFUSALS


def verdict_of_head(parts: list[bytes]) -> object:
    conversation = Conversation(PiecesOfLink(parts), head_bytes=HEAD_BYTES)  # type: ignore[arg-type]
    try:
        request = at_once(conversation.next_request())
    except h11.RemoteProtocolError as error:
        return f"refused with {error.error_status_hint}"
    if request is None:
        return None
    if not wants_upgrade(request):
        return Site().answer(request).status
    upgrade = read_upgrade(request)
    if isinstance(upgrade, Response):
        assert upgrade.status in (400, 426)
        return upgrade.status
    wire = WSConnection(ConnectionType.SERVER)
    wire.receive_data(upgrade.head)
    [event] = wire.events()
    assert isinstance(event, Request)
    assert tuple(event.subprotocols) == upgrade.subprotocols
    assert wire.send(AcceptConnection(subprotocol=None)).startswith(b"HTTP/1.1 101 ")
    return upgrade


# ---------------------------------------------------------------- the lane's scanner


def lane_scanner(data: bytes) -> None:
    """The session sees what it would without the lane: messages, their order, and the error."""
    alone = Receiver()
    alone.feed(data)
    chance = random.Random(zlib.crc32(data))
    for parts in pieces(data):
        scanner, behind = an_open_scanner(), Receiver()
        seen: list[Any] = []
        taken = waiting = 0
        for part in parts:
            payloads, _, rest = scanner.feed(part)
            seen += payloads
            waiting += behind.feed(rest)
            # The session takes messages when it gets round to it.
            for _ in range(chance.randrange(waiting + 1)):
                seen.append(messages_only(behind.seen)[taken])
                taken += 1
                waiting -= 1
                scanner.message_taken()
        seen += messages_only(behind.seen)[taken:]
        assert seen == messages_only(alone.seen)
        assert controls_only(behind.seen) == controls_only(alone.seen)


def controls_only(seen: list[Any]) -> list[Any]:
    return [item for item in seen if not isinstance(item, (str, bytes))]


# ---------------------------------------------------------------- messages


def from_client(data: bytes) -> None:
    """Bytes are a message or a ``RemoteProtocolError``; a message is the same after a round trip.

    But for floats, which clients send as float 32.  What a message asks for is then judged as the
    server does: commands, names, rooms.
    """
    try:
        message = decode_from_client(data)
    except RemoteProtocolError:
        return
    if isinstance(message, CommandMessage):
        exact = not has_float(message.values)
    else:
        exact = not isinstance(message, Hello) or message.version == VERSION
    if exact:
        assert decode_from_client(message.encode()) == message
    if isinstance(message, CommandMessage):
        commands = Arena.schema().commands
        if message.kind < len(commands):
            with contextlib.suppress(GameServerError):  # each has a close code
                commands[message.kind].from_wire(message.values)
    if isinstance(message, Hello):
        valid_name(message.name)
        assert valid_name(cleaned_name(message.name) or "x")
        with contextlib.suppress(GameServerError):
            parse_room_request(message.room)
        for room in (message.room, "match", "strict"):
            assert refusal_of(room, message) in (None, CloseCode.NO_SUCH_ROOM, CloseCode.OPTIONS)


def refusal_of(room: str, hello: Hello) -> int | None:
    """Return the close code with which a hello for this room is refused, or None."""
    try:
        read_join_request(ROOMS, room, hello.options, hello.filter)
    except JoinRefused as refusal:
        return refusal.code
    return None


def has_float(value: Any) -> bool:
    if isinstance(value, dict):
        return has_float(list(value.values()))
    return isinstance(value, float) or (isinstance(value, list) and any(map(has_float, value)))


def from_server(data: bytes) -> None:
    """Bytes are a message or a ``RemoteProtocolError``, and so is all that a client does with it.

    A schema that is accepted can be used; a delta is applied whole or the replica says so.  That
    the page judges the same bytes alike is for ``test_web_fuzz.py``.
    """
    verdict(data)


TARGETS: Final[dict[str, Target]] = {
    "head": head_reader,
    "lane": lane_scanner,
    "from_client": from_client,
    "from_server": from_server,
}
