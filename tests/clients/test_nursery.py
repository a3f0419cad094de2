"""The nursery that wraps no single exception: what comes out of a block, and of its tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn

import pytest
import trio
from trio.testing import MockClock

from clients.nursery import open_unwrapping_nursery


async def fail(error: BaseException) -> NoReturn:
    raise error


async def leave_late() -> None:
    try:
        await trio.sleep_forever()
    except trio.Cancelled:
        raise ValueError("at the end") from None


async def run(block: Callable[[], Awaitable[object]], *failures: BaseException) -> None:
    """Run ``block`` beside a task that sleeps and tasks that fail."""
    async with open_unwrapping_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        for failure in failures:
            nursery.start_soon(fail, failure)
        await block()


@pytest.mark.parametrize(
    "error",
    [ValueError("of the block"), KeyboardInterrupt(), SystemExit(3)],
    ids=lambda error: type(error).__name__,
)
async def test_an_exception_of_the_block_is_raised_unchanged(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        await run(lambda: fail(error))
    assert caught.value is error
    assert error.__context__ is None


async def test_a_group_of_the_blocks_own_stays_one() -> None:
    """Trio makes another group of it, with the same message and exceptions."""
    error = ExceptionGroup("the block's own", [ValueError()])
    with pytest.raises(ExceptionGroup) as caught:
        await run(lambda: fail(error))
    assert caught.value.message == error.message
    assert caught.value.exceptions == error.exceptions


async def test_an_exception_of_the_only_failing_task_is_raised_unchanged() -> None:
    with pytest.raises(ZeroDivisionError):
        await run(trio.sleep_forever, ZeroDivisionError())


async def test_several_failures_stay_a_group() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await run(trio.sleep_forever, ValueError(), KeyError())
    assert {type(error) for error in caught.value.exceptions} == {ValueError, KeyError}


async def test_a_cancelled_block_is_cancelled(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1) as scope:
        await run(trio.sleep_forever)
    assert scope.cancelled_caught


async def test_a_failure_counts_more_than_being_cancelled(autojump_clock: MockClock) -> None:
    async def late() -> None:
        with trio.move_on_after(1):
            await run(leave_late)

    with pytest.raises(ValueError, match="at the end"):
        await late()


async def test_nothing_raised_is_nothing() -> None:
    async with open_unwrapping_nursery() as nursery:
        nursery.start_soon(trio.lowlevel.checkpoint)
