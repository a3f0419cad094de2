"""``game.stored``: questions for what the storage keeps, and their answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from clients.errors import ReadFailed
from clients.stored_reads import TIMEOUT_S, ReadPlace, StoredReads
from gameserver.errors import LocalProtocolError
from gameserver.protocol.messages import Read, Result, decode_from_client


def reads(answer: Callable[[Read], Result | None], heard: list[Read]) -> StoredReads:
    """Return reads whose server answers at once."""

    async def send(read: Read) -> bool:
        await trio.lowlevel.checkpoint()
        assert decode_from_client(read.encode()) == read
        heard.append(read)
        result = answer(read)
        if result is not None:
            stored.take(result)
        return True

    stored = StoredReads(send)
    return stored


async def test_questions_carry_numbers_and_defaults_and_answers_are_read() -> None:
    heard: list[Read] = []
    place = [3, "Ann", 12, True]
    values: dict[str, Any] = {"own": {"kills": 12}, "top": [place], "rank": place, "around": []}
    stored = reads(lambda read: Result(read.number, values[read.what], None), heard)
    assert await stored.own("careers") == {"kills": 12}
    assert await stored.top("kills", 5, back=1) == [ReadPlace(3, "Ann", 12, own=True)]
    assert await stored.rank("kills") == ReadPlace(3, "Ann", 12, own=True)
    assert await stored.around("kills", 2) == []
    assert heard == [
        Read(1, "careers", "own", [""]),
        Read(2, "kills", "top", [5, 0, 1]),
        Read(3, "kills", "rank", [0]),
        Read(4, "kills", "around", [2, 0]),
    ]
    values.update(own=None, rank=None)
    assert await stored.own("careers") is None
    assert await stored.rank("kills") is None


@pytest.mark.parametrize("value", [[1], 5, [[1, "Ann", True, True]], [[True, "Ann", 1, True]], {}])
async def test_nonsense_and_errors_fail_the_read_only(value: Any) -> None:
    stored = reads(lambda read: Result(read.number, value, None), [])
    with pytest.raises(ReadFailed, match="the server answered with something"):
        await stored.top("kills")
    refused = reads(lambda read: Result(read.number, None, "sign in"), [])
    with pytest.raises(ReadFailed, match="sign in"):
        await refused.own("careers")
    stored.take(Result(99, None, None))  # nobody asked


async def test_arguments_that_the_protocol_does_not_allow_are_the_callers_error() -> None:
    heard: list[Read] = []
    stored = reads(lambda _: None, heard)
    for wrong in (stored.top("kills", 101), stored.around("kills", 0), stored.own("n" * 129)):
        with pytest.raises(LocalProtocolError):
            await wrong
    assert heard == []


async def test_a_question_ends_with_its_connection_or_after_a_time(autojump_clock: Any) -> None:
    stored = reads(lambda _: None, [])
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            with pytest.raises(ReadFailed, match="connection was lost"):
                await stored.rank("kills")

        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        stored.lose()
    began_s = trio.current_time()
    with pytest.raises(ReadFailed, match="no answer came in time"):
        await stored.rank("kills")
    assert trio.current_time() - began_s == pytest.approx(TIMEOUT_S)


async def test_a_client_that_is_not_connected_sends_nothing() -> None:
    async def send(_: Read) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    with pytest.raises(ReadFailed, match="connection is lost"):
        await StoredReads(send).rank("kills")
