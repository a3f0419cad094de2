"""A record: the engine's state of one spawned entity.

Owns no rules: the world spawns and despawns records, the grid places them, and the publisher keeps
the wire values.  Knows neither grid nor world.
"""

from __future__ import annotations

import math
from typing import Any, Final

from gameserver.model.compiled import CompiledEntity
from gameserver.model.specs import EntitySpec

#: ``x_low, x_high, y_low, y_high`` of a cell with its margin.
Bounds = tuple[float, float, float, float]
#: The bounds of a cell that nothing ever leaves.
UNBOUNDED: Final[Bounds] = (-math.inf, math.inf, -math.inf, math.inf)


class Record:
    """State that the world and the publisher keep for one spawned entity.

    ``touched`` collects, by id, the entities of a rare class that the publisher must compare.
    """

    __slots__ = (
        "alive",
        "born_at",
        "bounds",
        "cell",
        "changed_at",
        "compiled",
        "crc",
        "entity",
        "full",
        "group",
        "group_changed_at",
        "group_values",
        "hidden",
        "id",
        "kind",
        "layer",
        "owner",
        "owner_changed_at",
        "owner_values",
        "seen",
        "settled",
        "spec",
        "touched",
        "values",
    )

    def __init__(
        self,
        entity: Any,
        kind: int,
        spec: EntitySpec,
        compiled: CompiledEntity,
        touched: dict[int, Record],
    ) -> None:
        self.entity = entity
        self.kind = kind
        self.spec = spec
        self.compiled = compiled
        self.touched = touched
        self.id = 0
        #: Seat number of the owner, 0 for none.
        self.owner = 0
        #: The number of its group, or 0; only its group and owner see a hidden entity.
        self.group = 0
        self.hidden = False
        #: The layer of cells, which follows from these (``layers.py``).
        self.layer = 0
        #: Whether it is in the world.
        self.alive = True
        #: Grid cell as of the last publish; None before the first and after the last.
        self.cell: int | None = None
        #: The bounds of ``cell``: beyond them the entity has left it.
        self.bounds: Bounds = UNBOUNDED
        #: The cell that the values put it in; between scan and move it may differ from ``cell``.
        self.settled: int | None = None
        #: Public wire values as of the last publish, and the tick of each field's last change.
        self.values: tuple[Any, ...] = ()
        self.changed_at = [0] * len(spec.fields)
        #: The same for the owner fields.
        self.owner_values: tuple[Any, ...] = ()
        self.owner_changed_at = [0] * spec.group_from
        #: The same for the group fields.
        self.group_values: tuple[Any, ...] = ()
        self.group_changed_at = [0] * (len(spec.owner_fields) - spec.group_from)
        #: The objects that the fields held at the last scan, to skip an entity that nothing was
        #: assigned to.  Not used for classes whose values may change in place.
        self.seen: tuple[Any, ...] = ()
        #: The tick of the first publish that held this entity.
        self.born_at = 0
        #: Cached enter fragment of ``values`` and its CRC-32; None when stale.
        self.full: bytes | None = None
        self.crc: int | None = None

    def touch(self) -> None:
        """Let the next publish compare this entity of a rare class."""
        self.touched[self.id] = self
