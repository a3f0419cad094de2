"""``POST /api/reservations``: a game's back end reserves seats for a party, over HTTP.

Owns the token of the back end, the limits on requests, and the answers.  Never chooses a room:
``rooms/lobby.py`` does, or ``OtherNodes`` among several.  No answer and no log holds a token, and
no ticket is in a log.
"""

from __future__ import annotations

import hmac
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
import trio

from gameserver.config import Settings, secrets_in
from gameserver.errors import JoinRefused
from gameserver.protocol.allowance import Allowance
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.http.messages import JSON, Posted, Response, authority_of, query_of
from gameserver.runtime.membership.member import Membership
from gameserver.runtime.membership.remote_seats import PATH as NODE_PATH
from gameserver.runtime.membership.remote_seats import RemoteSeats
from gameserver.runtime.rooms.lobby import Lobby
from gameserver.runtime.rooms.party import Party, Seats, WrongParty, party_of

log = structlog.get_logger(__name__)

PATH: Final = "/api/reservations"
#: Requests with a right token, on average and at once.
REQUESTS_PER_S: Final = 50.0
REQUESTS_BURST: Final = 200.0
#: Wrong tokens that get a 401, on average a second and at once; further ones get a 429.
WRONG_PER_S: Final = 2.0
WRONG_BURST: Final = 20.0

_STATUS: Final[dict[int, int]] = {
    CloseCode.NO_SUCH_ROOM: 404,
    CloseCode.OPTIONS: 422,
    CloseCode.REFUSED: 409,
    CloseCode.ROOM_FULL: 409,
    CloseCode.ROOM_CLOSED: 409,
    CloseCode.GOING_AWAY: 503,
    CloseCode.INTERNAL_ERROR: 500,
}


class ReservationApi:
    """The reservations that a back end makes at one server.

    ``membership`` returns that of this node in a cluster; None where there is none.
    """

    def __init__(
        self, settings: Settings, lobby: Lobby, membership: Callable[[], Membership | None]
    ) -> None:
        self._tokens = [token.encode() for token in secrets_in(settings.backend_token or "")]
        self._lobby = lobby
        self._membership = membership
        self._remote_seats: RemoteSeats | None = None
        self._right: Allowance | None = None
        self._wrong: Allowance | None = None

    @property
    def posts(self) -> dict[str, Callable[[Posted], Awaitable[Response]]]:
        """The paths that it answers; without a token there is none for back ends."""
        own = {PATH: self.reserve} if self._tokens else {}
        return {NODE_PATH: self.reserve_here, **own}

    @property
    def _remote(self) -> RemoteSeats | None:
        membership = self._membership()
        if self._remote_seats is None and membership is not None:
            self._remote_seats = RemoteSeats(membership, self._lobby)
        return self._remote_seats

    async def reserve(self, posted: Posted) -> Response:
        """Answer a back end."""
        refusal = self._check(posted)
        if refusal is not None:
            return refusal
        try:
            party = party_of(_read(posted.body))
            seats = await self._seats(party)
        except WrongParty as error:
            return _error(400, str(error))
        except JoinRefused as refused:
            return _refused(refused)
        log.info("seats reserved for a party", room=seats.label, seats=len(seats.tickets))
        url = seats.url or _url_of(posted)
        players = [
            {"identity": guest.identity, "url": url, "room": seats.label, "ticket": ticket}
            for guest, ticket in zip(party.guests, seats.tickets, strict=True)
        ]
        return _json(201, {"room": seats.label, "valid_s": party.valid_s, "players": players})

    async def reserve_here(self, posted: Posted) -> Response:
        """Answer another node of the cluster, for a room of this one."""
        remote = self._remote
        if remote is None:
            return _error(404, "this server is in no cluster")
        if not remote.is_proven(posted.bearer, posted.body):
            return self._wrong_token()
        try:
            seats = await remote.reserve_here(posted.body)
        except WrongParty as error:
            return _error(400, str(error))
        except JoinRefused as refused:
            return _refused(refused)
        log.info("seats reserved for another node", room=seats.label, seats=len(seats.tickets))
        return _json(201, {"room": seats.label, "tickets": list(seats.tickets)})

    async def _seats(self, party: Party) -> Seats:
        others = self._lobby.siblings or self._remote
        if others is not None:
            return await others.reserve(party)
        return self._lobby.reserve_party(party)

    def _check(self, posted: Posted) -> Response | None:
        """Return why a request is not carried out; None if it is."""
        if query_of(posted.request):
            return _error(400, "this path takes no query: all is in the body and Authorization")
        # Every token is compared, so that the time tells nothing.
        if sum(hmac.compare_digest(posted.bearer, token) for token in self._tokens) == 0:
            return self._wrong_token()
        now_s = trio.current_time()
        if self._right is None:
            self._right = Allowance(REQUESTS_PER_S, REQUESTS_BURST, now_s)
        if not self._right.spend(now_s):
            return _error(429, "too many requests", retry_after_s=1.0)
        return None

    def _wrong_token(self) -> Response:
        now_s = trio.current_time()
        if self._wrong is None:
            self._wrong = Allowance(WRONG_PER_S, WRONG_BURST, now_s)
        if not self._wrong.spend(now_s):
            return _error(429, "too many requests with a wrong token", retry_after_s=1.0)
        headers = (("WWW-Authenticate", "Bearer"),)
        return _error(401, "a header is needed: Authorization: Bearer TOKEN", headers=headers)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise WrongParty("the body is no JSON") from None


def _url_of(posted: Posted) -> str:
    """Return the address of this server, as the back end has reached it."""
    scheme = "wss" if posted.secure else "ws"
    return f"{scheme}://{authority_of(posted.request).decode('latin-1')}/"


def _refused(refused: JoinRefused) -> Response:
    status = _STATUS.get(refused.code, 409)
    if refused.code == CloseCode.ROOM_FULL and refused.retry_after_s is not None:
        status = 503  # it is worth another try
    return _error(status, refused.reason, code=refused.code, retry_after_s=refused.retry_after_s)


def _error(
    status: int,
    why: str,
    *,
    code: int | None = None,
    retry_after_s: float | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Response:
    told: dict[str, Any] = {"error": why}
    if code is not None:
        told["code"] = int(code)
    if retry_after_s is not None:
        told["retry_after_s"] = retry_after_s
        headers = (*headers, ("Retry-After", str(math.ceil(retry_after_s))))
    return _json(status, told, headers)


def _json(
    status: int, content: dict[str, Any], headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    body = json.dumps(content).encode()
    return Response(status, JSON, body, (("Cache-Control", "no-store"), *headers))
