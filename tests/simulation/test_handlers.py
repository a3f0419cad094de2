"""``@handles``: which method gets which command, and the handlers that cannot work."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from gameserver import LocalProtocolError, Player, Room, command, entity, handles, number
from gameserver.simulation.handlers import handlers_of
from gameserver.simulation.room_check import check_room
from gameserver.simulation.slips import suspicions
from gameserver.simulation.stepper import Stepper
from gameserver.testing import Rehearsal


@entity
class Ship:
    x: int = 0


@command
class Steer:
    turn: int = number(-1, 1)


@command
class Fire: ...


@command
class Buy:
    what: int = 0


@command
class Sell:
    what: int = 0


CLASSES = (Ship, Steer, Fire, Buy, Sell)


class Battle(Room):
    classes = CLASSES
    input = Steer
    idle_repeat_ticks = 1

    def on_create(self) -> None:
        self.calls: list[Any] = []

    @handles
    def steer(self, player: Player, command: Steer) -> None:
        self.calls.append(("steer", command.turn))

    @handles
    def trade(self, player: Player, deal: Buy | Sell) -> None:
        self.calls.append(("trade", type(deal).__name__, deal.what))
        if deal.what == 13:
            raise ZeroDivisionError

    def on_command(self, player: Player, command: Fire) -> None:
        self.calls.append(("rest", type(command).__name__))


def test_each_command_reaches_the_method_that_names_its_class() -> None:
    play = Rehearsal(Battle())
    ann = play.join("ann")
    for given in (Buy(1), Steer(1), Fire(), Sell(2)):
        play.give(ann, given)
    play.step(3)
    assert play.room.calls == [
        *(("trade", "Buy", 1), ("rest", "Fire"), ("trade", "Sell", 2)),
        *(("steer", 1), ("steer", 1), ("steer", 0)),
    ]


def test_the_table_is_made_once_for_a_class() -> None:
    assert handlers_of(Battle) is handlers_of(Battle)
    assert handlers_of(Battle) == {Steer: "steer", Buy: "trade", Sell: "trade"}


def test_an_overriding_method_handles_the_same_commands() -> None:
    class Duel(Battle):
        def steer(self, player: Player, command: Steer) -> None:
            self.calls.append("duel")

        @handles
        def fire(self, player: Player, command: Fire) -> None:
            self.calls.append("fire")

    play = Rehearsal(Duel())
    ann = play.join("ann")
    play.give(ann, Steer())
    play.give(ann, Fire())
    play.step()
    assert play.room.calls == ["fire", "duel"]
    assert handlers_of(Battle)[Steer] == "steer"


def test_a_handler_that_raises_is_named() -> None:
    stepper = Stepper(Battle())
    ann = stepper.join(1, None, "ann")  # type: ignore[arg-type]
    ann.commands.take(1, Buy(13))
    ann.commands.take(2, Buy(1))
    stepper.step(1)
    (failure,) = stepper.take_failures()
    assert (failure.hook, failure.player) == ("trade", ann.player)
    assert ann.commands.dropped == 1


def test_an_idle_input_of_another_class_is_named() -> None:
    class Forgetful(Battle):
        idle = "neutral"

        def on_idle(self, player: Player) -> Any: ...

    play = Rehearsal(Forgetful())
    play.give(play.join("ann"), Steer())
    play.step()
    with pytest.raises(
        LocalProtocolError, match=r"^Forgetful.on_idle must return a Steer, not None$"
    ):
        play.step()


def test_commands_declared_in_a_function_are_found_by_their_names() -> None:
    @command
    class Local: ...

    class Den(Room):
        classes = (Local,)

        @handles
        def local(self, player: Player, command: Local) -> None: ...

    assert handlers_of(Den) == {Local: "local"}


# ---------------------------------------------------------------- mistakes


def room_with(**attributes: Any) -> type[Room]:
    return type("Den", (Room,), {"classes": CLASSES, **attributes})


def rest(self: Room, player: Player, command: Any) -> None: ...


def steer(self: Room, player: Player, command: Steer) -> None: ...


def turn(self: Room, player: Player, command: Steer | Fire) -> None: ...


def bare(self, player, command): ...  # type: ignore[no-untyped-def]


def short(self: Room, command: Steer) -> None: ...


def swapped(self: Room, command: Steer, player: Player) -> None: ...


def no_command(self: Room, player: Player, command: int) -> None: ...


def misspelt(self: Room, player: Player, command: Stear) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def nowhere(self: Room, player: Player, command: Zzz) -> None: ...  # type: ignore[name-defined]  # noqa: F821


async def waits(self: Room, player: Player, command: Steer) -> None: ...


def marked(*functions: Callable[..., Any]) -> dict[str, Any]:
    return {"on_command": rest, **{f.__name__: handles(f) for f in functions}}


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        (marked(steer, turn), "Den.steer and Den.turn both handle Steer: a command has one handl"),
        (marked(bare), "Den.bare does not say which command it handles: annotate the command, as "),
        (marked(short), "Den.short handles a command: write def short(self, player: Player, comma"),
        (marked(swapped), "Den.swapped: Player is no command class; write def swapped(self, playe"),
        (marked(no_command), "Den.no_command: int is no command class; write def no_command(self"),
        (marked(misspelt), "Den.misspelt: there is no Stear here; is Steer meant?"),
        (marked(nowhere), "Den.nowhere: there is no Zzz here; import it, not only for type check"),
        ({"on_command": handles(turn)}, "Den.on_command is called by the server anyway: take @h"),
        (marked(waits), "Den.waits must be a plain def: nothing waits inside a tick; self.backgr"),
        (
            {**marked(steer), "classes": (Fire,)},
            "Den.steer handles Steer, which is not in Den.classes: add it there",
        ),
    ],
)
def test_a_handler_that_cannot_work_is_named(attributes: dict[str, Any], says: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(says)}"):
        check_room(room_with(**attributes))


@pytest.mark.parametrize("target", [Steer, staticmethod(steer), property(steer)])
def test_only_a_method_is_marked(target: Any) -> None:
    with pytest.raises(LocalProtocolError, match=r"^@handles takes no arguments and stands alone"):
        handles(target)


# ---------------------------------------------------------------- moving too often


def moves(self: Room, player: Player, command: Steer) -> None:
    player.entity.x += command.turn * self.dt


def moves_in_parts(self: Room, player: Player, command: Any) -> None:
    x, y = player.focus or (0, 0)
    if isinstance(command, Steer):
        player.focus = (x + self.dt, y + self.dt)


def moves_all(self: Room, player: Player, command: Steer) -> None:
    player.entity.x += command.turn * self.dt


def counts(self: Room, player: Player, command: Steer) -> None:
    player.data = self.tick_number + 2 * self.tick_rate


TOO_FAST = (
    "Den.{} uses self.dt, but a client may send {} many times in one tick and would move faster: "
    "write input = {} in Den (one per tick), or move in tick; to count ticks, use self.tick_rate"
)
ALL = "Buy or Fire or Sell or Steer"


@pytest.mark.parametrize(
    ("attributes", "name", "classes", "right"),
    [
        ({"on_command": rest, "moves": handles(moves)}, "moves", "Steer", "Steer"),
        ({"on_command": rest, "moves": handles(moves), "input": Fire}, "moves", "Steer", "Steer"),
        ({"on_command": moves_in_parts}, "on_command", ALL, "… with the one that moves"),
        ({"on_command": moves_all, "input": Fire}, "on_command", "Steer", "Steer"),
    ],
)
def test_a_speed_hack_is_named(
    attributes: dict[str, Any], name: str, classes: str, right: str
) -> None:
    (said,) = suspicions(room_with(**attributes))
    assert said == TOO_FAST.format(name, classes, right)


@pytest.mark.parametrize(
    "attributes",
    [
        {"on_command": rest, "moves": handles(moves), "input": Steer},
        {"on_command": moves_in_parts, "input": Steer},
        {"on_command": moves_all, "input": Steer},
        {"on_command": rest, "counts": handles(counts)},
    ],
)
def test_time_of_inputs_is_well_spent(attributes: dict[str, Any]) -> None:
    assert list(suspicions(room_with(**attributes))) == []


def test_commands_that_nothing_takes_are_named() -> None:
    room = room_with(steer=handles(steer), classes=(Steer, Fire))
    assert list(suspicions(room)) == [
        (
            "Den has no handler for Fire: write @handles def fire(self, player: Player, command: "
            "Fire) -> None, or leave Fire out of Den.classes"
        )
    ]


def test_a_command_may_be_there_for_another_room_of_the_module() -> None:
    quiet = room_with(classes=None, __module__=__name__)
    assert {cls.__name__ for cls in quiet.schema().kinds} >= {"Steer", "Fire", "Buy", "Sell"}
    assert list(suspicions(quiet)) == [], "Battle takes them all"
