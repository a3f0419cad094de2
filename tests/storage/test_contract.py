"""The contract of storage, on both engines: what is written is there, whole or not at all."""

from __future__ import annotations

import contextlib

import attrs
import pytest
import trio

from gameserver.errors import LocalProtocolError
from gameserver.protocol.messages import valid_name
from gameserver.storage import (
    AddMatch,
    ChangeObject,
    Collection,
    Conflict,
    DeleteObject,
    Fence,
    FencedOff,
    Leaderboard,
    Place,
    Storage,
    StorageError,
    SubmitScore,
    WriteObject,
    open_storage,
)
from gameserver.storage.checkpoints import AppendJournal, ForgetRoom, WriteCheckpoint
from gameserver.storage.errors import Owned
from gameserver.storage.migrations import STEPS
from tests.storage.conftest import SetClock
from tests.support.kept_classes import Career, Kills

DAY_S = 86400.0


@attrs.frozen
class Renamed(Collection, name="careers"):
    """A newer version of the game: a field was added, another removed."""

    kills: int = 0
    rank: str = "cadet"


class Laps(Leaderboard, order="low", resets="daily"):
    """The fastest lap of the day."""


class Streaks(Leaderboard):
    """The best streak."""


class Rating(Leaderboard, keep="last"):
    """The newest rating."""


# ---------------------------------------------------------------- objects


async def test_an_object_is_read_as_it_was_written(storage: Storage) -> None:
    career = Career(7, ("ace", "\N{PILE OF POO}"))
    assert await storage.write(WriteObject(career, owner="ann")) == [1]
    stored = await storage.get(Career, owner="ann")
    assert stored is not None
    assert (stored.value, stored.version, stored.owner, stored.key) == (career, 1, "ann", "")
    assert await storage.get(Career, owner="bob") is None
    assert await storage.get(Career, owner="ann", key="other") is None


async def test_versions_guard_an_object(storage: Storage) -> None:
    assert await storage.write(WriteObject(Career(1), owner="ann", version=0)) == [1]
    with pytest.raises(Conflict, match="careers/ of 'ann' has version 1, not 0"):
        await storage.write(WriteObject(Career(2), owner="ann", version=0))
    assert await storage.write(WriteObject(Career(2), owner="ann", version=1)) == [2]
    with pytest.raises(Conflict, match="has version 2, not 1"):
        await storage.write(WriteObject(Career(3), owner="ann", version=1))
    with pytest.raises(Conflict, match="does not exist, not 4"):
        await storage.write(WriteObject(Career(3), owner="bob", version=4))
    assert await storage.write(WriteObject(Career(4), owner="ann")) == [3]


async def test_a_change_counts_whatever_others_write(storage: Storage) -> None:
    def one_more(career: Career | None) -> Career:
        return Career(1) if career is None else attrs.evolve(career, kills=career.kills + 1)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(storage.write, ChangeObject(Career, one_more, owner="ann"))
    stored = await storage.get(Career, owner="ann")
    assert stored is not None
    assert (stored.value.kills, stored.version) == (20, 20)


async def test_a_change_that_fails_is_an_error_of_storage(storage: Storage) -> None:
    change = ChangeObject(Career, lambda _: 1 / 0, owner="ann")  # type: ignore[arg-type, return-value]
    with pytest.raises(StorageError, match="Career of 'ann' cannot be changed: ZeroDivisionError"):
        await storage.write(change)
    assert await storage.get(Career, owner="ann") is None


async def test_objects_are_deleted_by_version_too(storage: Storage) -> None:
    await storage.write(WriteObject(Career(1), owner="ann"))
    with pytest.raises(Conflict):
        await storage.write(DeleteObject(Career, owner="ann", version=2))
    assert await storage.write(DeleteObject(Career, owner="ann", version=1)) == [True]
    assert await storage.write(DeleteObject(Career, owner="ann")) == [False]
    assert await storage.get(Career, owner="ann") is None


@pytest.mark.parametrize("text", ["\x00", "\ud800", "x" * 257])
def test_a_deletion_checks_its_names_as_a_write_does(text: str) -> None:
    with pytest.raises(ValueError, match="owner must be"):
        DeleteObject(Career, owner=text)
    with pytest.raises(ValueError, match="key must be"):
        DeleteObject(Career, key=text)


async def test_objects_of_an_owner_come_by_key_in_pages(storage: Storage) -> None:
    keys = ["a", "B", "ä", "10", "9", "b"]
    await storage.write(*(WriteObject(Career(1), owner="ann", key=key) for key in keys))
    first = await storage.objects_of(Career, "ann", limit=4)
    rest = await storage.objects_of(Career, "ann", after=first[-1].key, limit=4)
    assert [one.key for one in (*first, *rest)] == sorted(keys)
    assert await storage.objects_of(Career, "bob") == []


async def test_an_older_object_fits_a_newer_class(storage: Storage) -> None:
    await storage.write(WriteObject(Career(3, ("ace",)), owner="ann"))
    stored = await storage.get(Renamed, owner="ann")
    assert stored is not None
    assert stored.value == Renamed(3, "cadet")


async def test_operations_happen_together_or_not_at_all(storage: Storage) -> None:
    with pytest.raises(Conflict):
        await storage.write(
            WriteObject(Career(1), owner="ann"),
            SubmitScore(Kills, "ann", 5, "Ann"),
            WriteObject(Career(1), owner="bob", version=9),
        )
    assert await storage.get(Career, owner="ann") is None
    assert await storage.top(Kills) == []


async def test_writers_side_by_side_lose_nothing(storage: Storage) -> None:
    async def add_one() -> None:
        while True:
            stored = await storage.get(Career, owner="ann")
            kills, version = (stored.value.kills, stored.version) if stored else (0, 0)
            try:
                await storage.write(WriteObject(Career(kills + 1), owner="ann", version=version))
            except Conflict:
                continue
            return

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(add_one)
    stored = await storage.get(Career, owner="ann")
    assert stored is not None
    assert (stored.value.kills, stored.version) == (12, 12)


async def test_everything_is_there_after_opening_again(url: str) -> None:
    storage = await open_storage(url)
    await storage.write(WriteObject(Career(1), owner="ann"))
    await storage.aclose()
    storage = await open_storage(url)
    assert await storage.get(Career, owner="ann") is not None
    await storage.aclose()


@pytest.mark.parametrize("value", [{"kills": 1}, None, Career])
def test_only_collections_are_stored(value: object) -> None:
    with pytest.raises(LocalProtocolError, match="declare an attrs class that is a Collection"):
        WriteObject(value)  # type: ignore[arg-type]


def test_a_value_has_a_limit() -> None:
    with pytest.raises(LocalProtocolError, match="Career: a value may have 262144 bytes"):
        WriteObject(Career(titles=("x" * 300_000,)))


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 257, "a\nb", "\ud800"])
def test_names_are_checked_before_they_reach_a_database(name: str) -> None:
    with pytest.raises(ValueError, match="must be 1 to 256 characters without control characters"):
        SubmitScore(Kills, name, 1, "Ann")
    if name:
        with pytest.raises(ValueError, match="must be 1 to 256 characters without control"):
            WriteObject(Career(), owner=name)
        with pytest.raises(ValueError, match="must be 1 to 128 printable characters"):
            WriteObject(Career(), key=name)


@pytest.mark.parametrize("name", ["\U0001f468\u200d\U0001f469", "\u0378", "\U0001f680\ufe0f"])
async def test_a_player_may_have_any_name_that_the_protocol_allows(
    storage: Storage, name: str
) -> None:
    assert valid_name(name)
    await storage.write(SubmitScore(Kills, name * 60, 1, name))
    assert await storage.top(Kills) == [Place(1, name * 60, name, 1)]


# ---------------------------------------------------------------- leaderboards


async def test_the_kept_score_is_the_sum_the_best_or_the_last(storage: Storage) -> None:
    for board, kept in ((Kills, [5, 8, 9]), (Streaks, [5, 5, 5]), (Rating, [5, 3, 1])):
        scores = [await storage.write(SubmitScore(board, "ann", score, "A")) for score in (5, 3, 1)]
        assert scores == [[score] for score in kept]
    laps = [await storage.write(SubmitScore(Laps, "ann", score, "A")) for score in (5, 3, 4)]
    assert laps == [[5], [3], [3]]


async def test_equal_scores_rank_by_time_for_ever(storage: Storage) -> None:
    for owner in ("cid", "ann", "bob"):
        await storage.write(SubmitScore(Streaks, owner, 10, owner.title()))
    await storage.write(SubmitScore(Streaks, "cid", 10, "Cid"), SubmitScore(Streaks, "cid", 9, "C"))
    assert await storage.top(Streaks) == [
        Place(1, "cid", "Cid", 10),
        Place(2, "ann", "Ann", 10),
        Place(3, "bob", "Bob", 10),
    ]


async def test_rank_around_and_pages(storage: Storage) -> None:
    await storage.write(*(SubmitScore(Kills, f"p{n:02}", n, f"P{n}") for n in range(50)))
    assert await storage.rank(Kills, "p40") == Place(10, "p40", "P40", 40)
    assert await storage.rank(Kills, "nobody") is None
    near = await storage.around(Kills, "p40", 2)
    assert [(place.rank, place.score) for place in near] == [
        (8, 42),
        (9, 41),
        (10, 40),
        (11, 39),
        (12, 38),
    ]
    assert [place.rank for place in await storage.around(Kills, "p49", 2)] == [1, 2, 3]
    assert [place.score for place in await storage.top(Kills, 2, offset=10)] == [39, 38]
    assert await storage.size(Kills) == 50


async def test_a_board_begins_anew_each_day(storage: Storage, clock: SetClock) -> None:
    await storage.write(SubmitScore(Laps, "ann", 61_000, "Ann"))
    clock.now_s += DAY_S
    assert await storage.top(Laps) == []
    await storage.write(SubmitScore(Laps, "ann", 62_000, "Ann"))
    assert [place.score for place in await storage.top(Laps)] == [62_000]
    assert [place.score for place in await storage.top(Laps, back=1)] == [61_000]


async def test_many_submit_to_one_board_at_once(storage: Storage) -> None:
    async def submit(player: int) -> None:
        for _ in range(3):
            await storage.write(SubmitScore(Kills, f"p{player}", 1 + player, "P"))

    async with trio.open_nursery() as nursery:
        for player in range(12):
            nursery.start_soon(submit, player)
    assert [place.score for place in await storage.top(Kills, 100)] == list(range(36, 0, -3))
    assert await storage.size(Kills) == 12


# ---------------------------------------------------------------- matches


async def test_matches_are_found_by_player(storage: Storage) -> None:
    ids = [
        (
            await storage.write(
                AddMatch(
                    kind="arena",
                    room="arena/1",
                    began_s=float(n),
                    ended_s=n + 60.5,
                    players=players,
                    result={"winner": players[0], "scores": [n, 2]},
                    journal=f"arena-{n}",
                )
            )
        )[0]
        for n, players in enumerate([("ann", "bob"), ("bob", "bob", "cid"), ("cid", "ann")])
    ]
    match = await storage.match(ids[1])
    assert match is not None
    assert (match.players, match.ended_s, match.result["scores"]) == (("bob", "cid"), 61.5, [1, 2])
    assert [one.id for one in await storage.matches_of("ann")] == [ids[2], ids[0]]
    assert [one.id for one in await storage.matches_of("ann", before=ids[2])] == [ids[0]]
    assert [one.id for one in await storage.matches_of("ann", 1)] == [ids[2]]
    assert await storage.match(10**9) is None


# ---------------------------------------------------------------- fences, checkpoints, journals


async def test_an_older_fence_writes_nothing(storage: Storage) -> None:
    old = await storage.claim("arena/1")
    await storage.write(WriteObject(Career(1), owner="ann"), fence=old)
    new = await storage.claim("arena/1")
    assert (old, new) == (Fence("arena/1", 1), Fence("arena/1", 2))
    with pytest.raises(FencedOff, match="'arena/1' has the newer fence 2"):
        await storage.write(WriteObject(Career(2), owner="ann"), fence=old)
    await storage.write(WriteObject(Career(3), owner="ann"), fence=new)
    other = await storage.claim("arena/2")
    assert other.number == 1
    stored = await storage.get(Career, owner="ann")
    assert stored is not None
    assert stored.value.kills == 3


async def test_many_claims_at_once_differ(storage: Storage) -> None:
    numbers: list[int] = []

    async def claim() -> None:
        numbers.append((await storage.claim("arena/1")).number)

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(claim)
    assert sorted(numbers) == list(range(1, 11))


async def test_nobody_claims_the_room_of_an_owner_with_a_lease(storage: Storage) -> None:
    await storage.renew_lease("host-a", 60.0)
    first = await storage.claim("arena/1", "host-a")
    with pytest.raises(Owned, match="'arena/1' belongs to another server") as refused:
        await storage.claim("arena/1", "host-b")
    assert 50 < refused.value.left_s <= 60
    again = await storage.claim("arena/1", "host-a")
    assert (first.number, again.number) == (1, 2)
    await storage.renew_lease("host-a", -1.0)  # as after a second without renewal
    taken = await storage.claim("arena/1", "host-b")
    assert taken.number == 3
    with pytest.raises(FencedOff):
        await storage.write(AppendJournal(again, 0, b"late"), fence=again)


async def test_a_lease_that_is_given_up_is_over_at_once(storage: Storage) -> None:
    await storage.renew_lease("host-a", 60.0)
    await storage.claim("arena/1", "host-a")
    await storage.end_lease("host-a")
    assert (await storage.claim("arena/1", "host-b")).number == 2


async def test_a_claim_is_handed_over_while_its_owner_has_a_lease(storage: Storage) -> None:
    await storage.renew_lease("older", 60.0)
    await storage.renew_lease("newer", 60.0)
    fence = await storage.claim("arena/1", "older")
    adopted = await storage.adopt(fence, "newer")
    assert adopted == Fence("arena/1", 2)
    with pytest.raises(FencedOff):
        await storage.adopt(fence, "third")
    await storage.end_lease("older")
    with pytest.raises(Owned):
        await storage.claim("arena/1", "third")


async def test_one_of_many_who_claim_a_room_of_a_dead_owner_gets_it(storage: Storage) -> None:
    await storage.renew_lease("dead", -1.0)
    await storage.claim("arena/1", "dead")
    won: list[str] = []

    async def claim(owner: str) -> None:
        await storage.renew_lease(owner, 60.0)
        with contextlib.suppress(Owned):
            await storage.claim("arena/1", owner)
            won.append(owner)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(claim, f"host-{number}")
    assert len(won) == 1


async def test_a_journal_is_read_as_a_file_would_hold_it(storage: Storage) -> None:
    first = await storage.claim("arena/1")
    assert await storage.journal("arena/1") is None
    await storage.write(WriteCheckpoint(first, 30, b"at 30, "), fence=first)
    await storage.write(AppendJournal(first, 1, b"a"), AppendJournal(first, 2, b"b"), fence=first)
    # Again, because nobody knew whether it was written.
    await storage.write(AppendJournal(first, 1, b"a"), AppendJournal(first, 2, b"b"), fence=first)
    assert await storage.journal("arena/1") == b"at 30, ab"
    await storage.write(
        AppendJournal(first, 3, b"c"),
        WriteCheckpoint(first, 60, b"at 60, "),
        AppendJournal(first, 5, b"d"),
        fence=first,
    )
    assert await storage.journal("arena/1") == b"at 60, d"
    second = await storage.claim("arena/1")
    assert await storage.journal("arena/1") == b"at 60, d"
    await storage.write(WriteCheckpoint(second, 70, bytes(range(256))), fence=second)
    checkpoint = await storage.checkpoint("arena/1")
    assert checkpoint is not None
    assert (checkpoint.fence, checkpoint.tick, checkpoint.snapshot) == (2, 70, bytes(range(256)))
    assert await storage.journal("arena/1") == bytes(range(256))
    assert await storage.checkpointed_rooms() == ["arena/1"]
    await storage.write(ForgetRoom(second), fence=second)
    assert await storage.checkpoint("arena/1") is None
    assert await storage.journal("arena/1") is None
    assert (await storage.claim("arena/1")).number == 3


# ---------------------------------------------------------------- batches that are tried again


async def test_a_batch_is_done_once(storage: Storage) -> None:
    one = [((SubmitScore(Kills, "ann", 5, "Ann"),), None)]
    for batch in (1, 1, 2, 1, 2):
        await storage.write_once("writer", batch, one)
    assert await storage.top(Kills) == [Place(1, "ann", "Ann", 10)]
    await storage.write_once("another", 1, one)
    assert await storage.top(Kills) == [Place(1, "ann", "Ann", 15)]
    await storage.forget_writer("writer")


# ---------------------------------------------------------------- tables of former versions


@pytest.mark.parametrize("version", range(1, len(STEPS)))
async def test_tables_of_a_former_version_are_brought_up_to_date(
    url: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as former:
        former.setattr("gameserver.storage.migrations.STEPS", STEPS[:version])
        former.setattr("gameserver.storage.migrations.VERSION", version)
        older = await open_storage(url)
        await older.write(WriteObject(Career(3), owner="ann"))
        await older.database.transact(
            lambda transaction: transaction.rows(
                "INSERT INTO gameserver_fences (room, fence) VALUES ('arena/1', 7)"
            )
        )
        await older.aclose()
    newer = await open_storage(url)
    stored = await newer.get(Career, owner="ann")
    assert stored is not None
    assert stored.value.kills == 3
    await newer.renew_lease("host-a", 60.0)
    assert (await newer.claim("arena/1", "host-a")).number == 8
    await newer.aclose()
