"""The messages of the protocol, for the rest of the package to import from one place.

Owns no code: the classes are in ``from_client.py`` and ``from_server.py``, the numbers in
``kinds.py``, packing in ``wire.py``, the rules for names and texts in ``names.py`` and
``texts.py``.

The promise of all of them: for any bytes, ``decode_from_client`` and ``decode_from_server`` return
a message or raise ``RemoteProtocolError``.
"""

from __future__ import annotations

from gameserver.protocol.from_client import (
    Ack,
    ClientMessage,
    CommandMessage,
    Desync,
    HeldEntity,
    Hello,
    Ping,
    Read,
    Report,
    Resync,
    Say,
    decode_from_client,
    short_command,
)
from gameserver.protocol.from_server import (
    Bye,
    Check,
    Delta,
    Hashes,
    Moved,
    Pace,
    Pong,
    Result,
    Said,
    ServerMessage,
    Status,
    Welcome,
    decode_from_server,
)
from gameserver.protocol.kinds import (
    FORMER_SUBPROTOCOLS,
    MAX_CHECKSUM,
    MAX_FILTERS,
    MAX_NONCE,
    MAX_OPTIONS,
    MAX_READ_BACK,
    MAX_READ_NAME,
    MAX_READ_OFFSET,
    MAX_READ_PLACES,
    MAX_REPORTED,
    MAX_SEQ,
    MAX_TOKEN_BYTES,
    MIN_PACE,
    RENDERED_PER_TICK,
    SUBPROTOCOL,
    VERSION,
    Kind,
)
from gameserver.protocol.names import parse_room_request
from gameserver.protocol.texts import MAX_NAME_LENGTH, MAX_SAY_LENGTH, valid_name, valid_text
from gameserver.protocol.wire import (
    MAX_CLIENT_MESSAGE_BYTES,
    MAX_SERVER_MESSAGE_BYTES,
    array_header,
    pack,
    pack_float64,
)

__all__ = [
    "FORMER_SUBPROTOCOLS",
    "MAX_CHECKSUM",
    "MAX_CLIENT_MESSAGE_BYTES",
    "MAX_FILTERS",
    "MAX_NAME_LENGTH",
    "MAX_NONCE",
    "MAX_OPTIONS",
    "MAX_READ_BACK",
    "MAX_READ_NAME",
    "MAX_READ_OFFSET",
    "MAX_READ_PLACES",
    "MAX_REPORTED",
    "MAX_SAY_LENGTH",
    "MAX_SEQ",
    "MAX_SERVER_MESSAGE_BYTES",
    "MAX_TOKEN_BYTES",
    "MIN_PACE",
    "RENDERED_PER_TICK",
    "SUBPROTOCOL",
    "VERSION",
    "Ack",
    "Bye",
    "Check",
    "ClientMessage",
    "CommandMessage",
    "Delta",
    "Desync",
    "Hashes",
    "HeldEntity",
    "Hello",
    "Kind",
    "Moved",
    "Pace",
    "Ping",
    "Pong",
    "Read",
    "Report",
    "Result",
    "Resync",
    "Said",
    "Say",
    "ServerMessage",
    "Status",
    "Welcome",
    "array_header",
    "decode_from_client",
    "decode_from_server",
    "pack",
    "pack_float64",
    "parse_room_request",
    "short_command",
    "valid_name",
    "valid_text",
]
