"""Measures every connection of a server with WebSocket ping frames, and notices silent peers.

Owns the payloads, which pongs may be believed, and the count of unanswered pings.  Closes nothing:
it tells the session.  One task serves all connections of all rooms, so the number of timers does
not grow with players, and pings are posted between ticks, so the work of a tick is not taken for
network latency.

The pongs come from the link's fast path in (``protocol/fast_path.py``).  While a pong is awaited
the poller watches the link, for the pong would otherwise be read no sooner than before the next
tick.

Pings that are due together, as after a thousand joins at once, are sent over several looks.  Then
their pongs do not come together either, now or later.

An idle connection, which gives no commands, needs no lag compensation.  Its pings only have to
find out whether the peer is still there, so they come less often.

While the whole server is blocked (a hook of a game that takes seconds) no pong can be read.  That
time counts as nobody's silence, and a round trip that spans it is not taken for a latency.
"""

from __future__ import annotations

import math
import secrets
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import attrs
import structlog
import trio

from gameserver.protocol.frames import ping_frame
from gameserver.protocol.latency import Latency, LatencyEstimator

if TYPE_CHECKING:
    from gameserver.runtime.net.link import Link
    from gameserver.runtime.net.poller import Poller

log = structlog.get_logger(__name__)

#: So many pings in a row without an answer, each given a whole interval: the peer is silent.
MAX_UNANSWERED: Final = 3
PAYLOAD_BYTES: Final = 8
#: A peer that is idle when a ping is due gets it ``IDLE_INTERVALS`` intervals later, once
#: ``KNOWN_PONGS`` pongs have measured its latency.  If that ping is not answered, the next ones
#: come at the usual interval.
IDLE_INTERVALS: Final = 3
KNOWN_PONGS: Final = 3
#: How often the task looks for pings that are due.
GRAIN_S: Final = 0.05
#: The most pings that one look sends: ``MOST_SHARE`` times those of an average look, or
#: ``ALWAYS_SENT`` if that is more.
MOST_SHARE: Final = 2.0
ALWAYS_SENT: Final = 16
#: If the task has not looked for this long, the server was blocked.
BLOCKED_S: Final = 0.5


@attrs.frozen
class FrozenBeat:
    """The ping frames of a connection as a value, for the process that goes on with it.

    ``sent`` are the payloads that await their pongs, with how long ago each was sent.
    """

    due_in_s: float
    sent: Sequence[tuple[bytes, float]]
    latency: Latency
    recent_s: Sequence[float]


class Beat:
    """The ping frames of one connection.

    ``newest_seq`` returns the seq of the newest command of the peer; ``on_answer`` gets the latency
    after each pong, ``on_silence`` is called once.
    """

    __slots__ = (
        "_estimator",
        "_heartbeat",
        "_newest_seq",
        "_on_answer",
        "_poller",
        "_sent",
        "_seq_at_ping",
        "due_s",
        "link",
        "on_silence",
        "removed",
    )

    def __init__(
        self,
        link: Link,
        heartbeat: Heartbeat,
        poller: Poller | None,
        newest_seq: Callable[[], int],
        on_answer: Callable[[Latency], None],
        on_silence: Callable[[], None],
    ) -> None:
        self.link = link
        self._heartbeat = heartbeat
        self._newest_seq = newest_seq
        self._seq_at_ping = 0
        self.on_silence = on_silence
        self.due_s = 0.0
        self.removed = False
        self._poller = poller
        self._on_answer = on_answer
        self._estimator = LatencyEstimator()
        #: Payload → when it was sent, oldest first; those that await their pong.
        self._sent: dict[bytes, float] = {}

    def freeze(self, now_s: float) -> FrozenBeat:
        """Return it as a value."""
        return FrozenBeat(
            self.due_s - now_s,
            [(payload, now_s - sent_s) for payload, sent_s in self._sent.items()],
            self._estimator.latency,
            self._estimator.recent_s,
        )

    def go_on(self, frozen: FrozenBeat, began_s: float) -> None:
        """Continue what another process froze at ``began_s``."""
        self.due_s = began_s + frozen.due_in_s
        self._sent = {payload: began_s - ago_s for payload, ago_s in frozen.sent}
        self._estimator.go_on(frozen.latency, frozen.recent_s)
        self._seq_at_ping = self._newest_seq()

    def watch(self) -> None:
        """Have the poller watch the link if a pong is awaited; the link must be polled."""
        if self._sent and self._poller is not None:
            self._poller.watch(self.link)

    @property
    def unanswered(self) -> int:
        """How many pings in a row have not been answered yet."""
        return len(self._sent)

    def release(self) -> None:
        """Drop all references: the beat stays in its queue until due, its session should not."""
        self.removed = True
        del self.link, self.on_silence, self._newest_seq, self._on_answer

    def is_idle(self) -> bool:
        """Whether its latency is known and no command has come since the previous call."""
        before, self._seq_at_ping = self._seq_at_ping, self._newest_seq()
        return (
            before == self._seq_at_ping
            and not self._sent
            and self._estimator.latency.count >= KNOWN_PONGS
        )

    def ping(self) -> None:
        """Send a ping now.

        If the link is not clear, the peer does not read; the ping then counts without being sent.
        """
        # Not to be guessed: a pong sent in advance would make a player look nearer.
        payload = secrets.token_bytes(PAYLOAD_BYTES)
        self._sent[payload] = trio.current_time()
        if self.link.clear and self.link.post(ping_frame(payload)) and self._poller is not None:
            self._poller.watch(self.link)

    def pong(self, payload: bytes) -> None:
        """Take the payload of a pong frame; a pong that answers no ping is ignored.

        A peer may answer only the newest of several pings (RFC 6455, 5.5.3), so a pong settles the
        older ones too.
        """
        sent_s = self._sent.get(payload)
        if sent_s is None:
            return
        for older in list(self._sent):
            del self._sent[older]
            if older == payload:
                break
        if not self._sent and self._poller is not None:
            self._poller.unwatch(self.link)
        now_s = trio.current_time()
        if sent_s >= self._heartbeat.blocked_until_s(now_s):
            self._on_answer(self._estimator.sample(now_s - sent_s))


_due_s: Final = attrgetter("due_s")


class Heartbeat:
    """The pings of all connections: every ``interval_s``, less often while a peer is idle."""

    def __init__(self, interval_s: float, poller: Poller | None) -> None:
        self._interval_s = interval_s
        self._poller = poller
        #: In the order in which pings are due: all beats in one queue wait equally long, so it
        #: stays sorted.  The last ping of an idle beat was answered.
        self._active: deque[Beat] = deque()
        self._idle: deque[Beat] = deque()
        self._some = trio.Event()
        #: When ``run`` last looked, and when it last found that the server had been blocked.
        self._looked_s = math.inf
        self._blocked_until_s = -math.inf

    def blocked_until_s(self, now_s: float) -> float:
        """Return until when the server was last blocked; that may be ``now_s``."""
        return now_s if now_s - self._looked_s > BLOCKED_S else self._blocked_until_s

    def add(
        self,
        link: Link,
        newest_seq: Callable[[], int],
        on_answer: Callable[[Latency], None],
        on_silence: Callable[[], None],
    ) -> Beat:
        """Ping this connection from now on; the first ping is due at once."""
        beat = Beat(link, self, self._poller, newest_seq, on_answer, on_silence)
        beat.due_s = trio.current_time()
        self._active.appendleft(beat)
        self._some.set()
        return beat

    def go_on(self, beat: Beat, frozen: FrozenBeat, began_s: float) -> None:
        """Go on with the pings of a connection, just added, that another process froze.

        That was at ``began_s``.
        """
        self._active.remove(beat)
        beat.go_on(frozen, began_s)
        insort(self._active, beat, key=_due_s)

    def note_blocked(self) -> None:
        """Note that no pong could be read until now: round trips until now tell no latency."""
        self._blocked_until_s = trio.current_time()

    def remove(self, beat: Beat) -> None:
        """Ping this connection no more."""
        beat.release()

    async def run(self) -> None:
        """Send the pings that are due, for ever."""
        while True:
            if not (self._active or self._idle):
                self._some = trio.Event()
                self._looked_s = math.inf
                await self._some.wait()
            now_s = trio.current_time()
            self._excuse(now_s)
            self._looked_s = now_s
            self._ping_due(now_s)
            await trio.sleep(GRAIN_S)

    def _excuse(self, now_s: float) -> None:
        """If the server was blocked, make all pings later by that time."""
        if now_s - self._looked_s <= BLOCKED_S:
            return
        self._blocked_until_s = now_s
        for beat in chain(self._active, self._idle):
            beat.due_s += now_s - self._looked_s

    def _ping_due(self, now_s: float) -> None:
        for beat in islice(self._take_due(self._idle, now_s), self._most(len(self._idle))):
            self._ping(beat, now_s)
        for beat in islice(self._take_due(self._active, now_s), self._most(len(self._active))):
            if beat.unanswered >= MAX_UNANSWERED:
                self._tell_silence(beat)
            elif beat.is_idle():
                beat.due_s = now_s + self._interval_s * IDLE_INTERVALS
                self._idle.append(beat)
            else:
                self._ping(beat, now_s)

    def _most(self, beats: int) -> int:
        """Return the most pings that one look may send, where there are this many beats."""
        return max(ALWAYS_SENT, math.ceil(MOST_SHARE * beats * GRAIN_S / self._interval_s))

    def _tell_silence(self, beat: Beat) -> None:
        try:
            beat.on_silence()
        except Exception:
            log.exception("a silent connection could not be ended")

    def _take_due(self, beats: deque[Beat], now_s: float) -> Iterator[Beat]:
        while beats and beats[0].due_s <= now_s:
            beat = beats.popleft()
            if not beat.removed:
                yield beat

    def _ping(self, beat: Beat, now_s: float) -> None:
        beat.ping()
        beat.due_s = now_s + self._interval_s
        self._active.append(beat)
