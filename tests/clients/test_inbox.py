"""The queue that never makes its writer wait."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from clients.inbox import Inbox


async def test_an_inbox_gives_in_order_drops_the_oldest_and_ends() -> None:
    inbox: Inbox[int] = Inbox(2)
    for item in range(3):
        inbox.put(item)
    assert (inbox.dropped, await inbox.get()) == (1, 1)
    assert inbox.take() == [2]
    inbox.put(3)
    inbox.end()
    assert await inbox.get() == 3
    with pytest.raises(trio.EndOfChannel):
        await inbox.get()


async def test_an_inbox_wakes_waiting_tasks_and_loses_nothing_to_cancelled_ones(
    autojump_clock,
) -> None:
    inbox: Inbox[int] = Inbox(2)
    got: list[int] = []

    async def wait() -> None:
        got.append(await inbox.get())

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1):
            await inbox.get()
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        inbox.put(7)
    assert got == [7]
