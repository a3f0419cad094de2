"""The directory of one host: what a new one may do, and the limits of its memory."""

from __future__ import annotations

import pytest
import trio.testing

from gameserver.cluster.directory import used_once
from gameserver.cluster.directory.errors import DirectoryError, DirectorySettling
from gameserver.cluster.directory.listings import RoomListing
from gameserver.cluster.directory.memory import MemoryDirectory
from tests.support.listings import node


async def test_a_directory_that_may_have_lost_rooms_refuses_claims_for_one_lease() -> None:
    clock = trio.testing.MockClock()
    directory = MemoryDirectory(settled=False, lease_s=3.0, clock=clock.current_time)
    await directory.renew(node("a"), [RoomListing(label="arena/x", fence=7)])
    await directory.renew(node("b"), [])
    clock.jump(1.0)
    with pytest.raises(DirectorySettling) as refused:
        await directory.claim("b", "arena/x")
    assert refused.value.retry_after_s == pytest.approx(2.0)
    found = await directory.find("arena/x")
    assert found is not None, "rooms are found meanwhile"
    clock.jump(1.9)
    await directory.renew(node("b"), [])
    clock.jump(0.2)
    assert (await directory.claim("b", "arena/x")).won


async def test_a_directory_that_starts_again_issues_higher_fences() -> None:
    fences = []
    for _ in range(2):
        directory = MemoryDirectory(settled=True)
        await directory.renew(node("a"), [])
        fences += [(await directory.claim_new("a", "arena")).fence for _ in range(3)]
    assert fences == sorted(set(fences))


async def test_nothing_that_was_used_is_forgotten_too_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(used_once, "MAX_USES", 2)
    clock = trio.testing.MockClock()
    directory = MemoryDirectory(settled=True, clock=clock.current_time)
    for name in "ab":
        await directory.use_once(name, "first", 10.0)
    with pytest.raises(DirectoryError, match="too many"):
        await directory.use_once("c", "first", 10.0)
    clock.jump(11.0)
    assert await directory.use_once("c", "first", 10.0)


async def test_what_is_over_leaves_nothing_behind() -> None:
    clock = trio.testing.MockClock()
    directory = MemoryDirectory(settled=True, lease_s=3.0, clock=clock.current_time)
    for name in "ab":
        await directory.renew(node(name), [])
        claim = await directory.claim_new(name, "arena")
        room = RoomListing(
            label=claim.label, fence=claim.fence, free_seats=2, filters={"mode": name}
        )
        await directory.renew(node(name), [room])
    await directory.leave("a")
    clock.jump(3.0)
    assert (await directory.nodes()).nodes == ()
    assert not directory._nodes
    assert not directory._rooms
    assert not directory._indexes
