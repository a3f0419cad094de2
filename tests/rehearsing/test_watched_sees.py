"""A ``Room.sees`` that changes what the server does not compare is named by a rehearsal."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from gameserver import LocalProtocolError, Near, Player, Room, entity, synced
from gameserver.testing import Rehearsal
from gameserver.trial import TrialFailed, try_room


@attrs.define
class Told:
    times: int = 0


@entity(at=("x", "y"))
class Ghost:
    x: float = synced(0.0)
    y: float = synced(0.0)
    haunted: int = 0  # not synced


class House(Room[Ghost]):
    view = Near(100)
    classes = (Ghost,)
    asked: int
    names: list[str]

    def on_create(self) -> None:
        self.asked, self.names = 0, []

    def on_join(self, player: Player[Ghost]) -> None:
        player.entity, player.data = self.spawn(Ghost(), owner=player), Told()
        self.spawn(Ghost(1.0))


class CountsItself(House):
    def sees(self, player: Player[Ghost], entity: Any) -> bool:
        self.asked += 1
        return True


class NotesInAList(House):
    def sees(self, player: Player[Ghost], entity: Any) -> bool:
        self.names.append(player.name)
        return True


class TellsThePlayer(House):
    def sees(self, player: Player[Ghost], entity: Any) -> bool:
        player.data.times += 1
        return True


class Haunts(House):
    def sees(self, player: Player[Ghost], entity: Any) -> bool:
        entity.haunted += 1
        return True


class OnlyAnswers(House):
    def sees(self, player: Player[Ghost], entity: Any) -> bool:
        return bool(entity.x >= player.data.times)


class CannotBeSaved(OnlyAnswers):
    def on_create(self) -> None:
        super().on_create()
        self.lock = object()


@pytest.mark.parametrize(
    ("room", "what"),
    [
        (CountsItself, r"CountsItself.asked is 0 in the room before it and 1 in the room after it"),
        (NotesInAList, r"NotesInAList.names\[0\] is absent in the .* 'ann' in the room after it"),
        (TellsThePlayer, r".*times is 0 in the room before it and 1 in the room after it"),
        (Haunts, r"Ghost 2.haunted is 0 in the room before it and 1 in the room after it"),
    ],
)
def test_what_the_hook_changes_is_named(room: type[House], what: str) -> None:
    play = Rehearsal(room())
    ann = play.join("ann")
    with pytest.raises(
        LocalProtocolError, match=f"^{room.__name__}.sees must not change anything: {what}$"
    ):
        play.sees(ann)


@pytest.mark.parametrize("room", [OnlyAnswers, CannotBeSaved])
def test_a_hook_that_only_answers_is_not_complained_of(room: type[House]) -> None:
    play = Rehearsal(room())
    ann = play.join("ann")
    assert len(play.sees(ann)) == 2
    play.step(3)


def test_the_trial_before_a_room_is_served_asks_the_hook() -> None:
    with pytest.raises(TrialFailed, match=r"CountsItself.sees must not change anything: Counts"):
        try_room(CountsItself)
    try_room(OnlyAnswers)
