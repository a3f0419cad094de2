"""Spaces of Gymnasium for a room: actions from a command class.

Owns both translations: an action is a dict of a command's fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from gameserver.errors import LocalProtocolError
from gameserver.model import fieldtypes
from gameserver.model.schema import spec_of
from gameserver.model.specs import CommandField, CommandSpec


class Actions:
    """The actions of one command class; ``space`` is a dict space of its fields."""

    def __init__(self, command: type) -> None:
        spec = spec_of(command)
        if not isinstance(spec, CommandSpec):
            raise LocalProtocolError(f"{command.__name__} is no command")
        self._command: Final[Callable[..., Any]] = command
        fields = {field.name: _field_space(spec.name, field) for field in spec.fields}
        self.space: Final = spaces.Dict({name: space for name, (space, _, _) in fields.items()})
        self._readers: Final = {name: reader for name, (_, reader, _) in fields.items()}
        self._writers: Final = {name: writer for name, (_, _, writer) in fields.items()}

    def command(self, action: Mapping[str, Any]) -> Any:
        """Return the command of an action in ``space``."""
        return self._command(**{name: read(action[name]) for name, read in self._readers.items()})

    def action(self, command: Any) -> dict[str, Any]:
        """Return the action that gives ``command``."""
        return {name: write(getattr(command, name)) for name, write in self._writers.items()}


_Space = tuple[spaces.Space[Any], Callable[[Any], Any], Callable[[Any], Any]]


def _field_space(command: str, field: CommandField) -> _Space:
    """Return the space of one field, what makes its value of an element, and the reverse."""
    kind = field.type
    if isinstance(kind, fieldtypes.Bool):
        return spaces.Discrete(2), bool, int
    if isinstance(kind, fieldtypes.Enumeration):
        members = [kind.from_wire(n) for n in range(len(kind.describe()[2]))]
        return spaces.Discrete(len(members)), lambda n: members[int(n)], members.index
    if field.low is not None and field.high is not None:
        low, high = field.low, field.high
        if isinstance(kind, fieldtypes.Int):
            return spaces.Discrete(round(high) - round(low) + 1, start=round(low)), int, int
        if isinstance(kind, (fieldtypes.Float32, fieldtypes.Steps)):
            return (
                spaces.Box(low, high, (1,), np.float32),
                lambda value: float(np.clip(value[0], low, high)),
                lambda value: np.array([value], np.float32),
            )
    raise LocalProtocolError(
        f"{command}.{field.name} has no space: a number needs limits, as number(-1, 1)"
    )
