"""Rooms that are wrong on purpose, each in one way that a check must find."""

from __future__ import annotations

import random
import time
from typing import Any

from gameserver import Player, Room, command, entity, synced, value


@entity
class Counter:
    value: int = synced(0)
    hidden: int = 0


@command
class Poke:
    hard: bool = False


class Base(Room):
    classes = (Counter, Poke)

    counter: Counter

    def on_create(self) -> None:
        self.counter = self.spawn(Counter())


class Right(Base):
    def on_command(self, player: Player, command: Poke) -> None:
        self.counter.value += 2 if command.hard else 1
        self.counter.hidden = self.random.randrange(100)


class ForgetsAnAttribute(Base):
    """It has load and save, and forgets one of two attributes."""

    def on_create(self) -> None:
        super().on_create()
        self.kept = self.forgotten = 0

    def save(self) -> Any:
        return self.kept

    def load(self, saved: Any) -> None:
        self.kept = saved


class ForgetsAValue(ForgetsAnAttribute):
    """After loading the attribute is there, with another value."""

    def load(self, saved: Any) -> None:
        self.kept, self.forgotten = saved, 0

    def tick(self) -> None:
        self.forgotten += 1
        self.counter.hidden = self.forgotten


class SavesNothing(Base):
    def on_create(self) -> None:
        super().on_create()
        self.forgotten = 0


class DrawsWhileLoading(Base):
    def save(self) -> None:
        return None

    def load(self, saved: Any) -> None:
        self.counter.value = self.random.randrange(1000)


class RaisesInTheCopy(ForgetsAnAttribute):
    def load(self, saved: Any) -> None:
        self.kept = saved
        self.forgotten = None  # type: ignore[assignment]

    def tick(self) -> None:
        self.forgotten += 1


class KeepsOutside(Base):
    """The state is in the class, which all rooms share."""

    ticks = 0

    def tick(self) -> None:
        KeepsOutside.ticks += 1
        self.counter.value = KeepsOutside.ticks


class GlobalRandom(Base):
    def tick(self) -> None:
        self.counter.value = random.randrange(1 << 30)


class GlobalRandomAtCreation(Base):
    def on_create(self) -> None:
        self.counter = self.spawn(Counter(random.randrange(1 << 30)))


class Clock(Base):
    def tick(self) -> None:
        self.counter.hidden = time.perf_counter_ns()


class SetOfTexts(Base):
    def on_create(self) -> None:
        super().on_create()
        self.names = {f"name {i}" for i in range(40)}

    names: set[str]

    def tick(self) -> None:
        # The whole order: the first name alone may be the same by chance.
        numbers = [int(name.split()[1]) for name in self.names]
        self.counter.value = sum(place * number for place, number in enumerate(numbers))


class SetOfEntities(Base):
    crowd: set[Counter]

    def on_create(self) -> None:
        super().on_create()
        padding = [object() for _ in range(hash("padding") % 1000)]
        self.crowd = {self.spawn(Counter(i)) for i in range(40)}
        del padding

    def tick(self) -> None:
        for place, counter in enumerate(self.crowd):
            counter.hidden = place


class OrderOfIds(Base):
    crowd: list[Counter]

    def on_create(self) -> None:
        super().on_create()
        self.crowd = [self.spawn(Counter(i)) for i in range(40)]

    def tick(self) -> None:
        self.counter.value = id(self.crowd[0]) % (1 << 40)


class RaisesElsewhere(Base):
    def on_create(self) -> None:
        super().on_create()
        if __import__("os").environ.get("PYTHONHASHSEED") in ("1", "2"):
            raise ZeroDivisionError("not here")


class Unsavable(Base):
    def tick(self) -> None:
        if self.tick_number == 5:
            self.counter.hidden = object()  # type: ignore[assignment]


@value
class Item:
    name: str
    count: int = 1


@entity
class Chest:
    items: list[Item] = synced(factory=list)
    prices: dict[str, Item] = synced(factory=dict)


class KeepsItems(Room):
    """Right: values, lists and dicts are saved with the entities that hold them."""

    classes = (Chest,)

    chest: Chest

    def on_create(self) -> None:
        self.chest = self.spawn(Chest([Item("rope"), Item("lamp")], {"bread": Item("coin", 2)}))

    def tick(self) -> None:
        self.chest.items[1].count = self.random.randrange(100)
        if len(self.chest.items) < 9:
            self.chest.items.append(Item("apple"))


class ForgetsWithinAnItem(KeepsItems):
    outside = 0

    def tick(self) -> None:
        ForgetsWithinAnItem.outside += 1
        self.chest.items[1].count = ForgetsWithinAnItem.outside


class ForgetsWithinADict(KeepsItems):
    outside = 0

    def tick(self) -> None:
        ForgetsWithinADict.outside += 1
        self.chest.prices["bread"].count = ForgetsWithinADict.outside


class ForgetsAnItem(KeepsItems):
    outside = 0

    def tick(self) -> None:
        ForgetsAnItem.outside += 1
        self.chest.items[:] = [Item("rope")] * (ForgetsAnItem.outside % 2 + 1)
