"""What a client tells of itself: each delta that it applied, and what it has counted.

Owns the declarations only; ``game_client.py`` fills them.
"""

from __future__ import annotations

import attrs

from clients.remote import RemoteEvent


@attrs.frozen
class Applied:
    """A delta that the replica has applied: ``tick``, ``ack``, ``margin`` as in the protocol.

    ``news`` are those of its ``events`` that no effect shown ahead of the server has foreseen.
    """

    tick: int
    ack: int
    margin: int | None
    events: list[RemoteEvent]
    news: list[RemoteEvent]


@attrs.define
class ClientStatistics:
    """Counts since the first connection was opened.

    ``unread_…`` count what was dropped because nobody took it from its inbox in time.
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
    #: Times that a lost connection was replaced: to the same seat, and to another one.
    resumes: int = 0
    rejoins: int = 0
    #: Commands that were sent again after that.
    commands_again: int = 0
    unread_deltas: int = 0
    unread_events: int = 0
    unread_texts: int = 0
