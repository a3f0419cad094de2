"""The messages of a handover, between the process that gives rooms and the one that takes them.

Owns the form of the messages, which both halves read (``giving.py``, ``taking.py``)::

    old → new   ["begin", FORMAT, plain, tls, lock, control, owner, node]
                                                                the listeners, with descriptors
    new → old   ["ready", {kind: schema hash}]                  it has imported and opened all
    old → new   ["rehearse", label, schema hash, snapshot]      for each room, while all play on
    new → old   ["rehearsed"]                                   for each of them
                  … the old process freezes …
    old → new   ["room", label, schema hash, snapshot]          for each room
    old → new   ["sessions", [[connection, play], …]]           with their sockets
    old → new   ["all", monotonic_s, more]
    new → old   ["loaded", [index of a session that stays, …]]
    old → new   ["go", {label: fence}]                          its claims in a directory
    new → old   ["taken"]
                  … from here on the new process serves …

Until "taken" has come, the old process has everything and can go on.  The new process sends it
right before it touches the first socket, and never before "go" has come.  So at most
one process uses a socket, even if either dies at any point.  Instead of any of its messages the new
process may send ["failed", reason].

``owner`` is the name by which the server claims rooms in its storage, ``node`` the one by which the
directory knows it.  The new process has the same names, so its claims and leases never end.

A node that hands a room over to another one sends no "begin".
"""

from __future__ import annotations

from typing import Any, Final

from gameserver.cluster.descriptors import ChannelError, Received
from gameserver.errors import GameServerError

#: Grows when the messages change; two versions with other formats cannot hand over.
FORMAT: Final = 2
#: The longest message: a room of this size takes seconds to load.
MAX_BODY_BYTES: Final = 1 << 30


class HandoverFailed(GameServerError):
    """The other process did not take over, or could not; the text is one line."""


def expect(received: Received, kind: str) -> list[Any]:
    """Return the rest of a message of ``kind``; ``HandoverFailed`` for any other."""
    match received.body:
        case [str(found), *rest] if found == kind:
            return list(rest)
        case ["failed", str(reason)]:
            raise HandoverFailed(reason)
    raise ChannelError(f"the other process did not send {kind!r}")
