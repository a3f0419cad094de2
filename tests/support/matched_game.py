"""Rooms with options, a listing and filters, for the tests of joining and matching."""

from __future__ import annotations

import enum

import attrs

from gameserver import Joining, JoinRefused, Player, Room, number, text
from tests.support.resumable_lobby import HoldingField


class Mode(enum.Enum):
    CASUAL = 1
    RANKED = 2


@attrs.frozen
class Options:
    mode: Mode | None = None
    size: int = number(2, 8, default=4)
    gravity: float = number(0.5, 2.0, default=1.0, step=0.25)
    password: str = text(16)
    spectator: bool = False
    colours: tuple[Mode, ...] = ()


@attrs.define
class Listing:
    mode: Mode = Mode.CASUAL
    title: str = ""
    level: int = 0
    rated: bool = False


class Match(HoldingField):
    """A password that its first player chose keeps others out."""

    options = Options
    listing = Listing
    filter_by = ("mode", "level", "rated")

    def on_create(self) -> None:
        super().on_create()
        made_with = self.made_with
        assert isinstance(made_with, Options)
        self.log.append(f"size {made_with.size}")

    async def on_auth(self, joining: Joining) -> str | None:
        assert isinstance(joining.options, Options)
        if joining.options.password != self.made_with.password:
            raise JoinRefused(4007, "wrong password")
        return joining.token

    def on_join(self, player: Player) -> None:
        super().on_join(player)
        self.listing.title = f"hosted by {player.name}"


class Booth(Room):
    """What its players asked for shows in the game."""

    options = Options
    listing = Listing

    sizes: tuple[int, ...] = ()

    def on_join(self, player: Player) -> None:
        self.sizes = (*self.sizes, player.options.size)


@attrs.frozen
class Needs:
    team: str
    rank: int = 0


class Strict(HoldingField):
    """Its options have no default."""

    options = Needs
