"""The trial of a room class: what is called in it, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio

from gameserver import Player, Room, Settings, command, entity, handles, number
from gameserver.games.arena.room import Arena
from gameserver.games.chat import Chat
from gameserver.games.echo import Echo
from gameserver.runtime.serving import serve
from gameserver.trial import TrialFailed, try_room


@entity
class Ship:
    x: int = 0


@command
class Steer:
    turn: int = number(-1, 1)


@command
class Name:
    name: str


@pytest.mark.parametrize("room", [Arena, Chat, Echo])
def test_the_games_that_ship_pass(room: type[Room]) -> None:
    try_room(room)


class Recorder(Room):
    """Notes in its class what is called."""

    classes = (Ship, Steer, Name)
    input = Steer
    calls: list[str]

    def on_create(self) -> None:
        self.calls = type(self).calls = ["on_create"]

    def note(self, what: str) -> None:
        if self.calls[-1] != what:
            self.calls.append(what)

    async def on_start(self) -> None:
        self.note("on_start")

    async def on_stop(self) -> None:
        self.note("on_stop")

    async def on_auth(self, *_: Any) -> str | None:
        self.note("on_auth")
        return None

    def on_join(self, player: Player) -> None:
        self.note(f"on_join {player.identity}")

    def on_leave(self, player: Player, reason: str) -> None:
        self.note("on_leave")

    def on_drop(self, player: Player) -> None:
        self.note("on_drop")

    def on_resume(self, player: Player) -> None:
        self.note("on_resume")

    @handles
    def steer(self, player: Player, command: Steer) -> None:
        self.note("steer")

    @handles
    def rename(self, player: Player, command: Name) -> None:
        self.note("rename")

    def on_say(self, player: Player, text: str) -> str | None:
        self.note("on_say")
        return text

    def tick(self) -> None:
        self.note("tick")


def test_the_hooks_are_called_in_their_order() -> None:
    class One(Recorder):
        max_players = 1

    try_room(One)
    assert One.calls == [
        *("on_create", "on_start", "tick", "on_join None", "tick", "steer", "on_say", "tick"),
        *["steer", "tick"] * 9,
        *("on_drop", "steer", "tick", "on_resume", "on_leave", "tick"),
    ]


def test_two_join_where_as_many_may_with_identities_where_tokens_are_required() -> None:
    class Signed(Recorder):
        requires_token = True

    try_room(Signed)
    assert [call for call in Signed.calls if call.startswith("on_join")] == [
        "on_join trial 1",
        "on_join trial 2",
    ]


class Outside(Recorder):
    async def on_start(self) -> None:
        await trio.sleep(5)


class Absent(Recorder):
    async def on_start(self) -> None:
        raise FileNotFoundError("scores.json")


@pytest.mark.parametrize("room", [Outside, Absent])
def test_a_room_that_needs_something_from_outside_is_tried_no_further(
    room: type[Recorder],
) -> None:
    try_room(room)
    assert room.calls == ["on_create"]


def test_storage_and_background_calls_are_inert() -> None:
    ran: list[str] = []

    class Keeper(Recorder):
        async def run(self) -> None:
            ran.append("run")

        def take(self, result: object) -> None:
            ran.append(type(result).__name__)

        def tick(self) -> None:
            self.background(self.run, then=self.take)
            ran.append(self.storage.submit().state.value)

    try_room(Keeper)
    assert set(ran) == {"waiting"}


def test_a_room_that_reads_its_storage_at_the_start_is_tried_no_further() -> None:
    class Reader(Recorder):
        async def on_start(self) -> None:
            await self.storage.read("scores", "all")  # type: ignore[attr-defined]

    try_room(Reader)
    assert Reader.calls == ["on_create"]


def test_a_player_who_is_kicked_is_gone() -> None:
    class Strict(Recorder):
        def on_join(self, player: Player) -> None:
            player.kick("not today")

    try_room(Strict)
    assert "steer" not in Strict.calls
    assert "on_leave" in Strict.calls


def test_all_slips_of_a_class_are_named_at_once() -> None:
    class Slips(Room):
        classes = ()
        tick_rte = 5

        def onJoin(self) -> None: ...  # noqa: N802 - the mistake

    with pytest.raises(TrialFailed) as failed:
        try_room(Slips)
    assert [line.split(":")[0] for line in failed.value.lines] == [
        "Slips.tick_rte",
        "Slips.onJoin",
    ]


class Sinking(Room):
    classes = ()

    def tick(self) -> None:
        raise ZeroDivisionError("sunk")


async def test_a_server_names_the_mistakes_of_all_its_rooms() -> None:
    class Floating(Sinking):
        on_init = Sinking.tick

    kinds: Mapping[str, type[Room]] = {"chat": Chat, "one": Sinking, "two": Floating}
    with pytest.raises(TrialFailed) as failed:
        await serve(kinds, Settings(port=0))
    assert [line.split(",")[0] for line in failed.value.lines] == [
        "Sinking.tick raised ZeroDivisionError: sunk",
        "Floating.on_init: the server knows no such thing; is on_create meant?",
    ]
