"""Layers of entities and sights of seats: which seats see an entity besides those near it.

Owns the numbers of layers and sights, and which sight sees which layer.  Never holds entities or
seats: ``world.py`` gives each record its layer, and ``replication/interest.py`` each seat its
sight.

A cell of the grid is a place and a *layer*; a viewpoint of a seat is a place and a *sight*.  Both
are one integer, ``place + (number << LAYER_SHIFT)``.  Layer 0 and sight 0 belong to rooms without
groups, so there a cell or a viewpoint is simply its place.

A layer is a group, and for a hidden entity also its owner.  A sight is the groups of a seat, and
the seat itself if it owns a hidden entity.  A sight sees its *own* layers (those of its groups, and
those of its seat's hidden entities) wherever they are.  Of the other layers it sees the entities
that are near, unless the layer is hidden.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Final, TypeVar

import attrs

T = TypeVar("T")

#: A place has at most 48 bits, and is -1 for "everywhere".
LAYER_SHIFT: Final = 50
_PLACE_MASK: Final = (1 << LAYER_SHIFT) - 1
#: No layer or sight has a higher number.
MAX_NUMBER: Final = (1 << 20) - 1
#: So many layers and sights are always kept.
FEW: Final = 64


def place_of(cell: int) -> int:
    """Return the place of a cell or a viewpoint."""
    return ((cell + 1) & _PLACE_MASK) - 1


def layer_of(cell: int) -> int:
    """Return the layer of a cell, or the sight of a viewpoint."""
    return (cell + 1) >> LAYER_SHIFT


@attrs.frozen
class Layer:
    """The group of its entities (0: none); ``hidden`` ones are only for the group and ``owner``."""

    group: int = 0
    owner: int = 0
    hidden: bool = False


@attrs.frozen
class Sight:
    """The groups of some seats; ``seat`` is 0 unless the seat owns a hidden entity."""

    groups: frozenset[int] = frozenset()
    seat: int = 0

    def owns(self, layer: Layer) -> bool:
        """Whether it sees the entities of ``layer`` wherever they are."""
        return layer.group in self.groups or (layer.owner != 0 and layer.owner == self.seat)


class Layers:
    """The layers and sights of one room, by their numbers.

    A number that ``forget_unused`` has freed is given again, the lowest first.  Until then it
    stands for a layer without entities, or for a sight of no seat.
    """

    __slots__ = (
        "_layer_numbers",
        "_sight_numbers",
        "_with_hidden",
        "free_layers",
        "free_sights",
        "layers",
        "own",
        "sights",
        "when_to_look",
    )

    def __init__(self) -> None:
        self.layers: list[Layer] = [Layer()]
        self.sights: list[Sight] = [Sight()]
        #: Sight → the layers that it sees wherever they are, in the order of their numbers.
        self.own: list[dict[int, None]] = [{}]
        #: Numbers that stand for nothing, as heaps.
        self.free_layers: list[int] = []
        self.free_sights: list[int] = []
        #: How many layers and sights there must be for ``forget_unused`` to look at them.
        self.when_to_look = FEW
        self._layer_numbers = {self.layers[0]: 0}
        self._sight_numbers: dict[tuple[frozenset[int], int], int] = {(frozenset(), 0): 0}
        #: Seats that own a hidden entity, or have owned one whose layer still has its number.
        self._with_hidden: set[int] = set()

    def layer(self, layer: Layer) -> int:
        """Return the number of ``layer``."""
        number = self._layer_numbers.get(layer)
        if number is None:
            number = _take(self.free_layers, self.layers, Layer())
            self.set_layer(number, layer)
        return number

    def set_layer(self, number: int, layer: Layer) -> None:
        """Let a number that stands for nothing stand for ``layer``."""
        self.layers[number] = layer
        self._layer_numbers[layer] = number
        if layer.owner:
            self._with_hidden.add(layer.owner)
        for own, sight in zip(self.own, self.sights, strict=True):
            if sight.owns(layer):
                _insert(own, number)

    def sight(self, groups: frozenset[int], seat: int) -> int:
        """Return the number of the sight of a seat."""
        key = (groups, seat if seat in self._with_hidden else 0)
        number = self._sight_numbers.get(key)
        if number is None:
            number = _take(self.free_sights, self.sights, Sight())
            self.own.extend({} for _ in range(len(self.sights) - len(self.own)))
            self.set_sight(number, Sight(*key))
        return number

    def set_sight(self, number: int, sight: Sight) -> None:
        """Let a number that stands for nothing stand for ``sight``."""
        self.sights[number] = sight
        self._sight_numbers[sight.groups, sight.seat] = number
        self.own[number] = {n: None for n, layer in enumerate(self.layers) if sight.owns(layer)}

    @property
    def used(self) -> tuple[dict[int, Layer], dict[int, Sight]]:
        """The layers and sights that have a number, by it."""
        sights = {number: self.sights[number] for number in self._sight_numbers.values()}
        return {number: layer for layer, number in self._layer_numbers.items()}, sights

    def number(self, layers: Mapping[int, Layer], sights: Mapping[int, Sight]) -> None:
        """Give numbers as another room had them; this one has only those that every room has."""
        self.layers += [Layer()] * max(layers)
        self.sights += [Sight()] * max(sights)
        self.own += [{} for _ in range(max(sights))]
        for number in layers.keys() - {0}:
            self.set_layer(number, layers[number])
        for number in sights.keys() - {0}:
            self.set_sight(number, sights[number])
        self.free_layers = [n for n in range(len(self.layers)) if n not in layers]
        self.free_sights = [n for n in range(len(self.sights)) if n not in sights]

    def is_hidden(self, layer: int) -> bool:
        """Whether only sights see a layer whose own layer it is."""
        return self.layers[layer].hidden

    @property
    def are_many(self) -> bool:
        """Whether it pays to look for layers and sights that are not used any more."""
        return len(self._layer_numbers) + len(self._sight_numbers) >= self.when_to_look

    def forget_unused(self, layers: set[int], sights: set[int]) -> None:
        """Free the numbers of all but these ``layers`` of entities and ``sights`` of seats."""
        for layer, number in list(self._layer_numbers.items()):
            if number and number not in layers:
                del self._layer_numbers[layer]
                self.layers[number] = Layer()
                heapq.heappush(self.free_layers, number)
                for own in self.own:
                    own.pop(number, None)
        self._with_hidden = {layer.owner for layer in self._layer_numbers} - {0}
        for key, number in list(self._sight_numbers.items()):
            if number and number not in sights:
                del self._sight_numbers[key]
                self.sights[number] = Sight()
                self.own[number] = {}
                heapq.heappush(self.free_sights, number)
        used = len(self._layer_numbers) + len(self._sight_numbers)
        self.when_to_look = max(FEW, 2 * used)


def _take(free: list[int], numbered: list[T], nothing: T) -> int:
    """Return the lowest free number, or a further one, which stands for ``nothing``."""
    if free:
        return heapq.heappop(free)
    numbered.append(nothing)
    return len(numbered) - 1


def _insert(numbers: dict[int, None], number: int) -> None:
    """Add ``number`` in its place in the order."""
    is_last = not numbers or number > next(reversed(numbers))
    numbers[number] = None
    if not is_last:
        ordered = sorted(numbers)
        numbers.clear()
        numbers.update(dict.fromkeys(ordered))
