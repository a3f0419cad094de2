"""Both implementations of a part, for the tests that every twin must pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gameserver.accelerated import twin


def both(name: str, pure: Any) -> Sequence[Any]:
    """Return ``pure`` and, where it was built, its compiled twin called ``name``."""
    compiled = twin(name, pure)
    return [pure] if compiled is pure else [pure, compiled]


def name_of(implementation: Any) -> str:
    """Name an implementation in the name of a test."""
    module: str = implementation.__module__
    return "compiled" if module.startswith("gameserver.accelerated.") else "pure"
