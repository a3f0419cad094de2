"""The values that a client reports: the state of its connection, applied deltas, statistics.

Owns the declarations only; ``game_client.py`` fills them.
"""

from __future__ import annotations

import enum

import attrs

from clients.remote import RemoteEvent
from gameserver.protocol.closing import ClientAction


class State(enum.Enum):
    """The state of a client's connection; the browser client has the same states.

    ``open_game`` returns a client that is ``PLAYING``.  After a lost connection the client is
    ``RECONNECTING`` (a pause), ``CONNECTING`` (a socket is opening) and ``JOINING`` (hello sent),
    and then ``PLAYING`` again or ``CLOSED``, which is final.
    """

    CONNECTING = "connecting"
    JOINING = "joining"
    PLAYING = "playing"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


@attrs.frozen
class StateChange:
    """A client's connection has entered ``state``.

    ``code``, ``reason`` and ``action`` say why the connection ended, and what to do about it; only
    ``RECONNECTING`` and ``CLOSED`` have them.  ``retry_in_s`` is the pause before the next attempt;
    only ``RECONNECTING`` has it.
    """

    state: State
    code: int | None = None
    reason: str = ""
    action: ClientAction | None = None
    retry_in_s: float | None = None


@attrs.frozen
class Applied:
    """A delta that the replica has applied: ``tick``, ``ack``, ``margin`` as in the protocol.

    ``news`` are those of its ``events`` that confirm no predicted effect, so they are still to be
    shown.
    """

    tick: int
    ack: int
    margin: int | None
    events: list[RemoteEvent]
    news: list[RemoteEvent]


@attrs.define
class ClientStatistics:
    """Counts since the first connection was opened.

    ``unread_…`` count items that were dropped because the program did not read them in time.
    """

    bytes_received: int = 0
    bytes_sent: int = 0
    messages_received: int = 0
    messages_sent: int = 0
    commands: int = 0
    deltas: int = 0
    #: Deltas that did not fit the replica.
    deltas_refused: int = 0
    checks: int = 0
    checksum_failures: int = 0
    resyncs: int = 0
    #: Lost connections that were replaced: ``resumes`` in the same seat, ``rejoins`` in another.
    resumes: int = 0
    rejoins: int = 0
    #: Commands that were sent again after a resume.
    commands_again: int = 0
    unread_deltas: int = 0
    unread_events: int = 0
    unread_texts: int = 0
