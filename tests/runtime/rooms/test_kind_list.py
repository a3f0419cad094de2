"""The list of kinds, with the options that a client may give."""

from __future__ import annotations

import enum

import attrs
import msgpack

from gameserver import Room, number, text
from gameserver.runtime.rooms.kind_list import kind_list

Mode = enum.Enum("Mode", "SOLO TEAMS")


@attrs.frozen
class Options:
    password: str = text(32)
    seats: int = number(2, 8, default=4)
    mode: Mode = Mode.TEAMS


class Den(Room):
    options = Options
    max_players = 8


class Open(Room):
    requires_token = True


def test_options_are_described_as_the_fields_of_a_command() -> None:
    den, unlocked = msgpack.unpackb(kind_list({"den": Den, "open": Open}))
    assert den[:3] == ["den", 8, False]
    password, seats, mode = den[3]
    assert password == ["password", ["str"], "", None, None, 32]
    assert seats == ["seats", ["int"], 4, 2, 8, None]
    assert mode == ["mode", ["enum", "Mode", ["SOLO", "TEAMS"]], 1, None, None, None]
    assert unlocked == ["open", Open.max_players, True, []]
