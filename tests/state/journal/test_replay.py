"""A journal played again goes through the same states, and says where it does not."""

from __future__ import annotations

import io
import random
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver import Player, Room
from gameserver.errors import JournalError
from gameserver.games.arena.room import Arena
from gameserver.games.chat import Chat
from gameserver.games.echo import Echo
from gameserver.protocol.latency import Latency
from gameserver.replication.seat import NOWHERE
from gameserver.simulation.recording import Commanded, Joined, Said, Stepped
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.records import Check, KeyFrame, Record
from gameserver.state.journal.replay import check_game, replay
from tests.support.journaled_play import (
    JournaledPlay,
    changed,
    journal_of,
    journal_with,
    records_of,
    verdict,
)
from tests.support.kept_game import Shout, Zoo
from tests.support.matched_game import Booth, Mode, Options

GAMES = [Arena, Chat, Echo, Zoo]


class World:
    """Random play that does what a server may do to a room, besides what players do."""

    def __init__(self, room: Room, seed: int) -> None:
        self.played = JournaledPlay(room, check_every_ticks=4, key_frame_every_ticks=30)
        self.rng = random.Random(seed)
        self.room = room

    def act(self, what: str) -> None:
        stepper = self.played.rehearsal._stepper
        players = list(self.room.players.values())
        match what:
            case "drop ticks":
                stepper.step(self.room.tick_number + self.rng.randint(2, 6))
                self.played.rehearsal.settle()
                self.played.tick_over()
            case "slow down":
                pace, share = self.rng.choice([(1.0, 1.0), (0.5, 0.5), (0.25, 1.0)])
                stepper.change_pace(pace, self.rng.choice([1, 2]), share)
                self.played.rehearsal._publisher.view_share = share
            case "level":
                stepper.overloaded(self.rng.randint(0, 4))
            case "measure" if players:
                rtt_s = self.rng.uniform(0.001, 0.4)
                latency = Latency(rtt_s, rtt_s, rtt_s / 2, 0.001, rtt_s, 3)
                stepper.measured(self.rng.choice(players), latency)
            case "start over" if players:
                stepper.start_over(stepper.seated[self.rng.choice(players).seat])
            case "kick" if players:  # as by a background result; the effect is a leaving
                self.played.rehearsal.leave(self.rng.choice(players), "kicked")
            case "unpublished":
                stepper.step(self.room.tick_number + 1)
                self.played.tick_over()
            case "write":
                self.played.write()


ACTS = ("drop ticks", "slow down", "level", "measure", "start over", "kick", "unpublished", "write")


@pytest.mark.parametrize("game", GAMES)
@given(
    seed=st.integers(0, 1 << 20),
    acts=st.lists(st.sampled_from(ACTS), max_size=12),
    players=st.integers(1, 5),
)
@settings(max_examples=8)
def test_random_play_is_played_again_alike(
    game: type[Room], seed: int, acts: list[str], players: int
) -> None:
    world = World(game("room", seed=seed), seed)
    for number, act in enumerate(acts):
        world.act(act)
        world.played.play(5, players=players, seed=seed + number, write_every=2)
    assert verdict(game, world.played.end()) is None


@pytest.mark.long
@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("seed", range(4))
def test_long_play_is_played_again_alike(game: type[Room], seed: int) -> None:
    assert verdict(game, journal_of(game("room", seed=seed), 400, players=8, seed=seed)) is None


def test_every_part_can_be_played_by_itself() -> None:
    played = JournaledPlay(Arena("room"), key_frame_every_ticks=20, part_bytes=1000)
    played.play(90)
    played.end()
    assert len(played.parts) == 5
    for part in played.parts:
        assert verdict(Arena, part) is None
    numbers = [JournalReader(io.BytesIO(part)).header.part for part in played.parts]
    assert numbers == [1, 2, 3, 4, 5]
    assert sum(isinstance(r, KeyFrame) for p in played.parts for r in records_of(p)) == 5


def test_replay_ends_at_the_tick_that_is_asked_for() -> None:
    reader = JournalReader(io.BytesIO(journal_of(Arena("room"), 30)))
    *_, (playing, _, _) = replay(Arena, reader, until_tick=17)
    assert playing.room.tick_number == 17


# ---------------------------------------------------------------- what differs


def test_the_first_difference_is_told_by_tick_entity_and_field() -> None:
    class Counting(Zoo):
        def tick(self) -> None:
            super().tick()
            if self.tick_number == 13:
                for beast in self.world.of_class(next(iter(self.schema().kinds))):
                    beast.hunger += 5  # type: ignore[attr-defined]
                    return

    Counting.__name__ = "Zoo"
    data = journal_of(Zoo("room"), 40)
    mismatch = verdict(Counting, data)
    assert mismatch is not None
    assert mismatch.tick == 15
    assert mismatch.since_tick == 10
    assert mismatch.difference is not None
    assert mismatch.difference.where.startswith("Beast ")
    assert mismatch.difference.field == "hunger"
    assert int(mismatch.difference.second) == int(mismatch.difference.first) + 5
    assert " is " in str(mismatch)
    assert str(mismatch).startswith("tick 15 (equal at 10): Beast ")


def test_a_wrong_hash_without_a_difference_is_told_too() -> None:
    def forge(records: list[Record]) -> None:
        number, check = next((n, r) for n, r in enumerate(records) if isinstance(r, Check))
        records[number] = Check(check.tick, bytes(16), check.changed, check.gone)

    mismatch = verdict(Echo, changed(journal_of(Echo("room"), 20), forge))
    assert mismatch is not None
    assert mismatch.difference is None
    assert "the hashes differ" in str(mismatch)


def test_what_came_in_decides() -> None:
    data = journal_of(Chat("room"), 40, players=4)

    def drop_a_text(records: list[Record]) -> None:
        said = next(n for n, r in enumerate(records) if isinstance(r, Joined))
        joined = records[said]
        assert isinstance(joined, Joined)
        records[said] = Joined(joined.seat, "another", joined.identity)

    assert verdict(Chat, data) is None
    mismatch = verdict(Chat, changed(data, drop_a_text))
    assert mismatch is not None
    assert mismatch.difference is not None
    assert mismatch.difference.field == "name"


# ---------------------------------------------------------------- journals that cannot be played


def playing_of(room: type[Room], data: bytes) -> None:
    reader = JournalReader(io.BytesIO(data))
    check_game(room, reader.header)
    for _ in replay(room, reader):
        pass


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (Said(63, "hi"), "Said does not fit the game: nobody sits in seat 63"),
        (Joined(1, "Eve", None), "Joined does not fit the game: seat 1 is taken"),
        (Commanded(63, 1, 0, 0, 1, 0, [1]), "Commanded does not fit the game"),
        (Commanded(1, 9999, 0, 0, 1, 99, [1]), "Commanded does not fit the game"),
        (Commanded(1, 9999, 0, 0, 1, 0, ["no", "such"]), "Commanded does not fit the game"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(record: Record, why: str) -> None:
    data = changed(journal_of(Arena("room"), 10), lambda records: records.insert(-2, record))
    with pytest.raises(JournalError, match=why):
        playing_of(Arena, data)


def test_another_game_and_another_version_are_refused() -> None:
    data = journal_of(Echo("room"), 5)
    with pytest.raises(JournalError, match="it is of a room Echo, not of Chat"):
        playing_of(Chat, data)

    class Echo2(Chat):
        pass

    Echo2.__name__ = "Echo"
    with pytest.raises(JournalError, match=r"another version of gameserver\.games\.echo:Echo"):
        playing_of(Echo2, data)


def test_a_journal_without_a_key_frame_is_refused() -> None:
    header, _key_frame, *rest = records_of(journal_of(Echo("room"), 5))
    with pytest.raises(JournalError, match="its first record is no key frame"):
        playing_of(Echo, journal_with([header, *rest]))


def test_a_key_frame_that_is_damaged_is_refused() -> None:
    def damage(records: list[Record]) -> None:
        assert isinstance(records[1], KeyFrame)
        records[1] = KeyFrame(0, records[1].snapshot[:-1])

    with pytest.raises(JournalError, match="the key frame of tick 0: byte"):
        playing_of(Echo, changed(journal_of(Echo("room"), 5), damage))


class Waiting(Echo):
    async def on_load(self) -> None:
        await _Forever()


class _Forever:
    def __await__(self) -> Any:
        yield


def test_a_room_that_waits_when_it_is_loaded_cannot_be_played() -> None:
    Waiting.__name__ = "Echo"
    with pytest.raises(JournalError, match="on_load waits"):
        verdict(Waiting, journal_of(Echo("room"), 5))


# ---------------------------------------------------------------- what is recorded


def test_a_text_and_a_command_of_somebody_who_left_are_not_recorded() -> None:
    room = Zoo("room")
    played = JournaledPlay(room)
    rehearsal = played.rehearsal
    ada = rehearsal.join("Ada")
    seated = rehearsal._stepper.find(ada)
    assert seated is not None
    rehearsal.leave(ada)
    ben: Player = rehearsal.join("Ben")
    assert ben.seat == ada.seat
    rehearsal._stepper.hear(ada, "late")
    rehearsal._stepper.measured(ada, Latency(0.5))
    seated.commands.take(1, Shout())
    rehearsal.step()
    data = played.end()
    kinds = {type(record) for record in records_of(data)}
    assert {Joined, Stepped} <= kinds
    assert not {Said, Commanded} & kinds
    assert verdict(Zoo, data) is None


def test_the_options_of_players_are_in_the_journal() -> None:
    played = JournaledPlay(Booth("room"))
    options = Options(size=7, gravity=1.25, colours=(Mode.RANKED,))
    played.rehearsal._stepper.join(1, NOWHERE, "ann", options=options)
    played.rehearsal.step()
    played.tick_over()
    assert played.room.sizes == (7,)  # type: ignore[attr-defined]
    data = played.end()
    assert verdict(Booth, data) is None

    def forget(records: list[Record]) -> None:
        at = next(i for i, record in enumerate(records) if isinstance(record, Joined))
        records[at] = attrs.evolve(records[at], options=None)

    assert verdict(Booth, changed(data, forget)) is not None
