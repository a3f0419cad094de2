"""Names and habits that are probably mistakes, and those that are a game's own."""

from __future__ import annotations

import time
from time import sleep
from typing import Any

import pytest

from gameserver import Room
from gameserver.simulation.slips import suspicions


def room_with(**attributes: Any) -> type[Room]:
    return type("Den", (Room,), {"classes": (), **attributes})


def plain(*_: Any) -> None: ...


def calls_update(self: Any) -> None:
    self.update()


def calls_within(self: Any) -> None:
    any(self.on_connect(player) for player in self.players)


def sleeps(self: Any) -> None:
    time.sleep(0.1)


def naps(self: Any) -> None:
    sleep(0.1)


def sleeps_within(self: Any) -> list[None]:
    return [time.sleep(n) for n in range(3)]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("onConnect", "on_join"), ("on_disconnect", "on_drop"), ("MatchLoop", "tick")),
        *(("_physics_process", "tick"), ("update", "tick"), ("setup", "on_create")),
        *(("OnDestroy", "on_stop"), ("on_reconnect", "on_resume"), ("on_lave", "on_leave")),
    ],
)
def test_a_hook_of_another_engine(name: str, meant: str) -> None:
    said = f"Den.{name}: the server knows no such thing; is {meant} meant?"
    assert list(suspicions(room_with(**{name: plain}))) == [said]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("tick_rte", "tick_rate"), ("view_radus", "view = Near(radius)")),
        *(("maxClients", "max_players"), ("publish_evry", "publish_every"), ("hold", None)),
        *(("idle_ticks", None), ("tick_count", None), ("views", None), ("players_max", None)),
    ],
)
def test_a_misspelt_setting(name: str, meant: str | None) -> None:
    said = f"Den.{name}: the server knows no such thing; is {meant} meant?"
    assert list(suspicions(room_with(**{name: 5}))) == ([said] if meant else [])


@pytest.mark.parametrize(
    "attributes",
    [
        {"update": plain, "tick": plain},
        {"update": plain, "on_join": calls_update},
        {"on_connect": plain, "tick": calls_within},
        {"start": plain, "on_create": plain},
        {"WEAPONS": {"bow": 3}, "names": ("a",), "classes": []},
    ],
)
def test_what_a_game_uses_itself_is_no_mistake(attributes: dict[str, Any]) -> None:
    assert list(suspicions(room_with(**attributes))) == []


@pytest.mark.parametrize("value", [{}, [], set()])
def test_a_container_that_all_rooms_share(value: Any) -> None:
    (said,) = suspicions(room_with(scores=value))
    assert said.startswith(f"Den.scores: all rooms share this {type(value).__name__}; annotate it")


@pytest.mark.parametrize("method", [sleeps, naps, sleeps_within])
def test_a_method_that_sleeps(method: Any) -> None:
    (said,) = suspicions(room_with(rest=method))
    assert said.startswith("Den.rest calls time.sleep, which holds up every room of the server")
