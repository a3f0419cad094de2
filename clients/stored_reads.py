"""Reads of a client from the storage of its room: its own objects, and places in leaderboards.

Owns the unanswered reads.  Each is answered once, or ends with the connection that it was sent
over; the next connection does not repeat it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs
import trio

from clients.errors import ReadFailed
from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.protocol.messages import MAX_NONCE, Kind, Read, Result

#: A server answers sooner, even where its storage does not; a client whose link is slow may miss
#: an answer.
TIMEOUT_S: Final = 10.0


@attrs.frozen
class ReadPlace:
    """A place in a leaderboard.  ``own``: it is that of the reader."""

    rank: int
    name: str
    score: int
    own: bool


@attrs.define(eq=False)
class _Question:
    answered: trio.Event = attrs.field(factory=trio.Event)
    result: Result | None = None


class StoredReads:
    """The reads of one client: ``game.stored``.

    All raise ``ReadFailed``, with the server's text, if there is no answer: the room does not let
    clients read this, the storage does not answer, or the connection is lost.  Arguments that the
    protocol does not allow raise ``LocalProtocolError``.  A server takes two reads a second (eight
    at once) and closes the connection of a client that sends more; it answers four at a time.
    """

    def __init__(self, send: Callable[[Read], Awaitable[bool]]) -> None:
        self._send: Final = send
        self._questions: Final[dict[int, _Question]] = {}
        self._number = 0

    async def own(self, name: str, key: str = "") -> dict[str, Any] | None:
        """Return the fields of the player's object in a collection, or None if there is none."""
        value = await self._ask(name, "own", [key])
        if value is not None and type(value) is not dict:
            raise ReadFailed("the server answered with something that is no object")
        return value

    async def top(
        self, name: str, limit: int = 10, *, offset: int = 0, back: int = 0
    ) -> list[ReadPlace]:
        """Return the best ``limit`` (at most 100) after the first ``offset``.

        ``back`` is how many days or weeks ago, for a leaderboard that begins anew.
        """
        return _places(await self._ask(name, "top", [limit, offset, back]))

    async def rank(self, name: str, *, back: int = 0) -> ReadPlace | None:
        """Return the player's own place, or None."""
        value = await self._ask(name, "rank", [back])
        return None if value is None else _place(value)

    async def around(self, name: str, limit: int = 5, *, back: int = 0) -> list[ReadPlace]:
        """Return the player's place with up to ``limit`` before and after; empty if unranked."""
        return _places(await self._ask(name, "around", [limit, back]))

    async def _ask(self, name: str, what: str, arguments: list[Any]) -> Any:
        number = self._number = self._number % MAX_NONCE + 1
        try:
            read = Read.from_wire([Kind.READ, number, name, what, arguments])
        except RemoteProtocolError as error:
            raise LocalProtocolError(str(error)) from error
        question = self._questions[number] = _Question()
        try:
            if not await self._send(read):
                raise ReadFailed("the connection is lost")
            with trio.move_on_after(TIMEOUT_S):
                await question.answered.wait()
        finally:
            self._questions.pop(number, None)
        result = question.result
        if result is None:
            raise ReadFailed("no answer came in time, or the connection was lost")
        if result.error is not None:
            raise ReadFailed(result.error)
        return result.value

    def take(self, result: Result) -> None:
        """Answer the question that ``result`` is for; one that nobody waits for is ignored."""
        question = self._questions.pop(result.number, None)
        if question is not None:
            question.result = result
            question.answered.set()

    def lose(self) -> None:
        """End all questions: the connection is lost."""
        while self._questions:
            self._questions.popitem()[1].answered.set()


def _places(value: Any) -> list[ReadPlace]:
    if type(value) is not list:
        raise ReadFailed("the server answered with something that is no list of places")
    return [_place(each) for each in value]


def _place(value: Any) -> ReadPlace:
    if type(value) is list and [type(part) for part in value[:4]] == [int, str, int, bool]:
        return ReadPlace(*value[:4])
    raise ReadFailed("the server answered with something that is no place")
