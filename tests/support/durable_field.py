"""A durable room for tests, and journals that are written without a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

from tests.support.resumable_lobby import HoldingField

SECRET = "a-secret-of-at-least-thirty-two-characters"


class Fort(HoldingField):
    durable = True
    told: list[str]
    steps: list[int]
    left: list[tuple[str, str]]
    log: list[str]


def write_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do the work of threads at once: the mock clock would not wait for a thread."""

    async def at_once(work: Callable[..., Any], *arguments: Any, **_: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return work(*arguments)

    monkeypatch.setattr(trio.to_thread, "run_sync", at_once)
