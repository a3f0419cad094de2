"""The views that a room may declare: how distance decides which entities a player gets.

Owns the values of ``Room.view``.  ``grid.py`` makes cells of them.
"""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias

import attrs

from gameserver.errors import LocalProtocolError

#: In an ``Exact`` view an entity leaves beyond this many times the radius, so that it does not come
#: and go while it moves along the border.
LEAVE_SHARE: Final = 1.1


def _check_radius(view: Any, _attribute: Any, radius: Any) -> None:
    if type(radius) not in (int, float) or not 0 < radius < math.inf:
        name = type(view).__name__
        raise LocalProtocolError(f"{name}() takes a radius above 0, as in {name}(400): {radius!r}")


@attrs.frozen
class Near:
    """Whole cells: a player gets every entity within ``radius`` on both axes, and some beyond.

    The cheapest grade, because all players who look from one cell get the same bytes.  An
    entity may be seen from up to 2.4 times the radius on each axis, so this hides no secrets.
    ``radius`` is in the units of positions.
    """

    radius: float = attrs.field(validator=_check_radius)


@attrs.frozen
class Exact:
    """A circle: a player gets an entity once it is within ``radius``, until it is beyond 1.1 times.

    Nothing farther away is ever sent, and events happen within ``radius`` itself.  Each player has
    a set of its own, so this takes more time than ``Near``.  A player sees the entities of its
    groups wherever they are.
    """

    radius: float = attrs.field(validator=_check_radius)


View: TypeAlias = Near | Exact


def describe(view: View | None) -> list[object] | None:
    """Return ``view`` as plain data."""
    return None if view is None else [type(view).__name__, view.radius]
