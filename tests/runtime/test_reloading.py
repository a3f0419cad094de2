"""Reading files beside the event loop: in time, late, never, and asked for again and again."""

from __future__ import annotations

import threading

import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from gameserver.runtime.reloading import PATIENCE_S, ask_again, read_beside, reload_when_asked


async def test_what_is_read_is_returned_in_order():
    with structlog.testing.capture_logs() as logged:
        assert await read_beside([lambda: "secrets", lambda: "certificate"]) == [
            "secrets",
            "certificate",
        ]
    assert logged == []


async def test_a_file_that_blocks_is_told_of_and_used_once_it_is_read(autojump_clock):
    opened = threading.Event()
    results: list[list[bool]] = []

    async def read() -> None:
        results.append(await read_beside([opened.wait]))

    with structlog.testing.capture_logs() as logged:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.sleep(PATIENCE_S + 1)
            assert [entry["log_level"] for entry in logged] == ["warning"]
            assert results == []
            opened.set()
    assert results == [[True]]


async def test_the_end_does_not_wait_for_a_file_that_blocks():
    opened = threading.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_beside, [opened.wait])
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert not opened.is_set()
    opened.set()


async def test_asked_while_it_reads_it_reads_once_more_however_often():
    asking, asked = trio.open_memory_channel[None](1)
    begun = 0
    go_on = trio.Event()

    async def reload() -> None:
        nonlocal begun
        begun += 1
        await go_on.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reload_when_asked, asked, reload)
        ask_again(asking)
        await wait_all_tasks_blocked()
        for _ in range(5):
            ask_again(asking)
        await wait_all_tasks_blocked()
        assert begun == 1
        go_on.set()
        await wait_all_tasks_blocked()
        assert begun == 2
        nursery.cancel_scope.cancel()
