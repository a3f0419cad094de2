"""Who is let in, and when the answer is *later*: caps that keep the house from overflowing.

Owns counting connections (in all, by address, and those that have not joined yet), which of them
must make room for new ones, how fast they and their requests may come and players join, and what
was turned away, by reason.  Pure: time is an argument; no sockets, no tasks.  Says no, but never
answers anybody: that is the acceptor's and the session's doing.

A connection that has not said hello costs its peer next to nothing, so a cap on these alone would
let a few addresses keep everybody out.  At a cap the oldest of them is therefore evicted for the
new one: whoever says hello within a round trip or two gets in, unless connections come faster than
``max_joining`` in that time.
"""

from __future__ import annotations

import enum
import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final

import attrs

from gameserver.config import Settings
from gameserver.errors import JoinRefused
from gameserver.protocol.allowance import Allowance
from gameserver.protocol.closing import CloseCode
from gameserver.runtime.admission.addresses import Address, Sender, counted_as, is_in, read_address
from gameserver.runtime.admission.memory import MemoryWatch

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
    EVICTED = "evicted"
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


class Stage(enum.Enum):
    """How far a connection has come.  It only moves down this list, and may skip steps."""

    #: Its TLS handshake, its requests, or its hello: what the server waits for is the peer's to do.
    OPENING = enum.auto()
    #: Its hello is here.  It waits for its turn, or for the game's ``on_auth``.
    JOINING = enum.auto()
    JOINED = enum.auto()
    #: Over, or evicted: it counts nowhere.
    GONE = enum.auto()


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

    connection_limits: ConnectionLimits = attrs.field(repr=False)
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
    stage: Stage = Stage.OPENING
    #: Ends the connection at once.  Called when it has to make room, after it stopped counting.
    evict: Callable[[], object] = attrs.field(default=lambda: None, repr=False)

    def answered(self) -> None:
        """A request of its was answered; now it has as long for the next as a new connection."""
        self.connection_limits.answered(self)

    def greeted(self) -> None:
        """Its hello is here; it need not make room for others any more."""
        self.connection_limits.greeted(self)

    def joined(self) -> None:
        """It takes part now, and counts no more among those who may be up to nothing."""
        self.connection_limits.joined(self)

    def leave(self) -> None:
        """The connection is over."""
        self.connection_limits.leave(self)


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


class _Opening:
    """The connections that have not said hello, in the order in which they are evicted.

    First those of addresses for which no seat is held, the oldest first; then the others.  Of an
    address as many are spared as it has held seats.
    """

    def __init__(self, held_by: Callable[[str], int]) -> None:
        self._held_by = held_by
        self._new: OrderedDict[Peer, None] = OrderedDict()
        #: Peer → the address for which it may be spared.
        self._returning: OrderedDict[Peer, str] = OrderedDict()
        self._returning_of: Counter[str] = Counter()

    def add(self, peer: Peer) -> None:
        """Add ``peer`` as the newest, or make it the newest again."""
        self.remove(peer)
        key = peer.counted_as
        if key is not None and self._returning_of[key] < self._held_by(key):
            self._returning[peer] = key
            self._returning_of[key] += 1
        else:
            self._new[peer] = None

    def remove(self, peer: Peer) -> None:
        """Forget ``peer``, if it is here."""
        self._new.pop(peer, None)
        key = self._returning.pop(peer, None)
        if key is not None:
            self._returning_of[key] -= 1
            if not self._returning_of[key]:
                del self._returning_of[key]

    def oldest(self) -> Peer | None:
        """Return which one is evicted next."""
        return next(iter(self._new), None) or next(iter(self._returning), None)


class ConnectionLimits:
    """The count of all connections of one server, whatever ports they came through.

    ``turned_away`` counts by ``Reason``, ``malformed_forwards`` the ``X-Forwarded-For`` of proxies
    that held something else than addresses.  ``held_by`` tells how many seats are held for players
    of an address (a key of ``Peer.counted_as``).
    """

    def __init__(
        self,
        settings: Settings,
        memory: MemoryWatch | None = None,
        *,
        held_by: Callable[[str], int] = lambda _: 0,
    ) -> None:
        self._settings = settings
        self._memory = MemoryWatch(list) if memory is None else memory
        self._opening = _Opening(held_by)
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
        key = None if address is None else self._key_of(address)
        if (reason := self._count_at(peer, key, 1.0, now_s)) is not None:
            return reason
        if (cap := self._cap_reached()) is not None and not self._evict_oldest():
            self._uncount(peer)
            return self.turn_away(cap)
        self.connections += 1
        self.joining += 1
        self._opening.add(peer)
        return peer

    def _cap_reached(self) -> Reason | None:
        if self.connections >= self._settings.max_connections:
            return Reason.CONNECTIONS
        return Reason.JOINING if self.joining >= self._settings.max_joining else None

    def _evict_oldest(self) -> bool:
        """Evict the oldest that has not said hello; False if there is none."""
        peer = self._opening.oldest()
        if peer is None:
            return False
        self.turn_away(Reason.EVICTED)
        self.leave(peer)
        peer.evict()
        return True

    def identify(self, peer: Peer, sender: Sender, now_s: float) -> Reason | None:
        """Count the connection as that of ``sender``, by the word of its proxy, or say why not.

        All unknown senders behind one proxy count as one address.
        """
        if sender.malformed:
            self.malformed_forwards += 1
        if sender.address == peer.address or peer.stage is Stage.GONE:
            return None
        proxy = peer.connected_from
        assert proxy is not None, "only addresses are proxies"
        peer.address = sender.address
        peer.name = f"{sender.address or 'unknown'} via {proxy}"
        self._uncount(peer)
        unknown = f"unknown via {counted_as(proxy)}"
        key = unknown if sender.address is None else self._key_of(sender.address)
        reason = self._count_at(peer, key, REQUEST_COST, now_s)
        if peer.stage is Stage.OPENING:
            self._opening.add(peer)  # anew, for seats may be held for this address
        return reason

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

    def answered(self, peer: Peer) -> None:
        """See ``Peer.answered``."""
        if peer.stage is Stage.OPENING:
            self._opening.add(peer)

    def greeted(self, peer: Peer) -> None:
        """See ``Peer.greeted``."""
        if peer.stage is Stage.OPENING:
            peer.stage = Stage.JOINING
            self._opening.remove(peer)

    def joined(self, peer: Peer) -> None:
        """See ``Peer.joined``.  Idempotent."""
        self.greeted(peer)
        if peer.stage is Stage.JOINING:
            peer.stage = Stage.JOINED
            self.joining -= 1

    def leave(self, peer: Peer) -> None:
        """See ``Peer.leave``.  Idempotent."""
        if peer.stage is Stage.GONE:
            return
        self.joined(peer)
        peer.stage = Stage.GONE
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
