"""The join throttle: a few joins a turn, in order, and no wait where no task is in front."""

from __future__ import annotations

import trio
import trio.testing

from gameserver.runtime.admission.join_throttle import PER_TURN, JoinThrottle

CROWD = 5 * PER_TURN


async def test_nobody_waits_where_nobody_is_before_them(autojump_clock) -> None:
    async with trio.open_nursery() as nursery:
        join_throttle = JoinThrottle()
        nursery.start_soon(join_throttle.run)
        for _ in range(3):
            for _ in range(PER_TURN):
                assert await join_throttle.wait_turn() == 0.0
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_a_crowd_goes_through_a_few_a_turn_and_in_order(autojump_clock) -> None:
    join_throttle = JoinThrottle()
    through: list[int] = []

    async def newcomer(number: int) -> None:
        await join_throttle.wait_turn()
        through.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(CROWD):
            nursery.start_soon(newcomer, number)
            await trio.testing.wait_all_tasks_blocked()
        assert through == list(range(PER_TURN))
        assert join_throttle.waiting == CROWD - PER_TURN
        nursery.start_soon(join_throttle.run)
        before = len(through)
        while join_throttle.waiting:
            await trio.lowlevel.checkpoint()
            # Two turns of its own may lie between two of ours: Trio shuffles each round.
            assert len(through) - before <= 2 * PER_TURN
            before = len(through)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    # Those of one turn are run by Trio in any order.
    turns = [set(through[i : i + PER_TURN]) for i in range(0, CROWD, PER_TURN)]
    assert turns == [set(range(i, i + PER_TURN)) for i in range(0, CROWD, PER_TURN)]


async def test_the_wait_is_told_and_one_who_gives_up_is_forgotten(autojump_clock) -> None:
    join_throttle = JoinThrottle()
    waits_s: list[float] = []

    async def newcomer() -> None:
        waits_s.append(await join_throttle.wait_turn())

    async with trio.open_nursery() as nursery:
        for _ in range(PER_TURN + 1):
            nursery.start_soon(newcomer)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(1):
            await join_throttle.wait_turn()
        assert join_throttle.waiting == 1
        nursery.start_soon(join_throttle.run)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert waits_s == [0.0] * PER_TURN + [1.0]
