"""Clients may read own objects and places of declared collections and leaderboards only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from gameserver import LocalProtocolError
from gameserver.storage import (
    Collection,
    Leaderboard,
    Storage,
    SubmitScore,
    WriteObject,
    client_readable,
    open_storage,
)
from gameserver.storage.client_reads import ClientReads, ReadRefused, check_stored


@client_readable
@attrs.frozen
class Hull(Collection, name="hulls"):
    colour: str = "red"
    sizes: tuple[int, ...] = ()


@attrs.frozen
class Secret(Collection, name="secrets"):
    word: str = "sesame"


@client_readable
class Laps(Leaderboard, name="laps", order="low"):
    """Lap times."""


class Hidden(Leaderboard, name="hidden"):
    """Nobody may read it."""


STORED = (Hull, Secret, Laps, Hidden)


@asynccontextmanager
async def kept(tmp_path: Path) -> AsyncIterator[Storage]:
    storage = await open_storage(f"sqlite:{tmp_path / 'kept.db'}")
    await storage.write(
        WriteObject(Hull("blue", (1, 2)), owner="acc-1"),
        WriteObject(Hull("green"), owner="acc-2", key="spare"),
        WriteObject(Secret(), owner="acc-1"),
        SubmitScore(Laps, "acc-1", 70, "Ann"),
        SubmitScore(Laps, "acc-2", 60, "Bob"),
        SubmitScore(Laps, "acc-3", 80, "Cy"),
        SubmitScore(Hidden, "acc-1", 1, "Ann"),
    )
    try:
        yield storage
    finally:
        await storage.aclose()


async def test_a_client_reads_its_own_objects_and_no_others(tmp_path: Path) -> None:
    async with kept(tmp_path) as storage:
        ann = ClientReads(storage, STORED, "acc-1")
        assert await ann.answer("hulls", "own", [""]) == {"colour": "blue", "sizes": [1, 2]}
        assert await ann.answer("hulls", "own", ["spare"]) is None
        assert await ann.answer("hulls", "own", ["no\0key"]) is None
        bob = ClientReads(storage, STORED, "acc-2")
        assert await bob.answer("hulls", "own", ["spare"]) == {"colour": "green", "sizes": []}
        nobody = ClientReads(storage, STORED, None)
        with pytest.raises(ReadRefused, match="sign in"):
            await nobody.answer("hulls", "own", [""])


async def test_places_name_no_owner_but_say_which_is_the_readers(tmp_path: Path) -> None:
    first, second, third = (1, "Bob", 60), (2, "Ann", 70), (3, "Cy", 80)
    async with kept(tmp_path) as storage:
        ann = ClientReads(storage, STORED, "acc-1")
        assert await ann.answer("laps", "top", [2, 0, 0]) == [(*first, False), (*second, True)]
        assert await ann.answer("laps", "top", [2, 2, 0]) == [(*third, False)]
        assert await ann.answer("laps", "rank", [0]) == (*second, True)
        around = await ann.answer("laps", "around", [1, 0])
        assert around == [(*first, False), (*second, True), (*third, False)]
        assert await ann.answer("laps", "top", [2, 0, 5]) == []
        nobody = ClientReads(storage, STORED, None)
        assert await nobody.answer("laps", "top", [1, 0, 0]) == [(*first, False)]
        assert await nobody.answer("laps", "rank", [0]) is None
        assert await nobody.answer("laps", "around", [1, 0]) == []


@pytest.mark.parametrize(
    ("name", "what", "arguments"),
    [
        ("secrets", "own", [""]),
        ("hidden", "top", [1, 0, 0]),
        ("nothing", "rank", [0]),
        ("hulls", "top", [1, 0, 0]),
        ("laps", "own", [""]),
    ],
)
async def test_what_is_not_readable_looks_like_what_is_not_there(
    tmp_path: Path, name: str, what: str, arguments: list[object]
) -> None:
    async with kept(tmp_path) as storage:
        with pytest.raises(ReadRefused, match=f"there is no .* '{name}' that clients may read"):
            await ClientReads(storage, STORED, "acc-1").answer(name, what, arguments)
        with pytest.raises(ReadRefused):
            await ClientReads(storage, (), "acc-1").answer("laps", "top", [1, 0, 0])


class Bare(Collection):
    """No attrs class."""


@attrs.frozen
class Twin(Collection, name="laps"):
    """Has the name of the leaderboard."""


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (Hull, "must be a tuple"),
        ("hulls", "must be a tuple"),
        (("hulls",), "neither a Collection nor a Leaderboard"),
        ((int,), "neither a Collection nor a Leaderboard"),
        ((Bare,), "Bare must be an attrs class"),
        ((Laps, Twin), "two that are named 'laps'"),
    ],
)
def test_a_declaration_that_cannot_work_is_named(stored: object, text: str) -> None:
    with pytest.raises(LocalProtocolError, match=rf"Duel\.stored.*{text}"):
        check_stored("Duel", stored)


def test_a_declaration_that_works() -> None:
    check_stored("Duel", STORED)
    check_stored("Duel", [Laps, Laps])
