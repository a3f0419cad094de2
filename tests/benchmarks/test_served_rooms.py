"""The rooms of the studies pass the trial, so that a server serves them."""

from __future__ import annotations

import importlib
import inspect

import pytest

from benchmarks.worlds import Arrivals
from gameserver import Room
from gameserver.trial import try_room

MODULES = ("worlds", "hostile.rooms", "netcode.rooms", "stalls.rooms")


def rooms_of(module: str) -> list[type[Room]]:
    found = vars(importlib.import_module(f"benchmarks.{module}")).values()
    rooms = [each for each in found if inspect.isclass(each) and issubclass(each, Room)]
    return [room for room in rooms if room.__module__ == f"benchmarks.{module}"]


@pytest.mark.parametrize("room", [room for module in MODULES for room in rooms_of(module)])
def test_a_room_of_a_study_may_be_served(room: type[Room], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Arrivals, "max_players", 5)  # the study says how many
    try_room(room)


@pytest.mark.parametrize("module", MODULES)
def test_there_are_rooms(module: str) -> None:
    assert rooms_of(module)
