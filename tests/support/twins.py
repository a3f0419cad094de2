"""Both implementations of a part, for the tests that every twin must pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gameserver.accelerated import twin
from gameserver.replication import everywhere, publisher
from gameserver.replication import round as round_module


def both(name: str, pure: Any) -> Sequence[Any]:
    """Return ``pure`` and, where it was built, its compiled twin called ``name``."""
    compiled = twin(name, pure)
    return [pure] if compiled is pure else [pure, compiled]


def name_of(implementation: Any) -> str:
    """Name an implementation in the name of a test."""
    module: str = implementation.__module__
    return "compiled" if module.startswith("gameserver.accelerated.") else "pure"


def publish_in_python(patch: pytest.MonkeyPatch) -> None:
    """Have publishers post to their seats by the pure implementation."""
    patch.setattr(publisher, "post_everywhere", everywhere.post_everywhere_in_python)
    patch.setattr(everywhere, "flush", round_module.flush_in_python)
    patch.setattr(round_module, "flush", round_module.flush_in_python)
    patch.setattr(round_module.Round, "post_still", round_module.Round.post_still_in_python)
