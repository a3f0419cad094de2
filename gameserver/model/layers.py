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

from typing import Final

import attrs

#: A place has at most 48 bits, and is -1 for "everywhere".
LAYER_SHIFT: Final = 50
_PLACE_MASK: Final = (1 << LAYER_SHIFT) - 1


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
    """The layers and sights of one room, by their numbers."""

    __slots__ = ("_layer_numbers", "_sight_numbers", "_with_hidden", "layers", "own", "sights")

    def __init__(self) -> None:
        self.layers: list[Layer] = [Layer()]
        self.sights: list[Sight] = [Sight()]
        #: Sight → the layers that it sees wherever they are, in the order of their numbers.
        self.own: list[dict[int, None]] = [{}]
        self._layer_numbers = {self.layers[0]: 0}
        self._sight_numbers: dict[tuple[frozenset[int], int], int] = {(frozenset(), 0): 0}
        #: Seats that own, or have owned, a hidden entity.
        self._with_hidden: set[int] = set()

    def layer(self, layer: Layer) -> int:
        """Return the number of ``layer``."""
        number = self._layer_numbers.get(layer)
        if number is None:
            number = self._layer_numbers[layer] = len(self.layers)
            self.layers.append(layer)
            if layer.owner:
                self._with_hidden.add(layer.owner)
            for own, sight in zip(self.own, self.sights, strict=True):
                if sight.owns(layer):
                    own[number] = None
        return number

    def sight(self, groups: frozenset[int], seat: int) -> int:
        """Return the number of the sight of a seat."""
        key = (groups, seat if seat in self._with_hidden else 0)
        number = self._sight_numbers.get(key)
        if number is None:
            number = self._sight_numbers[key] = len(self.sights)
            sight = Sight(*key)
            self.sights.append(sight)
            seen = {n: None for n, layer in enumerate(self.layers) if sight.owns(layer)}
            self.own.append(seen)
        return number

    def is_hidden(self, layer: int) -> bool:
        """Whether only sights see a layer whose own layer it is."""
        return self.layers[layer].hidden
