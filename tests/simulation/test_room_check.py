"""Checks of a room class before the game starts; each message names what to change."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gameserver.errors import LocalProtocolError
from gameserver.games.arena.room import Arena
from gameserver.games.chat import Chat
from gameserver.games.echo import Echo
from gameserver.model.view import Near
from gameserver.room import Room
from gameserver.simulation.room_check import HOOKS, check_room
from gameserver.simulation.slips import suspicions
from gameserver.simulation.stepper import Stepper


def room_with(**attributes: Any) -> type[Room]:
    return type("Den", (Room,), {"classes": (), **attributes})


def plain(*_: Any) -> None: ...


async def waiting(*_: Any) -> None: ...


@pytest.mark.parametrize("room", [Room, Arena, Chat, Echo])
def test_nothing_is_said_of_rooms_that_are_well(room: type[Room]) -> None:
    check_room(room)
    assert list(suspicions(room)) == []


def test_every_hook_is_known() -> None:
    public = {name for name in vars(Room) if name.startswith("on_")} | {
        "tick",
        "save",
        "load",
        "sees",
    }
    assert set(HOOKS) == public


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("tick_rate", 0, "a whole number of at least 1, not 0"),
        ("tick_rate", "20", "a whole number of at least 1, not '20'"),
        ("max_players", 0, "a whole number of at least 1, not 0"),
        ("publish_every", 0.5, "a whole number of at least 1, not 0.5"),
        (
            "view",
            Near,
            f"Near(radius), Exact(radius) or None, not {Near!r}",
        ),
        ("hold_s", None, "a number of seconds, or 0, not None"),
        ("idle", "none", '"repeat" or "neutral", not \'none\''),
        ("second_sign_in", "takeover", '"take over" or "refuse", not \'takeover\''),
    ],
)
def test_a_setting_that_cannot_be(name: str, value: Any, wanted: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(f'Den.{name} must be {wanted}')}$"):
        check_room(room_with(**{name: value}))


@pytest.mark.parametrize("value", [None, 0.5, 600])
def test_a_setting_that_can_be(value: Any) -> None:
    check_room(room_with(view=value and Near(value), hold_s=value or 0))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            {"view_radius": 400},
            (
                "Den.view_radius = 400: write view = Near(400), whole cells that reach at least "
                "that far, or view = Exact(400), a circle"
            ),
        ),
        ({"view_radius": None}, "Den.view_radius is now view: write view = None"),
        ({"view_radius": -5}, "Den.view_radius is now view: write view = Near(400)"),
        (
            {"view": 2.5},
            (
                "Den.view = 2.5: write view = Near(2.5), whole cells that reach at least that far, "
                "or view = Exact(2.5), a circle"
            ),
        ),
    ],
)
def test_a_radius_in_the_place_of_a_view(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(message)}$"):
        check_room(room_with(**setting))


@pytest.mark.parametrize("radius", [0, -1, float("nan"), float("inf"), "far", True])
def test_a_radius_of_no_length(radius: Any) -> None:
    with pytest.raises(LocalProtocolError, match=r"^Near\(\) takes a radius above 0, as in Near"):
        Near(radius)


@pytest.mark.parametrize(
    ("name", "hook", "message"),
    [
        ("tick", waiting, "Den.tick must be a plain def"),
        ("on_join", waiting, "Den.on_join must be a plain def"),
        ("on_auth", plain, "Den.on_auth must be an async def"),
        ("on_start", plain, "Den.on_start must be an async def"),
        ("__init__", plain, "Den.__init__: .*on_create"),
    ],
)
def test_a_hook_of_the_wrong_sort(name: str, hook: Any, message: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"^{message}"):
        check_room(room_with(**{name: hook}))


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("on_comand", plain, "on_command"),
        ("onJoin", plain, "on_join"),
        ("on_tick", plain, "tick"),
        ("on_joined", plain, "on_join"),
        ("tickrate", 20, "tick_rate"),
        ("maxPlayers", 20, "max_players"),
    ],
)
def test_a_slip_of_the_pen(name: str, value: Any, meant: str) -> None:
    room = room_with(**{name: value})
    check_room(room)
    said = f"Den.{name}: the server knows no such thing; is {meant} meant?"
    assert list(suspicions(room)) == [said]


def test_what_is_the_games_own_is_nobodys_slip() -> None:
    own = {"on_fire": True, "on_wheels": plain, "only": plain, "max_player_speed": 3, "join": plain}
    assert list(suspicions(room_with(**own))) == []


TOOLS = [
    *(
        "spawn",
        "despawn",
        "say",
        "emit",
        "near",
        "group",
        "set_group",
        "set_hidden",
        "seen_by",
        "id_of",
        "dt",
        "schema",
    ),
    *("world", "players", "random", "name", "tick_number", "pace", "publish_interval"),
]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("value", [plain, 7])
def test_a_game_that_hides_a_tool_is_told_which_and_what_to_write(tool: str, value: Any) -> None:
    message = (
        f"Den.{tool} hides Room.{tool}, a part of the server: "
        f"give it another name, such as den_{tool}"
    )
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(message)}$"):
        check_room(room_with(**{tool: value}))


def test_a_tool_hidden_by_a_base_class_is_found() -> None:
    class Places:
        def near(self) -> None: ...

    class CapturePoint(Places, Room):
        pass

    with pytest.raises(LocalProtocolError, match="capture_point_near"):
        check_room(CapturePoint)


def test_what_the_server_keeps_in_a_room_is_hidden_by_no_game() -> None:
    with pytest.raises(LocalProtocolError, match="such as den_outbox"):
        check_room(room_with(_outbox=[]))


@pytest.mark.parametrize("name", ["tick", "on_join", "spawn", "dt_", "lives"])
def test_an_attribute_that_hides_a_method_is_found_when_a_room_is_made(name: str) -> None:
    room = room_with(on_create=lambda self: setattr(self, name, 5))()
    if name in ("dt_", "lives"):
        Stepper(room)
        return
    message = f"self.{name} = … hides Room.{name}, a part of the server"
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(message)}"):
        Stepper(room)


def test_a_hook_is_a_method() -> None:
    with pytest.raises(LocalProtocolError, match=r"^Den\.tick is a hook: it must be a method$"):
        check_room(room_with(tick=5))
