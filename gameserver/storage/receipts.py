"""Receipts of submissions.  Pure."""

from __future__ import annotations

import enum

import attrs

from gameserver.storage.errors import StorageError


class ReceiptState(enum.Enum):
    """States of a receipt: WAITING → WRITTEN or FAILED; REFUSED from the start."""

    WAITING = "waiting"
    WRITTEN = "written"
    FAILED = "failed"
    REFUSED = "refused"


@attrs.define(eq=False)
class Receipt:
    """The outcome of one submission; ``error`` says why it FAILED."""

    state: ReceiptState = ReceiptState.WAITING
    error: StorageError | None = None
