"""Calls between processes: results, refusals, descriptors, and an end at any moment."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
import trio
import trio.testing

from gameserver.cluster.calls import (
    Answer,
    Call,
    Caller,
    CallFailed,
    CallRefused,
    Operation,
    answer_calls,
)
from gameserver.cluster.descriptors import DescriptorChannel
from gameserver.errors import GameServerError


async def add(call: Call) -> int:
    return sum(call.arguments)


async def refuse(_call: Call) -> None:
    raise GameServerError("no such node")


async def break_down(_call: Call) -> None:
    raise RuntimeError("secret detail")


async def never(_call: Call) -> None:
    await trio.sleep_forever()


async def write_into(call: Call) -> None:
    with call.received.take_socket() as sock:
        sock.send(b"taken")


async def make_nonsense(_call: Call) -> object:
    return object()


OPERATIONS: dict[str, Operation] = {
    "add": add,
    "refuse": refuse,
    "break": break_down,
    "never": never,
    "write": write_into,
    "nonsense": make_nonsense,
}


@pytest.fixture
async def ends(nursery: trio.Nursery) -> tuple[Caller, DescriptorChannel]:
    near, far = (DescriptorChannel(end) for end in socket.socketpair())
    caller = Caller(near)
    nursery.start_soon(caller.run)
    nursery.start_soon(answer_calls, far, OPERATIONS)
    return caller, far


@pytest.fixture
def caller(ends: tuple[Caller, DescriptorChannel]) -> Caller:
    return ends[0]


async def test_many_calls_at_once_get_their_own_results(caller: Caller) -> None:
    results: dict[int, int] = {}

    async def ask(number: int) -> None:
        results[number] = await caller.call("add", number, 1)

    async with trio.open_nursery() as nursery:
        for number in range(300):
            nursery.start_soon(ask, number)
    assert results == {number: number + 1 for number in range(300)}


async def test_refusals_and_failures(caller: Caller) -> None:
    with pytest.raises(CallRefused, match="no such node") as refused:
        await caller.call("refuse")
    assert refused.value.kind == "GameServerError"
    with pytest.raises(CallRefused, match="the log says why"):
        await caller.call("break")
    with pytest.raises(CallRefused, match="unknown operation 'dance'"):
        await caller.call("dance")
    assert await caller.call("add", 1, 2) == 3


async def test_a_result_that_cannot_be_sent_fails_its_call_only(caller: Caller) -> None:
    with pytest.raises(CallRefused, match="the operation failed"):
        await caller.call("nonsense")
    assert await caller.call("add", 1, 2) == 3


async def test_descriptors_go_along(caller: Caller) -> None:
    before = os.listdir("/proc/self/fd")
    near, far = socket.socketpair()
    await caller.call("write", descriptors=[far])
    far.close()
    assert near.recv(9) == b"taken"
    near.close()
    with pytest.raises(CallRefused):
        await caller.call("write")  # without one
    assert os.listdir("/proc/self/fd") == before


async def test_a_result_brings_descriptors(nursery: trio.Nursery) -> None:
    ours, theirs = socket.socketpair()

    async def give(_call: Call) -> Answer:
        return Answer("a socket", [theirs])

    near, far = (DescriptorChannel(end) for end in socket.socketpair())
    caller = Caller(near)
    nursery.start_soon(caller.run)
    nursery.start_soon(answer_calls, far, {"give": give})
    with ours, theirs:
        ours.send(b"given")
        with await caller.receive("give") as result, result.take_socket() as sock:
            assert (result.body, sock.recv(9)) == ("a socket", b"given")


async def test_no_answer_in_time(caller: Caller, autojump_clock: Any) -> None:
    with pytest.raises(CallFailed, match="no answer to never") as failed:
        await caller.call("never", within_s=2)
    assert not failed.value.unsent
    assert await caller.call("add", 1) == 1


async def test_the_other_process_goes_while_calls_wait(
    ends: tuple[Caller, DescriptorChannel],
) -> None:
    caller, far = ends
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_fails, caller)
        nursery.start_soon(_fails, caller)
        await trio.testing.wait_all_tasks_blocked()
        far.close()
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(CallFailed) as failed:
        await caller.call("add", 1)
    assert failed.value.unsent
    assert caller.ended


async def _fails(caller: Caller) -> None:
    with pytest.raises(CallFailed):
        await caller.call("never")


async def test_what_is_no_call_ends_the_channel(
    ends: tuple[Caller, DescriptorChannel], nursery: trio.Nursery
) -> None:
    near, far = (DescriptorChannel(end) for end in socket.socketpair())
    nursery.start_soon(answer_calls, far, OPERATIONS)
    await near.send({"no": "call"})
    with pytest.raises(GameServerError):
        await near.receive()
    assert await ends[0].call("add", 2) == 2
