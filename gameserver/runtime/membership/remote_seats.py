"""Seats on nodes of other hosts: one node asks another one, by HTTP, to reserve them.

Owns the request, and the proof that a node of this cluster sent it: a signature over it and
the node that it is for, valid for a short while and once.  Never chooses a room: ``router.py``
does.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets as chance
import time
import urllib.parse
from collections.abc import Callable, Collection
from typing import Any, Final

import attrs
import structlog
import trio

from gameserver.cluster.directory.listings import NodeListing
from gameserver.errors import JoinRefused
from gameserver.identity import UsedTokens
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.membership.member import Membership
from gameserver.runtime.rooms.join_request import JoinRequest
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.party import Party, Seats, WrongParty
from gameserver.signing import NotSigned, Signing

log = structlog.get_logger(__name__)

#: Where a node takes the requests of others, after the path of its address.
PATH: Final = "/api/reservations/here"
ANSWER_WITHIN_S: Final = 5.0
#: How long a request is valid, and by how much the clocks of two hosts may differ.
VALID_S: Final = 30.0
RETRY_AFTER_S: Final = 2.0
#: Requests to other nodes at the same time; more wait.
AT_ONCE: Final = 8
MOST_BYTES: Final = 1024 * 1024
ID_BYTES: Final = 9
_SALT: Final = "gameserver.reservation-request.v1"


class RemoteSeats:
    """The reservations of one node among those of a cluster."""

    def __init__(
        self, membership: Membership, lobby: Lobby, clock: Callable[[], float] = time.time
    ) -> None:
        self._membership = membership
        self._lobby = lobby
        self._clock = clock
        self._used = UsedTokens()
        self._threads = trio.CapacityLimiter(AT_ONCE)

    async def reserve(self, party: Party, avoided: Collection[str] = ()) -> Seats:
        """Reserve seats on the best node, which may be this one; ``JoinRefused`` if none are."""
        request = self._lobby.request(party.room, party.options, party.filters)
        router = self._lobby.router
        assert router is not None
        route = await router.place(request, avoided=avoided, seats=len(party.guests))
        if isinstance(route, JoinRequest):
            seats = self._lobby.reserve_party(attrs.evolve(party, room=route.room))
            return attrs.evolve(seats, url=self._membership.url)
        return await self._ask(route.owner, attrs.evolve(party, room=route.label))

    # ------------------------------------------------------------ asking

    async def _ask(self, owner: NodeListing, party: Party) -> Seats:
        body = json.dumps(party.to_plain()).encode()
        try:
            status, answer = await trio.to_thread.run_sync(
                _post,
                owner.url,
                self._proof(owner.node, body),
                body,
                abandon_on_cancel=True,
                limiter=self._threads,
            )
            return attrs.evolve(_seats(status, json.loads(answer)), url=owner.url)
        except (OSError, ValueError, http.client.HTTPException) as error:
            log.warning("another node reserves no seats", node=owner.url, why=str(error))
            raise JoinRefused(
                CloseCode.ROOM_FULL,
                "the node with this room does not answer",
                retry_after_s=RETRY_AFTER_S,
            ) from error

    def _proof(self, node: str, body: bytes) -> str:
        expires_s = self._clock() + VALID_S
        content = [node, _digest(body), expires_s, chance.token_urlsafe(ID_BYTES)]
        return Signing(self._membership.secrets(), _SALT).sign(content)

    # ------------------------------------------------------------ being asked

    def is_proven(self, proof: bytes, body: bytes) -> bool:
        """Whether a node of this cluster asks this one for the first time."""
        try:
            content = Signing(self._membership.secrets(), _SALT).read(proof.decode("latin-1"))
        except NotSigned:
            return False
        match content:
            case [str(node), str(digest), (int() | float()) as expires_s, str(id_)]:
                now_s = trio.current_time()
                ours = node == self._membership.node and digest == _digest(body)
                if not ours or self._clock() > expires_s or self._used.is_full(now_s):
                    return False
                return self._used.use(id_, now_s + 2 * VALID_S)
        return False

    async def reserve_here(self, body: bytes) -> Seats:
        """Reserve seats in a room that another node has found or claimed here.

        ``JoinRefused`` if there are none; ``WrongParty`` for a body that no node sends.
        """
        try:
            party = Party.from_plain(json.loads(body))
        except ValueError as error:
            raise WrongParty("this is no JSON") from error
        request = self._lobby.request(party.room, party.options, party.filters)
        router = self._lobby.router
        assert router is not None
        if not isinstance(await router.place(request), JoinRequest):
            raise JoinRefused(
                CloseCode.ROOM_FULL, "the room is on another node", retry_after_s=RETRY_AFTER_S
            )
        return self._lobby.reserve_party(party)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _post(url: str, proof: str, body: bytes) -> tuple[int, bytes]:
    """Ask a node at its address, and return status and body of the answer; runs in a thread."""
    parts = urllib.parse.urlsplit(url)
    secure = parts.scheme == "wss"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=ANSWER_WITHIN_S)
    try:
        connection.request(
            "POST",
            parts.path.rstrip("/") + PATH,
            body,
            {"Authorization": f"Bearer {proof}", "Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_BYTES)
    finally:
        connection.close()


def _seats(status: int, answer: Any) -> Seats:
    """Return the seats in an answer, or raise its ``JoinRefused``; ``ValueError`` if it is none."""
    match answer:
        case {"room": str(label), "tickets": list(tickets)} if status == 201:
            return Seats(label, tuple(map(str, tickets)))
        case {"error": str(reason), "code": int(code)}:
            raise JoinRefused(code, reason, retry_after_s=answer.get("retry_after_s"))
    raise ValueError(f"it answers {status}")
