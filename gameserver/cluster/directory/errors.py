"""Errors of a directory.

Owns the classes only.  No message repeats an address with its password, a ticket or a token.
"""

from __future__ import annotations

from gameserver.errors import GameServerError


class DirectoryError(GameServerError):
    """The directory did not do what it was asked for; base class of the others."""


class DirectoryUnavailable(DirectoryError):
    """The directory cannot be reached, or did not answer in time.

    The operation may have been carried out.  Each operation can be repeated: a second call of the
    same node has the result of the first.
    """


class DirectorySettling(DirectoryError):
    """The directory may have lost data, so it refuses claims for ``retry_after_s``.

    By then the owner of every living room has listed it again.
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("the directory waits until every node has listed its rooms again")
        self.retry_after_s = retry_after_s


class LeaseOver(DirectoryError):
    """The node has no lease: it must ``renew`` before it can claim."""
