"""Who is let in, and when the answer is *later*: caps that keep the house from overflowing.

Owns counting connections (in all, by address, and those that have not joined yet), how fast they
and their requests may come and players join, and what was turned away, by reason.  Pure: time is
an argument; no sockets, no tasks.  Says no, but never answers anybody: that is the door's and the
session's doing.
"""

from __future__ import annotations

import enum
import math
from collections import Counter, OrderedDict
from typing import Final

import attrs

from gameserver.config import Settings
from gameserver.errors import JoinRefused
from gameserver.protocol.allowance import Allowance
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.addresses import Address, Sender, counted_as, is_in, read_address
from gameserver.runtime.memory import MemoryWatch

#: What a connection over a cap is told to wait; by then others have gone, or it was no accident.
RETRY_AFTER_S: Final = 5
#: What a further request costs, where connecting costs one: a page is many files, and one request
#: is a good deal cheaper than a connection.  A connection that a proxy made for somebody costs them
#: as much, for it may be for one request.
REQUEST_COST: Final = 0.25
#: The longest that one who wants to join is told to wait, but for a second: shorter than seats are
#: held (``Room.hold_s``), for some come back to theirs.
LONGEST_WAIT_S: Final = 20.0
#: How long the line of those may be who wait for their turn to join, and by how much longer it may
#: get for those who come back to their seats.
LONGEST_LINE_S: Final = 1.0
RESERVE_S: Final = 0.5
#: Addresses without a connection whose haste is still remembered.  Overflow policy
#: ``drop-oldest``: it gets a fresh allowance, which the caps in all make harmless.
MAX_REMEMBERED_ADDRESSES: Final = 10_000


class Reason(enum.StrEnum):
    """Why somebody was turned away; the label in the metrics."""

    CONNECTIONS = "connections"
    JOINING = "joining"
    ADDRESS = "address"
    HASTE = "haste"
    JOINS = "joins"
    ROOMS = "rooms"
    ROOM_HASTE = "room haste"
    OVERLOAD = "overload"
    MEMORY = "memory"
    HOST = "host"
    ORIGIN = "origin"
    BOT = "bot"
    METRICS = "metrics"


@attrs.define(eq=False)
class _Address:
    """What is known of one address (in IPv6: of one /64).

    ``allowance``: for new connections, and for each further request on one.
    """

    allowance: Allowance
    connections: int = 0


@attrs.define(eq=False)
class Peer:
    """The other end of one connection.

    ``name`` is for the log.  ``address`` is that of whoever sends the requests; None if it is
    unknown, and then nothing is allowed for its sake.  ``deadline_s`` is the time by which the
    hello must have come, by Trio's clock.
    """

    admission: Admission = attrs.field(repr=False)
    name: str
    connected_from: Address | None
    address: Address | None
    deadline_s: float
    #: The key under which the connection is counted; None if it is only counted in all.
    counted_as: str | None = None
    #: Whether its next request costs nothing: the first of an address is paid for by connecting.
    request_paid: bool = False
    #: Whether it sent no Origin, as programs do; browsers always send one.
    is_bot: bool = True
    joining: bool = True

    def joined(self) -> None:
        """It takes part now, and counts no more among those who may be up to nothing."""
        self.admission.joined(self)

    def leave(self) -> None:
        """The connection is over."""
        self.admission.leave(self)


@attrs.define(eq=False)
class _Line:
    """The places in time of those who were refused, one each: they do not all come back at once."""

    last_s: float = 0.0

    def place_s(self, now_s: float, rate: float) -> float:
        """Return when the next one is to come."""
        self.last_s = max(self.last_s, now_s) + 1 / rate
        if self.last_s > now_s + LONGEST_WAIT_S:
            self.last_s = now_s + 1 / rate
        return self.last_s


class Admission:
    """The count of all connections of one server, whatever ports they came through.

    ``turned_away`` counts by ``Reason``, ``malformed_forwards`` the ``X-Forwarded-For`` of proxies
    that held something else than addresses.
    """

    def __init__(self, settings: Settings, memory: MemoryWatch | None = None) -> None:
        self._settings = settings
        self._memory = MemoryWatch(list) if memory is None else memory
        self._addresses: dict[str, _Address] = {}
        self._remembered: OrderedDict[str, _Address] = OrderedDict()
        #: When the next newcomer's turn to join is.
        self._next_turn_s = -math.inf
        self._newcomers = _Line()
        self._returning = _Line()
        self.connections = 0
        self.joining = 0
        self.turned_away: Counter[Reason] = Counter()
        self.malformed_forwards = 0

    # ------------------------------------------------------------ connections

    def admit(self, host: str, port: int, now_s: float) -> Peer | Reason:
        """Count a connection that was just accepted, or say why it must go."""
        address = read_address(host)
        peer = Peer(
            self,
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            connected_from=address,
            address=address,
            deadline_s=now_s + self._settings.hello_deadline_s,
        )
        if self.connections >= self._settings.max_connections:
            return self.turn_away(Reason.CONNECTIONS)
        if self.joining >= self._settings.max_joining:
            return self.turn_away(Reason.JOINING)
        key = None if address is None else self._key_of(address)
        if (reason := self._count_at(peer, key, 1.0, now_s)) is not None:
            return reason
        self.connections += 1
        self.joining += 1
        return peer

    def identify(self, peer: Peer, sender: Sender, now_s: float) -> Reason | None:
        """Count the connection as that of ``sender``, by the word of its proxy, or say why not.

        All unknown senders behind one proxy count as one address.
        """
        if sender.malformed:
            self.malformed_forwards += 1
        if sender.address == peer.address:
            return None
        proxy = peer.connected_from
        assert proxy is not None, "only addresses are proxies"
        peer.address = sender.address
        peer.name = f"{sender.address or 'unknown'} via {proxy}"
        self._uncount(peer)
        unknown = f"unknown via {counted_as(proxy)}"
        key = unknown if sender.address is None else self._key_of(sender.address)
        return self._count_at(peer, key, REQUEST_COST, now_s)

    def let_ask(self, peer: Peer, now_s: float) -> Reason | None:
        """Have the address of ``peer`` pay ``REQUEST_COST`` for a request, or say why not.

        Else one connection could ask without end what many may not.
        """
        if peer.counted_as is None:
            return None
        paid, peer.request_paid = peer.request_paid, False
        if paid or self._addresses[peer.counted_as].allowance.spend(now_s, REQUEST_COST):
            return None
        return self.turn_away(Reason.HASTE)

    def joined(self, peer: Peer) -> None:
        """See ``Peer.joined``.  Idempotent."""
        if peer.joining:
            peer.joining = False
            self.joining -= 1

    def leave(self, peer: Peer) -> None:
        """See ``Peer.leave``; once for each peer that was admitted."""
        self.joined(peer)
        self._uncount(peer)
        self.connections -= 1

    def turn_away(self, reason: Reason) -> Reason:
        """Count one that is turned away; return ``reason``."""
        self.turned_away[reason] += 1
        return reason

    def _key_of(self, address: Address) -> str | None:
        """Return what a connection of ``address`` is counted under; None if it is not limited."""
        settings = self._settings
        if is_in(address, settings.trusted) or is_in(address, settings.proxies):
            return None
        return counted_as(address)

    def _count_at(self, peer: Peer, key: str | None, cost: float, now_s: float) -> Reason | None:
        """Count ``peer`` under ``key``, or say over which cap that would be."""
        if key is None:
            return None
        settings = self._settings
        known = self._known(key, now_s)
        if known.connections >= settings.max_connections_per_address:
            return self.turn_away(Reason.ADDRESS)
        if not known.allowance.spend(now_s, cost):
            return self.turn_away(Reason.HASTE)
        self._remembered.pop(key, None)
        self._addresses[key] = known
        known.connections += 1
        peer.counted_as = key
        peer.request_paid = True
        return None

    def _known(self, key: str, now_s: float) -> _Address:
        known = self._addresses.get(key) or self._remembered.get(key)
        if known is None:
            settings = self._settings
            burst = settings.max_connections_per_address
            known = _Address(Allowance(settings.connects_per_s, burst, now_s))
        return known

    def _uncount(self, peer: Peer) -> None:
        key, peer.counted_as = peer.counted_as, None
        if key is None:
            return
        known = self._addresses[key]
        known.connections -= 1
        if known.connections == 0:
            del self._addresses[key]
            self._remembered[key] = known
            if len(self._remembered) > MAX_REMEMBERED_ADDRESSES:
                self._remembered.popitem(last=False)

    # ------------------------------------------------------------ joining

    def let_join(self, now_s: float, *, returning: bool = False) -> float:
        """Return how long to wait for one's turn to join; ``JoinRefused`` (4005): come again later.

        Turns are ``joins_per_s`` apart, so a crowd that comes at one moment is not the work of one
        tick.  A newcomer waits in the line if it is a second long at most.  Who is ``returning`` to
        a seat that is held for them need not wait, though the line then is longer for the others,
        and is let in until it is a second and a half: before newcomers, however many there are.
        Newcomers are refused while memory is short.
        (The virtual scheduling of the generic cell rate algorithm: ITU-T I.371, annex A.)
        """
        rate = self._settings.joins_per_s
        if not returning and self._memory.is_short(now_s):
            self.turn_away(Reason.MEMORY)
            wait_s = round(self._newcomers.place_s(now_s, rate) - now_s, 3)
            raise JoinRefused(
                CloseCode.ROOM_FULL,
                "the server is short of memory",
                retry_after_s=RETRY_AFTER_S + wait_s,
            )
        line_s = max(self._next_turn_s - now_s, 0.0)
        if line_s < (LONGEST_LINE_S + RESERVE_S if returning else LONGEST_LINE_S):
            self._next_turn_s = now_s + line_s + 1 / rate
            return 0.0 if returning else line_s
        self.turn_away(Reason.JOINS)
        line = self._returning if returning else self._newcomers
        raise JoinRefused(
            CloseCode.ROOM_FULL,
            "too many want to join just now",
            retry_after_s=round(line.place_s(now_s, rate) - now_s, 3) + 1.0,
        )
