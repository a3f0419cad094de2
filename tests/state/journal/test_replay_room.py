"""A room that shows a journal: the same world for viewers, at any place and speed."""

from __future__ import annotations

import io
from typing import Any

import pytest

from gameserver import Room
from gameserver.errors import JournalError
from gameserver.games.arena.model import Ship, Steer, Watch
from gameserver.games.arena.room import Arena
from gameserver.games.chat import Chat
from gameserver.player import Player
from gameserver.state.journal.reader import JournalReader
from gameserver.state.journal.replay import replay
from gameserver.state.journal.replay_room import (
    SEEK_TICKS,
    Recording,
    ReplayControl,
    ReplayFollow,
    ReplayLook,
    ReplayMarks,
    ReplayPlayer,
    ReplayRoom,
    ReplaySeek,
    replay_room,
)
from gameserver.testing import Rehearsal
from tests.support.journaled_play import journal_of, journal_with, records_of
from tests.support.kept_game import Zoo

TICKS = 120
JOURNAL = journal_of(Arena("arena/1", seed=5), TICKS, players=4, seed=5)


def recording(data: bytes) -> Recording:
    return Recording(JournalReader(io.BytesIO(data)))


class Watching:
    """A replay that one viewer watches."""

    def __init__(self, game: type[Room] = Arena, data: bytes = JOURNAL) -> None:
        made = replay_room(recording(data), game)
        self.play: Rehearsal[Any] = Rehearsal(made("replay/1"))
        self.room: ReplayRoom = self.play.room
        self.viewer: Player = self.play.join("Viewer")

    def give(self, command: Any, ticks: int = 1) -> None:
        self.play.give(self.viewer, command)
        self.play.step(ticks)

    def shown(self) -> dict[int, Any]:
        """Return the game's entities with their public fields, by id."""
        own = (ReplayPlayer, ReplayMarks, type(self.room.clock))
        return {
            number: record.values
            for number, record in self.room.world.records.items()
            if not isinstance(record.entity, own)
        }


def played(tick: int, game: type[Room] = Arena, data: bytes = JOURNAL) -> dict[int, Any]:
    """Return the values of the entities of a journal at a tick."""
    *_, (last, _, _) = replay(game, JournalReader(io.BytesIO(data)), until_tick=tick)
    return {number: record.values for number, record in last.room.world.records.items()}


@pytest.mark.parametrize("game", [Arena, Chat, Zoo])
def test_viewers_see_what_was_there(game: type[Room]) -> None:
    data = journal_of(game("room", seed=2), 60, players=3, seed=2)
    watching = Watching(game, data)
    for tick in range(1, 61):
        watching.play.step()
        assert watching.room.clock.tick == tick
        if tick % 10 == 0:
            watching.play.settle()
            assert watching.shown() == played(tick, game, data)
    assert watching.room.clock.state == "paused"


@pytest.mark.parametrize(("speed", "ticks"), [(0.25, 5), (0.5, 10), (1.0, 20), (4.0, 80)])
def test_it_plays_at_the_speed_that_is_asked_for(speed: float, ticks: int) -> None:
    watching = Watching()
    watching.give(ReplayControl(speed=speed), 20)
    assert watching.room.clock.tick == ticks
    assert watching.room.clock.speed == speed


def test_slow_motion_moves_at_every_tick_and_ends_where_the_match_was() -> None:
    watching = Watching()
    watching.play.step(60)
    watching.give(ReplayControl(speed=0.25), 8)
    fastest = max(watching.room.world.of_class(Ship), key=lambda s: abs(s.vx) + abs(s.vy))
    places = []
    for _ in range(12):
        watching.play.step()
        places.append((fastest.x, fastest.y))
    assert len(set(places)) == 12
    watching.give(ReplayControl(paused=True), 2)
    assert watching.shown() == played(watching.room.clock.tick)


def test_it_pauses_and_goes_on() -> None:
    watching = Watching()
    watching.give(ReplayControl(paused=True), 5)
    assert (watching.room.clock.tick, watching.room.clock.state) == (0, "paused")
    watching.give(ReplayControl(), 5)
    assert (watching.room.clock.tick, watching.room.clock.state) == (5, "playing")


@pytest.mark.parametrize("path", [[100, 3], [50, 90], [90, 50], [1, 1], [120, 1], [41, 39, 40]])
def test_it_seeks_forwards_and_back(path: list[int]) -> None:
    watching = Watching()
    watching.give(ReplayControl(paused=True))
    for tick in path:
        watching.give(ReplaySeek(tick))
        while watching.room.clock.state == "seeking":
            watching.play.step()
        watching.play.step(2)
        assert watching.room.clock.tick == tick
        assert watching.shown() == played(tick)


def test_a_room_that_is_played_again_runs_on_load() -> None:
    watching = Watching(Zoo, journal_of(Zoo("room"), 20))
    for tick in (15, 2):
        played_room = watching.room.playing.replay.room
        assert isinstance(played_room, Zoo)
        assert played_room.loaded_late
        watching.give(ReplaySeek(tick), 3)


def test_a_long_seek_takes_several_ticks() -> None:
    watching = Watching(data=journal_of(Arena("arena/1"), 3 * SEEK_TICKS, players=1))
    watching.room.recording._key_ticks[1:] = watching.room.recording._key_indices[1:] = []
    watching.give(ReplaySeek(3 * SEEK_TICKS - 1))
    assert watching.room.clock.state == "seeking"
    watching.play.step(4)
    assert watching.room.clock.tick >= 3 * SEEK_TICKS - 1


def test_a_seek_beyond_the_ends_goes_to_the_end() -> None:
    watching = Watching()
    watching.give(ReplaySeek(10**9), 12)
    assert watching.room.clock.tick == TICKS
    assert watching.room.clock.state == "paused"
    watching.give(ReplayControl(), 3)  # plays it from its beginning
    assert watching.room.clock.tick <= 3


def test_marks_are_the_ticks_of_events_by_kind() -> None:
    watching = Watching()
    marks = {m.event: m.ticks for m in watching.room.world.of_class(ReplayMarks)}
    summary = watching.room.recording.summary
    assert marks.keys() == summary.events.keys()
    assert marks["Shot"] == tuple(sorted(set(summary.events["Shot"])))


def test_viewers_follow_players_or_look_freely() -> None:
    watching = Watching()
    watching.play.step(60)
    players = list(watching.room.world.of_class(ReplayPlayer))
    flying = next(p for p in players if p.entity)
    watching.give(ReplayFollow(flying.seat))
    ship = watching.room.world.get(flying.entity)
    assert isinstance(ship, Ship)
    assert watching.viewer.focus == (ship.x, ship.y)
    watching.give(ReplayLook(500.0, 700.0), 5)
    assert watching.viewer.focus == (500.0, 700.0)
    watching.give(ReplayFollow(63), 2)  # nobody sits there: it stays
    assert watching.viewer.focus == (500.0, 700.0)


def test_viewers_own_nothing_and_play_nothing() -> None:
    watching = Watching()
    watching.give(Steer(thrust=True), 10)
    watching.give(Watch(), 10)
    assert all(not record.owner for record in watching.room.world.records.values())
    assert watching.viewer.entity is None
    assert watching.shown() == played(watching.room.clock.tick)


def test_events_and_texts_come_again() -> None:
    watching = Watching()
    events = [type(event).__name__ for event in watching.play.step(TICKS)]
    summary = watching.room.recording.summary
    assert events.count("Shot") == len(summary.events["Shot"])
    texts = Watching(Chat, journal_of(Chat("chat/1"), 90, players=4, seed=3))
    heard: list[str] = []
    for _ in range(90):
        texts.play.step()
        heard += texts.play.texts
    said = texts.room.recording.summary.texts
    assert said / 2 < len(heard) <= said  # some left before their text was heard


def test_a_journal_without_a_key_frame_cannot_be_shown() -> None:
    header, _key_frame, *rest = records_of(JOURNAL)
    with pytest.raises(JournalError, match="no key frame"):
        recording(journal_with([header, *rest[:3]]))
