"""The contract of a directory, on each implementation."""

from __future__ import annotations

import attrs
import pytest
import trio

from gameserver.cluster.directory.contract import Directory
from gameserver.cluster.directory.errors import LeaseOver
from gameserver.cluster.directory.listings import Claim, NodeLoad, RoomListing
from tests.cluster.directory.conftest import Opened
from tests.support.listings import listing, node, owner_of

# ---------------------------------------------------------------- nodes and leases


async def test_a_node_is_listed_as_it_last_renewed(directory: Directory) -> None:
    await directory.renew(node("a"), [])
    busy = node("a", load=NodeLoad(busy=0.5, players=7, rooms=2), draining=True)
    await directory.renew(busy, [])
    assert await directory.node("a") == busy
    assert await directory.node("b") is None


async def test_nodes_come_in_pages(directory: Directory) -> None:
    for name in "dbeac":
        await directory.renew(node(name), [])
    first = await directory.nodes(limit=2)
    second = await directory.nodes(first.next, limit=2)
    third = await directory.nodes(second.next, limit=2)
    names = [one.node for page in (first, second, third) for one in page.nodes]
    assert names == ["a", "b", "c", "d", "e"]
    assert third.next == ""
    assert (await directory.nodes(limit=5)).next == ""


async def test_a_dead_node_is_listed_nowhere(opened: Opened) -> None:
    directory = opened.directory
    await directory.renew(node("a"), [])
    claim = await directory.claim("a", "arena/x")
    await directory.renew(node("a"), [listing(claim, free_seats=4, shown={"map": 1})])
    await opened.pass_s(directory.lease_s * 0.7)
    await directory.renew(node("b"), [])
    assert await owner_of(directory, "arena/x") == "a"
    await opened.pass_s(directory.lease_s * 0.5)
    assert await directory.find("arena/x") is None
    assert await directory.node("a") is None
    assert [one.node for one in (await directory.nodes()).nodes] == ["b"]
    assert (await directory.rooms()).rooms == ()
    found = await directory.candidates("arena", {})
    assert (found.rooms, [one.node for one in found.nodes]) == ((), ["b"])
    assert not await directory.take_seats("arena/x", claim.fence)


async def test_a_node_that_leaves_is_gone_at_once(directory: Directory) -> None:
    await directory.renew(node("a"), [])
    claim = await directory.claim("a", "arena/x")
    await directory.renew(node("a"), [listing(claim, free_seats=4)])
    await directory.leave("a")
    await directory.leave("a")
    assert await directory.node("a") is None
    assert await directory.find("arena/x") is None
    assert (await directory.candidates("arena", {})).rooms == ()


# ---------------------------------------------------------------- claims


async def test_a_room_has_one_owner(directory: Directory) -> None:
    for name in "ab":
        await directory.renew(node(name), [])
    first = await directory.claim("a", "arena/x")
    second = await directory.claim("b", "arena/x")
    assert (first.won, first.owner) == (True, node("a"))
    assert second == attrs.evolve(first, won=False)
    assert await directory.find("arena/x") == attrs.evolve(first, won=False)


async def test_one_of_many_claims_at_once_wins(directory: Directory) -> None:
    names = [f"n{number}" for number in range(10)]
    for name in names:
        await directory.renew(node(name), [])
    claims: list[Claim] = []

    async def claim(name: str, label: str) -> None:
        claims.append(await directory.claim(name, label))

    async with trio.open_nursery() as nursery:
        for name in names:
            for label in ("arena/x", "arena/y"):
                nursery.start_soon(claim, name, label)
    for label in ("arena/x", "arena/y"):
        of_label = [one for one in claims if one.label == label]
        assert len([one for one in of_label if one.won]) == 1
        assert len({(one.owner.node, one.fence) for one in of_label}) == 1


async def test_a_repeated_claim_keeps_its_fence(directory: Directory) -> None:
    await directory.renew(node("a"), [])
    first = await directory.claim("a", "arena/x")
    assert await directory.claim("a", "arena/x") == first
    await directory.renew(node("a"), [listing(first)])
    assert await directory.claim("a", "arena/x") == first


async def test_each_owner_has_a_higher_fence(opened: Opened) -> None:
    directory = opened.directory
    await directory.renew(node("a"), [])
    first = await directory.claim("a", "arena/x")
    await directory.renew(node("a"), [listing(first)])
    await directory.release("a", "arena/x", first.fence)
    await directory.renew(node("b"), [])
    second = await directory.claim("b", "arena/x")
    await opened.pass_s(directory.lease_s * 1.1)
    await directory.renew(node("a"), [])
    third = await directory.claim("a", "arena/x")
    assert second.won
    assert third.won
    assert first.fence < second.fence < third.fence


async def test_only_the_owner_releases_a_room(directory: Directory) -> None:
    for name in "ab":
        await directory.renew(node(name), [])
    claim = await directory.claim("a", "arena/x")
    await directory.release("b", "arena/x", claim.fence)
    await directory.release("a", "arena/x", claim.fence - 1)
    await directory.release("a", "arena/nobody", 1)
    assert await owner_of(directory, "arena/x") == "a"
    await directory.release("a", "arena/x", claim.fence)
    assert await directory.find("arena/x") is None


async def test_an_owner_passes_a_room_on(directory: Directory) -> None:
    for name in "abc":
        await directory.renew(node(name), [])
    claim = await directory.claim("a", "arena/x")
    await directory.renew(node("a"), [listing(claim, free_seats=4)])
    passed = await directory.pass_on("a", "arena/x", claim.fence, "b")
    assert (passed.owner.node, passed.won) == ("b", True)
    assert passed.fence > claim.fence
    assert await directory.pass_on("a", "arena/x", claim.fence, "b") == passed, "repeated"
    (found,) = (await directory.candidates("arena", {})).rooms
    assert (found.owner.node, found.fence) == ("b", passed.fence), "joins find it all the time"

    renewal = await directory.renew(node("a"), [listing(claim, free_seats=4)])
    assert renewal.lost == ("arena/x",)
    await directory.renew(node("a"), [])
    assert await owner_of(directory, "arena/x") == "b"
    renewal = await directory.renew(node("b"), [listing(passed, free_seats=3)])
    assert renewal.lost == ()

    late = await directory.pass_on("a", "arena/x", claim.fence, "c")
    assert (late.owner.node, late.won) == ("b", False)
    back = await directory.pass_on("b", "arena/x", passed.fence, "a")
    assert (back.owner.node, back.won) == ("a", True)
    assert back.fence > passed.fence


async def test_a_room_without_an_owner_is_passed_on_by_a_claim(directory: Directory) -> None:
    await directory.renew(node("b"), [])
    passed = await directory.pass_on("a", "arena/x", 5, "b")
    assert (passed.owner.node, passed.won) == ("b", True)
    with pytest.raises(LeaseOver):
        await directory.pass_on("b", "arena/x", passed.fence, "gone")
    assert await owner_of(directory, "arena/x") == "b"


async def test_a_node_without_a_lease_cannot_claim(opened: Opened) -> None:
    directory = opened.directory
    with pytest.raises(LeaseOver, match="a has no lease"):
        await directory.claim("a", "arena/x")
    await directory.renew(node("a"), [])
    await directory.renew(node("b"), [])
    await opened.pass_s(directory.lease_s * 1.1)
    with pytest.raises(LeaseOver):
        await directory.claim_new("a", "arena")


async def test_a_claim_ends_unless_the_room_is_listed(opened: Opened) -> None:
    directory = opened.directory
    hold_s = directory.lease_s * 1.2
    await directory.renew(node("a"), [])
    listed = await directory.claim("a", "arena/listed", hold_s)
    await directory.claim("a", "arena/x", hold_s)
    for _ in range(2):
        await opened.pass_s(directory.lease_s * 0.55)
        await directory.renew(node("a"), [listing(listed)])
        assert await owner_of(directory, "arena/x") == "a"
    await opened.pass_s(directory.lease_s * 0.2)
    assert await directory.find("arena/x") is None
    assert await owner_of(directory, "arena/listed") == "a"
    await directory.renew(node("a"), [])
    assert await directory.find("arena/listed") is None, "it was listed, and is no longer"


async def test_a_room_can_be_claimed_for_another_node(directory: Directory) -> None:
    for name in "ab":
        await directory.renew(node(name), [])
    for_b = await directory.claim("b", "arena/x")
    assert for_b.owner.node == "b"
    assert await directory.claim("b", "arena/x") == for_b
    assert not (await directory.claim("a", "arena/x")).won


async def test_new_rooms_have_free_names(directory: Directory) -> None:
    for name in "ab":
        await directory.renew(node(name), [])
    taken = await directory.claim("b", "arena/2")
    claims = [await directory.claim_new(name, "arena") for name in "abab"]
    assert all(one.won for one in claims)
    labels = {one.label for one in (taken, *claims)}
    assert len(labels) == 5
    assert all(label.partition("/")[2].isdecimal() for label in labels)


async def test_joins_find_a_new_room_before_its_owner_lists_it(directory: Directory) -> None:
    await directory.renew(node("a"), [])
    claim = await directory.claim_new("a", "arena", free_seats=2, filters={"mode": "duel"})
    for wanted in ({}, {"mode": "duel"}):
        [found] = (await directory.candidates("arena", wanted)).rooms
        assert (found.label, found.fence, found.free_seats) == (claim.label, claim.fence, 2)
    assert (await directory.candidates("arena", {"mode": "solo"})).rooms == ()
    assert await directory.take_seats(claim.label, claim.fence, 2)
    assert (await directory.candidates("arena", {})).rooms == ()
    await directory.renew(node("a"), [])
    assert await owner_of(directory, claim.label) == "a", "the claim still counts"


# ---------------------------------------------------------------- renewals


async def test_a_renewal_lists_what_the_directory_has_never_heard_of(directory: Directory) -> None:
    """After a wipe the rooms come back with the fences that they had."""
    x = RoomListing(label="arena/x", fence=8 * 10**15, serial=1)
    assert (await directory.renew(node("a"), [x])).lost == ()
    found = await directory.find("arena/x")
    assert found is not None
    assert (found.owner.node, found.fence) == ("a", 8 * 10**15)
    await directory.release("a", "arena/x", 8 * 10**15)
    assert (await directory.claim("a", "arena/x")).fence > 8 * 10**15


async def test_a_former_owner_has_lost_its_room(opened: Opened) -> None:
    directory = opened.directory
    await directory.renew(node("a"), [])
    old = await directory.claim("a", "arena/x")
    other = await directory.claim("a", "arena/y")
    await directory.renew(node("b"), [])
    await opened.pass_s(directory.lease_s * 1.1)
    await directory.renew(node("b"), [])
    new = await directory.claim("b", "arena/x")
    renewal = await directory.renew(node("a"), [listing(old), listing(other, 2)])
    assert renewal.lost == ("arena/x",)
    assert await directory.find("arena/x") == attrs.evolve(new, won=False)
    assert await owner_of(directory, "arena/y") == "a"
    assert (await directory.renew(node("b"), [listing(new)])).lost == ()


async def test_a_room_that_two_nodes_list_stays_with_the_newer_owner(directory: Directory) -> None:
    """A directory that was wiped while a cut-off node played on."""
    old = RoomListing(label="arena/x", fence=8 * 10**15, serial=1)
    new = attrs.evolve(old, fence=8 * 10**15 + 1)
    await directory.renew(node("a"), [old])
    assert (await directory.renew(node("b"), [new])).lost == ()
    assert (await directory.renew(node("a"), [old])).lost == ("arena/x",)
    assert await owner_of(directory, "arena/x") == "b"


async def test_a_renewal_brings_the_rooms_that_are_no_longer_joinable_up_to_date(
    directory: Directory,
) -> None:
    await directory.renew(node("a"), [])
    claim = await directory.claim("a", "arena/x")
    await directory.renew(node("a"), [listing(claim, free_seats=1)])
    assert len((await directory.candidates("arena", {})).rooms) == 1
    await directory.renew(node("a"), [listing(claim, free_seats=0)])
    assert (await directory.candidates("arena", {})).rooms == ()


# ---------------------------------------------------------------- candidates


async def test_rooms_are_found_by_any_of_their_filters(directory: Directory) -> None:
    await directory.renew(node("a"), [])
    rooms = []
    for serial, (mode, ranked) in enumerate([("duel", True), ("duel", False), ("solo", True)]):
        claim = await directory.claim_new("a", "arena")
        filters = {"mode": mode, "ranked": ranked}
        rooms.append(listing(claim, serial, free_seats=2, filters=filters))
    await directory.renew(node("a"), rooms)

    async def found(**wanted: object) -> set[str]:
        candidates = await directory.candidates("arena", wanted, count=16)
        return {one.label for one in candidates.rooms}

    labels = [one.label for one in rooms]
    assert await found() == set(labels)
    assert await found(mode="duel") == set(labels[:2])
    assert await found(ranked=True) == {labels[0], labels[2]}
    assert await found(mode="duel", ranked=False) == {labels[1]}
    assert await found(ranked=False, mode="solo") == set()
    assert await found(mode=True) == set()
    assert (await directory.candidates("chess", {})).rooms == ()


async def test_candidates_are_different_and_so_many(directory: Directory) -> None:
    await directory.renew(node("a"), [])
    rooms = [
        listing(await directory.claim_new("a", "arena"), serial, free_seats=1)
        for serial in range(30)
    ]
    await directory.renew(node("a"), rooms)
    seen: set[str] = set()
    for _ in range(50):
        drawn = [one.label for one in (await directory.candidates("arena", {})).rooms]
        assert len(drawn) == len(set(drawn)) == 2
        seen |= set(drawn)
    assert len(seen) > 10


async def test_a_candidate_has_the_seats_asked_for(directory: Directory) -> None:
    await directory.renew(node("a"), [])
    small = listing(await directory.claim_new("a", "arena"), 1, free_seats=2)
    large = listing(await directory.claim_new("a", "arena"), 2, free_seats=8)
    await directory.renew(node("a"), [small, large])
    found = await directory.candidates("arena", {}, seats=3)
    assert [(one.label, one.free_seats) for one in found.rooms] == [(large.label, 8)]


async def test_the_last_seat_is_taken_once(directory: Directory) -> None:
    await directory.renew(node("a"), [])
    claim = await directory.claim_new("a", "arena")
    await directory.renew(node("a"), [listing(claim, free_seats=3)])
    assert await directory.take_seats(claim.label, claim.fence, 2)
    assert not await directory.take_seats(claim.label, claim.fence, 2)
    assert not await directory.take_seats(claim.label, claim.fence - 1)
    assert not await directory.take_seats("arena/nobody", 1)
    assert await directory.take_seats(claim.label, claim.fence)
    assert (await directory.candidates("arena", {})).rooms == ()
    await directory.renew(node("a"), [listing(claim, free_seats=1)])
    assert await directory.take_seats(claim.label, claim.fence)


async def test_nodes_that_take_no_rooms_are_no_candidates(directory: Directory) -> None:
    await directory.renew(node("a"), [])
    await directory.renew(node("drains", draining=True), [])
    await directory.renew(node("full", load=NodeLoad(no_new_rooms=True)), [])
    await directory.renew(node("other", kinds={"chess": "c1"}), [])
    assert [one.node for one in (await directory.candidates("arena", {})).nodes] == ["a"]
    await directory.renew(node("a", draining=True), [])
    assert (await directory.candidates("arena", {})).nodes == ()


# ---------------------------------------------------------------- lists


async def test_a_room_that_stays_open_is_on_exactly_one_page(directory: Directory) -> None:
    rooms: dict[str, list[RoomListing]] = {"a": [], "b": []}
    for name, listings in rooms.items():
        await directory.renew(node(name), [])
        for serial in range(1, 251):
            label = f"arena/{name}{serial}"
            one = RoomListing(label=label, fence=serial, serial=serial, shown={"n": serial})
            listings.append(one if serial % 10 else attrs.evolve(one, shown=None))
        await directory.renew(node(name), listings)
    pages = [await directory.rooms()]
    while pages[-1].next:
        # Others close and open meanwhile: every seventh, and new ones.
        for name, listings in rooms.items():
            listings[:] = [one for one in listings if one.serial % 7 or one.serial > 250]
            newest = max(one.serial for one in listings) + 1
            listings.append(RoomListing(label=f"arena/{name}{newest}", fence=1, serial=newest))
            await directory.renew(node(name), listings)
        pages.append(await directory.rooms(pages[-1].next))
    labels = [room.label for page in pages for room in page.rooms]
    stayed = {
        f"arena/{name}{serial}" for name in rooms for serial in range(1, 251) if serial % 7
    } - {f"arena/{name}{serial}" for name in rooms for serial in range(10, 251, 10)}
    assert stayed <= set(labels)
    assert len(labels) == len(set(labels))
    assert all(len(page.rooms) <= 100 for page in pages)


async def test_a_list_shows_what_the_owner_tells(directory: Directory) -> None:
    await directory.renew(node("a"), [])
    claim = await directory.claim("a", "arena/x")
    private = await directory.claim("a", "arena/private")
    shown = {"name": "arena/x", "listing": {"mode": "duel", "max": 4, "tags": ["a", None]}}
    await directory.renew(
        node("a"), [listing(claim, players=3, shown=shown), listing(private, 2, players=1)]
    )
    [room] = (await directory.rooms()).rooms
    assert (room.label, room.node, room.players, room.shown) == ("arena/x", "a", 3, shown)


@pytest.mark.parametrize("cursor", ["a", "a x", "zzz 9", " ", "a 1 2", "\u0661"])
async def test_a_wrong_cursor_does_no_harm(directory: Directory, cursor: str) -> None:
    await directory.renew(node("a"), [])
    await directory.rooms(cursor)
    await directory.nodes(cursor)


# ---------------------------------------------------------------- used once, resumes


async def test_what_is_used_once_is_used_once(opened: Opened) -> None:
    directory = opened.directory
    assert await directory.use_once("ticket:t", "first", 100.0)
    assert not await directory.use_once("ticket:t", "second", 100.0)
    assert await directory.use_once("ticket:t", "first", 100.0), "a repeated call"
    assert await directory.use_once("token:t", "second", 100.0)
    await opened.pass_s(110.0)
    assert await directory.use_once("ticket:t", "third", 100.0)


async def test_the_number_of_a_resume_token_only_grows(directory: Directory) -> None:
    await directory.note_resumes({"life": 4, "other": 1})
    await directory.note_resumes({"life": 3})
    assert await directory.newest_resumes(["life", "nobody"]) == {"life": 4}
    await directory.note_resumes({"life": 5})
    assert await directory.newest_resumes(["other", "life"]) == {"other": 1, "life": 5}
    assert await directory.newest_resumes([]) == {}
    await directory.note_resumes({})
