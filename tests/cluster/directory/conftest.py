"""Fixtures of the directory tests: each directory, empty, with a lease that a test can wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import pytest
import trio.testing

from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory.memory import MemoryDirectory


@attrs.frozen
class Opened:
    """A directory in which nothing is listed, and how time passes for it."""

    directory: Directory
    pass_s: Callable[[float], Awaitable[None]]


@pytest.fixture(params=["memory"])
def opened(request: pytest.FixtureRequest) -> Opened:
    clock = trio.testing.MockClock()

    async def pass_s(seconds: float) -> None:
        clock.jump(seconds)

    return Opened(MemoryDirectory(settled=True, lease_s=3.0, clock=clock.current_time), pass_s)


@pytest.fixture
def directory(opened: Opened) -> Directory:
    return opened.directory
