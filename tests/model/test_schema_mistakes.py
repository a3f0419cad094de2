"""Mistakes in declarations: each message names class and field, and says what to write."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import attrs
import pytest

from gameserver.errors import LocalProtocolError
from gameserver.model.schema import command, entity, number, synced


@contextlib.contextmanager
def told(message: str) -> Iterator[None]:
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(message)}$"):
        yield


def test_a_list_has_elements_of_one_type() -> None:
    with told("Bag.coins: say what is in the list, as in list[int]"):

        @entity
        class Bag:
            coins: list = synced(factory=list)  # type: ignore[type-arg]

    with told("Purse.coins: say what is in the dict, as in dict[str, int]"):

        @entity
        class Purse:
            coins: dict = synced(factory=dict)  # type: ignore[type-arg]


def test_a_list_is_no_tuple() -> None:
    with told("Bag.coins: the default () is not a value of type list"):

        @entity
        class Bag:
            coins: list[int] = synced(())  # type: ignore[assignment]


def test_a_default_that_all_would_share() -> None:
    with told("Bag.coins: every Bag would share the default []; use a tuple, as in ()"):

        @entity
        class Bag:
            coins: tuple[int, ...] = synced([])  # type: ignore[assignment]

    with told("ListBag.coins: every ListBag would share the default []; use synced(factory=list)"):

        @entity
        class ListBag:
            coins: list[int] = synced([])

    with told("Sack.seen: every Sack would share the default {}; use attrs.field(factory=dict)"):

        @entity
        class Sack:
            seen: dict[str, int] = {}  # noqa: RUF012 - that is the mistake


def test_a_factory_is_callable_and_takes_the_place_of_a_default() -> None:
    with told(
        "synced(factory=…) takes what makes the default, such as list or lambda: [1], not []"
    ):

        @entity
        class Bag:
            coins: list[int] = synced(factory=[])  # type: ignore[call-overload]

    with told("synced() takes a default or a factory=, not both"):

        @entity
        class Sack:
            coins: list[int] = synced([1], factory=list)  # type: ignore[call-overload]


def test_a_class_without_value() -> None:
    @attrs.define
    class Coin:
        worth: int = 1

    with told(
        "Bag.coins: Coin cannot be sent; use bool, int, float, str, bytes, an Enum, a @value or "
        "@entity class, a tuple, list or dict of these, or one of these | None"
    ):

        @entity
        class Bag:
            coins: list[Coin] = synced(factory=list)


def test_a_factory_gives_each_its_own() -> None:
    @entity
    class Bag:
        seen: list[int] = attrs.field(factory=list)

    one, other = Bag(), Bag()
    one.seen.append(1)
    assert (one.seen, other.seen) == ([1], [])


def test_a_default_that_is_missing() -> None:
    with told("Bag.size: needs a default, as coins before it has one"):

        @entity
        class Bag:
            coins: int = synced(0)
            size: int

    @entity
    class Sack:
        size: int
        coins: int = synced(0)

    assert Sack(3).coins == 0


def test_a_position_is_two_names() -> None:
    for wrong in ("xy", ("x",), ("x", "y", "z")):
        with told('Bag: at= takes the names of two fields, as in at=("x", "y")'):

            @entity(at=wrong)  # type: ignore[arg-type]
            class Bag:
                x: int = synced(0)
                y: int = synced(0)


def test_limits_of_an_int_are_ints() -> None:
    with told("Turn.by: an int field wants int limits, not floats"):

        @command
        class Turn:
            by: int = number(-1.0, 1.0)  # type: ignore[assignment]

    @command
    class Push:
        by: float = number(-1, 1)

    assert Push().by == 0


def test_a_list_in_a_rare_class_would_change_unnoticed() -> None:
    @entity(rare=True)
    class Bag:
        coins: tuple[int, ...] = synced(())
        seen: list[int] = attrs.field(factory=list)

    bag = Bag()
    bag.seen = [1]
    bag.coins = (1,)
    with told(
        "Bag.coins: changes within a list would go unnoticed, as the class is rare; write a tuple"
    ):
        bag.coins = [1]  # type: ignore[assignment]
