"""Endings are counted by our close codes; those of peers make no labels of their own."""

from __future__ import annotations

import pytest
import structlog
from trio.testing import MockClock

from gameserver.protocol.messages import Welcome
from tests.support.attack_bytes import OVERSIZE, masked
from tests.support.broken_clients import BROKEN_FRAMES, CODES
from tests.support.memory_session import MemorySession, memory_session

joined_or_not = pytest.mark.parametrize("joined", [True, False], ids=["joined", "not joined"])

#: Bytes whose close code trio-websocket chooses: broken frames, and messages too big.
OURS = {name: (sent, CODES.get(name, 1002)) for name, sent in BROKEN_FRAMES.items()}
del OURS["frames after a close"]
OURS |= {f"oversize {number}": (sent, 1009) for number, sent in enumerate(OVERSIZE)}
OURS["text that is no utf-8, and a close"] = (
    OURS["text that is no utf-8"][0] + masked((1009).to_bytes(2, "big"), 0x88),
    1007,
)


def close_frame(code: int | None) -> bytes:
    """The close frame of a peer."""
    return masked(b"" if code is None else code.to_bytes(2, "big") + b"my own words", 0x88)


async def ended_by(
    opened: MemorySession, sent: bytes, *, joined: bool
) -> tuple[dict[int, int], str | None]:
    """Send this in a session; return how the end was counted, and what the game was told."""
    if joined:
        await opened.client.hello()
        await opened.client.next_of(Welcome)
    # Not through its client, who may be answering a ping just now.
    opened.link._stream.receive_stream.put_data(sent)
    await opened.over.wait()
    counters = opened.counters
    counted, others = counters.endings, counters.refusals
    if not joined:
        counted, others = others, counted
    assert not others
    return dict(counted), opened.field.left[0][1] if joined else None


@joined_or_not
@pytest.mark.parametrize("name", OURS)
async def test_protocol_errors_found_by_trio_websocket_are_counted_by_code(
    autojump_clock: MockClock, name: str, joined: bool
) -> None:
    sent, code = OURS[name]
    async with memory_session() as opened:
        with structlog.testing.capture_logs() as logged:
            counted, told = await ended_by(opened, sent, joined=joined)
        assert counted == {code: 1}
        assert told not in ("left", "connection lost", "")
    [line] = [entry for entry in logged if entry["event"] == "session ended"]
    assert (line["code"], line["by_peer"]) == (code, False)
    assert line["reason"]


@joined_or_not
@pytest.mark.parametrize(
    ("code", "counted", "told"),
    [
        (1000, 1000, "left"),
        (1001, 1000, "left"),
        (None, 1006, "connection lost"),
        *((code, 1006, "connection lost") for code in (1002, 1003, 1007, 1009, 3000, 4010, 4999)),
    ],
)
async def test_the_close_code_of_a_peer_makes_no_label(
    autojump_clock: MockClock, code: int | None, counted: int, told: str, joined: bool
) -> None:
    async with memory_session() as opened:
        with structlog.testing.capture_logs() as logged:
            assert await ended_by(opened, close_frame(code), joined=joined) == (
                {counted: 1},
                told if joined else None,
            )
    [line] = [entry for entry in logged if entry["event"] == "session ended"]
    assert (line["code"], line["reason"], line["by_peer"]) == (code or 1005, told, True)


@joined_or_not
async def test_a_broken_connection_counts_as_lost(autojump_clock: MockClock, joined: bool) -> None:
    async with memory_session() as opened:
        if joined:
            await opened.client.hello()
            await opened.client.next_of(Welcome)
        with structlog.testing.capture_logs() as logged:
            await opened.stream.aclose()
            await opened.over.wait()
        assert (opened.counters.endings if joined else opened.counters.refusals) == {1006: 1}
    [line] = [entry for entry in logged if entry["event"] == "session ended"]
    assert (line["code"], line["reason"], line["by_peer"]) == (1006, "connection lost", False)
