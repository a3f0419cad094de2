"""A party: players for whom a back end reserves seats in one room.

Owns the values, and reading them from JSON: any value becomes a ``Party``, or raises
``WrongParty``, which names the field.  Never chooses a room and never reserves a seat.

Rooms that move their players to another node of the host reserve seats by the same values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Protocol

import attrs

from gameserver.errors import GameServerError
from gameserver.runtime.rooms.join_request import split_filters
from gameserver.tokens import MAX_IDENTITY_BYTES

#: Most players of one party.
MAX_PARTY: Final = 1000
#: The longest reservation: a reserved seat is empty meanwhile.
MAX_VALID_S: Final = 600.0
#: How long seats are reserved if nobody says otherwise.
VALID_S: Final = 30.0
UNKNOWN_FORM: Final = "another node describes a party in a way that this version does not know"
_FIELDS: Final = ("room", "players", "options", "valid_s")
_PLAYER_FIELDS: Final = ("identity", "options")


class WrongParty(GameServerError):
    """A value that is no party; the text says which part of it."""


@attrs.frozen
class Guest:
    """A player of a party.

    With an ``identity`` the player needs no sign-in token.  Without ``options`` (by name) the
    client brings its own.
    """

    identity: str | None = None
    options: Mapping[str, Any] | None = None


@attrs.frozen
class Party:
    """Players who want seats in ``room`` (as in a hello), whose listing has the ``filters``.

    A room that has to be made is made with ``options``.  ``moved_from`` is the room from which a
    game moves them.
    """

    room: str
    guests: tuple[Guest, ...]
    options: Mapping[str, Any] | None = None
    filters: Mapping[str, Any] = attrs.field(factory=dict)
    valid_s: float = VALID_S
    moved_from: str | None = None

    def to_plain(self) -> list[Any]:
        """Return the party as plain values, for another node."""
        guests = [[guest.identity, guest.options] for guest in self.guests]
        return [self.room, guests, self.options, self.filters, self.valid_s, self.moved_from]

    @classmethod
    def from_plain(cls, plain: Any) -> Party:
        """Return the party in a value of ``to_plain``; ``WrongParty`` for other values."""
        match plain:
            case [
                str(room),
                list(guests),
                (dict() | None) as options,
                dict(filters),
                (int() | float()) as valid_s,
                (str() | None) as moved_from,
            ]:
                read = tuple(map(_plain_guest, guests))
                return cls(room, read, options, filters, valid_s, moved_from)
        raise WrongParty(UNKNOWN_FORM)


@attrs.frozen
class Seats:
    """Reserved seats in the room ``label``: a ticket for each guest, in their order.

    ``url`` is where clients reach the node that has the room; empty: as they reach this one.
    """

    label: str
    tickets: tuple[str, ...]
    url: str = ""


class OtherNodes(Protocol):
    """The other nodes that may have the room for a party."""

    async def reserve(self, party: Party, avoided: Collection[str] = ()) -> Seats:
        """Reserve seats on the best node, which may be this one; ``JoinRefused`` if there are none.

        ``avoided`` are labels of rooms that are not chosen.
        """


def party_of(given: Any) -> Party:
    """Return the party in a value of JSON, or raise ``WrongParty``."""
    fields = _object(given, "the body", _FIELDS)
    room, players = fields.get("room"), fields.get("players")
    if not isinstance(room, str):
        raise WrongParty("room: a text is needed, such as arena or arena/final")
    if not isinstance(players, list) or not 1 <= len(players) <= MAX_PARTY:
        raise WrongParty(f"players: an array of 1 to {MAX_PARTY} players is needed")
    guests = tuple(_guest(one, f"players[{index}]") for index, one in enumerate(players))
    identities = [guest.identity for guest in guests if guest.identity is not None]
    if len(set(identities)) < len(identities):
        raise WrongParty("players: two have the same identity")
    valid_s = fields.get("valid_s", VALID_S)
    if type(valid_s) not in (int, float) or not 0 < valid_s <= MAX_VALID_S:
        raise WrongParty(f"valid_s: seconds, more than 0 and at most {MAX_VALID_S:g}")
    options = _options(fields.get("options"), "options")
    name, filters = split_filters(room)
    return Party(name, guests, options, filters, float(valid_s))


def _plain_guest(plain: Any) -> Guest:
    match plain:
        case [(str() | None) as identity, (dict() | None) as options]:
            return Guest(identity, options)
    raise WrongParty(UNKNOWN_FORM)


def _guest(given: Any, where: str) -> Guest:
    fields = _object(given, where, _PLAYER_FIELDS)
    identity = fields.get("identity")
    if identity is not None and not _is_identity(identity):
        raise WrongParty(f"{where}.identity: a text of 1 to {MAX_IDENTITY_BYTES} bytes of UTF-8")
    return Guest(identity, _options(fields.get("options"), f"{where}.options"))


def _is_identity(given: Any) -> bool:
    if not isinstance(given, str):
        return False
    try:
        return 1 <= len(given.encode()) <= MAX_IDENTITY_BYTES
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold
        return False


def _options(given: Any, where: str) -> dict[str, Any] | None:
    if given is not None and not isinstance(given, dict):
        raise WrongParty(f"{where}: an object of options by name is needed")
    return given


def _object(given: Any, where: str, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise WrongParty(f"{where}: an object is needed")
    for name in given:
        if name not in known:
            raise WrongParty(f"{where}: no field {name[:32]!r}; there are {', '.join(known)}")
    return given
