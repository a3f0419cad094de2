"""Resume tokens of a server without a lobby."""

from __future__ import annotations

from gameserver.runtime.rooms.resume_tokens import ResumeTokens
from gameserver.runtime.rooms.resumption import Resumption
from gameserver.runtime.rooms.roster import Member


def resumption() -> Resumption[Member]:
    """Return the resume tokens of a server with a secret of its own."""
    return Resumption[Member](ResumeTokens(lambda: ("a secret of this test",)))
