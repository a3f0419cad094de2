"""The counters of a server, and their form for Prometheus.

Owns the counters that sessions and rooms fill in, their totals, and the text of ``/metrics``.
The text is made on request, so a tick only adds to integers.  Never reads rooms or sockets: the
runtime passes plain figures.  Two sources are read here: Python's allocator, for its memory
blocks, and the system (memory, CPU and open files; on Linux), through prometheus-client.

Labels are room kinds and close codes, never names that a client chose: their number has no bound.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, Final, TypeVar

import attrs
from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4


@attrs.define
class Counters:
    """The counts of all game sessions of a server.

    ``refusals`` counts the sessions that never joined and ``endings`` those that did, by the close
    code that the server sent.  Of the codes that peers send, only 1000 and 1006 are told apart.
    """

    joins: int = 0
    messages: int = 0
    resyncs: int = 0
    refusals: Counter[int] = attrs.field(factory=Counter)
    endings: Counter[int] = attrs.field(factory=Counter)
    #: Connections that another node of the host goes on with.
    passed_on: int = 0
    #: Texts of players that no room has heard, because the player is muted.
    texts_muted: int = 0
    #: Reports of players about players.
    reports: int = 0
    #: Actions of operators by name, and those that were refused or have failed.
    admin_actions: Counter[str] = attrs.field(factory=Counter)
    admin_failures: Counter[str] = attrs.field(factory=Counter)
    #: Admin tokens that were refused.
    admin_refusals: int = 0


@attrs.frozen
class Tally:
    """The counts of one connection, or the sum of many."""

    bytes_in: int = 0
    bytes_out: int = 0
    posts_refused: int = 0
    commands_dropped: int = 0
    commands_duplicate: int = 0
    commands_late: int = 0
    commands_early: int = 0
    idle_ticks: int = 0
    rewinds_disputed: int = 0
    rewinds_clamped: int = 0
    deltas_skipped: int = 0
    events_dropped: int = 0
    notices_dropped: int = 0


@attrs.frozen
class RoomTally:
    """The counts of one room, or the sum of many."""

    ticks: int = 0
    ticks_dropped: int = 0
    catch_ups: int = 0
    deltas: int = 0
    delta_bytes: int = 0
    catch_up_deltas: int = 0
    texts_dropped: int = 0
    hook_failures: int = 0
    overload_ups: int = 0
    overload_downs: int = 0
    blocks: int = 0
    journal_bytes: int = 0
    journal_lost: int = 0
    journals_stopped: int = 0
    sees_asked: int = 0
    sees_seconds: float = 0.0


@attrs.frozen
class KindFigures:
    """The present figures of all rooms of one kind, and the counts of all its rooms so far.

    ``work_s`` and ``lateness_s`` hold the values of the worst room by quantile (0.5, 0.99, 1).
    So does each of ``stages_s``, the latency budget of inputs by the name of the stage
    (``STAGES``).  ``rtt_s`` holds the round trips of players by quantile.
    """

    rooms: int
    players: int
    total: RoomTally
    work_s: Mapping[float, float]
    lateness_s: Mapping[float, float]
    stages_s: Mapping[str, Mapping[float, float]] = attrs.field(factory=dict)
    #: The level and the pace of the room that is highest on the overload ladder.
    overload_level: int = 0
    pace: float = 1.0
    rtt_s: Mapping[float, float] = attrs.field(factory=dict)
    #: Players whose links do not take what their rooms send.
    behind: int = 0


#: The stages of an input, in order.  A stage that ends in ``_estimate`` is half of the round trip
#: that ping frames measured.  ``send`` lasts from the end of the simulation until the delta was
#: written.
STAGES: Final = ("up_estimate", "wait", "simulate", "send", "down_estimate")


@attrs.frozen
class LoopFigures:
    """Figures of the scheduler since the start, and of the overload ladder of the whole server.

    A round ticks the rooms that are due; ``busy_s`` is the total duration of all rounds.
    ``rooms_demanded`` are the rooms that climbed their ladders because of the others.
    ``computed`` and ``waited`` are the shares of the last second in which the server computed, and
    in which it waited for a core.
    """

    rounds: int = 0
    busy_s: float = 0.0
    late_ticks: int = 0
    overload_steps: int = 0
    no_new_rooms: bool = False
    rooms_demanded: int = 0
    slow_ticks: int = 0
    computed: float = 0.0
    waited: float = 0.0


@attrs.frozen
class StorageFigures:
    """Figures of writes that do not wait: ``settled`` counts submissions by outcome."""

    waiting: int
    retries: int
    settled: Mapping[str, int]


@attrs.frozen
class ServerFigures:
    """All figures of ``/metrics``.

    ``connections`` is the number of open connections; ``acceptor`` holds the counts of the acceptor
    since the start.  ``tasks`` is the number of Trio tasks in the process.
    ``full_collections`` counts the garbage collections that stopped the server while people
    played; ``full_collections_s`` is their total duration.
    ``held`` is the number of seats held for dropped players; ``holds_refused`` counts the seats
    that were not held because one address had too many; ``resumptions`` counts the presented
    resume tokens by outcome.
    ``turned_away`` counts refused connections, requests and joins by reason; ``tokens_refused``
    counts refused tokens by fault.
    ``storage`` is None where nothing is kept.  ``penalties`` counts the bans and mutes in force.
    """

    connections: int
    tasks: int
    full_collections: int
    full_collections_s: float
    loop: LoopFigures
    acceptor: Mapping[str, int]
    turned_away: Mapping[str, int]
    malformed_forwards: int
    tokens_refused: Mapping[str, int]
    held: int
    holds_refused: int
    resumptions: Mapping[str, int]
    sessions: Tally
    counters: Counters
    storage: StorageFigures | None
    kinds: Mapping[str, KindFigures]
    penalties: Mapping[str, int] = attrs.field(factory=dict)


def exposition(figures: ServerFigures) -> bytes:
    """Return ``figures`` in the text format of Prometheus."""
    return generate_latest(_registry_of(figures))


def families_of(figures: ServerFigures) -> list[Metric]:
    """Return ``figures`` as families of samples, those of the process among them."""
    return list(_registry_of(figures).collect())


def _registry_of(figures: ServerFigures) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Once(figures))
    ProcessCollector(registry=registry)
    return registry


@attrs.frozen
class MetricDescription:
    """One metric of the reference page."""

    name: str
    #: ``gauge`` or ``counter``.
    type: str
    labels: tuple[str, ...]
    what: str


def describe_metrics() -> list[MetricDescription]:
    """Return all metrics of the game server itself; those of the process are not among them."""
    return [_described(family) for family in _Once(_ONE_OF_EACH).collect()]


def _described(family: Metric) -> MetricDescription:
    sample = family.samples[0]
    return MetricDescription(sample.name, family.type, tuple(sample.labels), family.documentation)


class _Once(Collector):
    """Passes one set of figures to prometheus-client."""

    def __init__(self, figures: ServerFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self._figures
        yield _gauge("connections", "Connections open now", figures.connections)
        yield _gauge("tasks", "Trio tasks that exist now", figures.tasks)
        yield _gauge(
            "python_blocks",
            "Memory blocks in use by Python's allocator, of any size",
            sys.getallocatedblocks(),
        )
        yield _count(
            "full_collections",
            "Full garbage collections while people played",
            figures.full_collections,
        )
        yield _count(
            "full_collection_seconds",
            "Total duration of full garbage collections while people played",
            figures.full_collections_s,
        )
        yield from _loop(figures.loop)
        for name, what in ACCEPTOR_COUNTS.items():
            yield _count(f"acceptor_{name}", what, figures.acceptor[name])
        yield _by_label(
            "turned_away",
            "Connections, requests and joins that were refused",
            "reason",
            figures.turned_away,
        )
        yield _count(
            "malformed_forwards",
            "Requests of listed proxies whose X-Forwarded-For held no address",
            figures.malformed_forwards,
        )
        yield _by_label(
            "tokens_refused", "Tokens that were refused", "fault", figures.tokens_refused
        )
        yield _gauge("held_seats", "Seats held for players who were dropped", figures.held)
        yield _count(
            "holds_refused",
            "Seats not held because one address had too many held seats",
            figures.holds_refused,
        )
        yield _by_label("resumptions", "Resume tokens presented", "outcome", figures.resumptions)
        for name, what in _TALLY.items():
            yield _count(name, what, getattr(figures.sessions, name))
        yield from _counters(figures.counters)
        penalties = _gauge("penalties", "Bans and mutes in force", labels=["penalty"])
        for name, count in sorted(figures.penalties.items()):
            penalties.add_metric([name], count)
        yield penalties
        if figures.storage is not None:
            yield from _storage(figures.storage)
        yield from _by_kind(figures.kinds)


def _loop(figures: LoopFigures) -> Iterator[Metric]:
    yield _count(
        "tick_rounds", "Rounds of ticks; each ticks all rooms that are due", figures.rounds
    )
    yield _count(
        "tick_round_seconds",
        "Total duration of rounds: links read, rooms simulated and published",
        figures.busy_s,
    )
    yield _count("late_ticks", "Ticks of any room that began a whole tick late", figures.late_ticks)
    yield _count(
        "server_overload_steps",
        "Times that the whole server gave something up",
        figures.overload_steps,
    )
    yield _gauge(
        "server_makes_no_rooms",
        "1 while no room is made because the whole server is overloaded",
        int(figures.no_new_rooms),
    )
    yield _gauge(
        "server_overload_rooms",
        "Rooms that gave something up because the whole server is overloaded",
        figures.rooms_demanded,
    )
    yield _count(
        "slow_ticks",
        "Ticks of any room that took longer than the time between two",
        figures.slow_ticks,
    )
    yield _gauge(
        "computed_ratio", "Share of the last second in which the server computed", figures.computed
    )
    yield _gauge(
        "waited_for_core_ratio",
        "Share of the last second in which the server waited for a core",
        figures.waited,
    )


#: Counter of the acceptors' statistics → its description.
ACCEPTOR_COUNTS: Final = {
    "accepted": "Connections accepted",
    "requests": "Request heads read, upgrades included",
    "websockets": "WebSocket sessions begun",
    "refused": "Connections refused as soon as they were accepted",
    "rejected": "Requests answered with a status of 400 or more",
    "failed": "Connections that ended because of the peer or the network",
    "crashed": "Connections and routes that ended by an error of the server; each is in the log",
    "accept_errors": "Connections that the system could not hand over",
    "idle_floods": "Connections ended for too many TLS records without data",
}
_TALLY: Final = {
    "bytes_in": "Bytes received on game connections",
    "bytes_out": "Bytes sent on game connections",
    "posts_refused": "Frames that a link did not take at once",
    "commands_dropped": "Commands that were accepted but never applied",
    "commands_duplicate": "Commands refused because their seq or their tick had come before",
    "commands_late": "Inputs that came after their tick",
    "commands_early": "Inputs refused because their tick was too far ahead",
    "idle_ticks": "Ticks of players without an input",
    "rewinds_disputed": "Claims of what a screen showed that the measured latency refuted",
    "rewinds_clamped": "Hit tests that would have looked further back than allowed",
    "deltas_skipped": "Deltas left out because a link was behind",
    "events_dropped": "Events dropped because a link was behind for too long",
    "notices_dropped": "Texts and answers dropped because a link was behind for too long",
}
_ROOM_TALLY: Final = {
    "ticks": "Ticks run",
    "ticks_dropped": "Ticks that never ran because the room was too late",
    "catch_ups": "Ticks that ran at least a whole tick late",
    "deltas": "Deltas sent",
    "delta_bytes": "Bytes of deltas sent",
    "catch_up_deltas": "Deltas of the catch-up path, computed from what a seat knows",
    "texts_dropped": "Texts dropped because too many waited for a tick",
    "hook_failures": "Hooks of the game that raised",
    "overload_ups": "Steps up on the overload ladder",
    "overload_downs": "Steps down on the overload ladder",
    "blocks": "Hooks of the game that blocked the whole server",
    "journal_bytes": "Bytes of journals written",
    "journal_lost": "Entries and key frames that are in no journal because it had stopped",
    "journals_stopped": "Journals that ended before their rooms",
    "sees_asked": "Calls of Room.sees",
    "sees_seconds": "Seconds that calls of Room.sees took",
}


def _counters(counters: Counters) -> Iterator[Metric]:
    yield _count("joins", "Players who joined", counters.joins)
    yield _count("messages", "Messages received in game sessions", counters.messages)
    yield _count("resyncs", "Full states asked for by clients", counters.resyncs)
    yield _count(
        "passed_on", "Connections passed on to another node of the host", counters.passed_on
    )
    yield _by_label(
        "refusals", "Sessions that ended before they joined", "code", _codes(counters.refusals)
    )
    yield _by_label(
        "endings", "Sessions that ended after they joined", "code", _codes(counters.endings)
    )
    yield _count(
        "texts_muted", "Texts that no room has heard, of muted players", counters.texts_muted
    )
    yield _count("reports", "Reports of players about players", counters.reports)
    yield _by_label("admin_actions", "Actions of operators", "action", counters.admin_actions)
    yield _by_label(
        "admin_failures",
        "Actions of operators that were refused or have failed",
        "action",
        counters.admin_failures,
    )
    yield _count("admin_refusals", "Admin tokens that were refused", counters.admin_refusals)


def _storage(storage: StorageFigures) -> Iterator[Metric]:
    yield _gauge("storage_waiting", "Submissions to the storage not yet written", storage.waiting)
    yield _count(
        "storage_retries", "Tries to write while the storage did not answer", storage.retries
    )
    yield _by_label("storage_submissions", "Submissions to the storage", "outcome", storage.settled)


def _by_kind(kinds: Mapping[str, KindFigures]) -> Iterator[Metric]:
    rooms = _gauge("rooms", "Rooms open now")
    players = _gauge("players", "Players in rooms now")
    work = _gauge("tick_work_seconds", "Duration of a tick, of the worst room", labels=_QUANTILE)
    lateness = _gauge(
        "tick_lateness_seconds", "How late a tick begins, of the worst room", labels=_QUANTILE
    )
    stages = _gauge(
        "input_stage_seconds",
        "Latency budget of inputs, of the worst room; up and down are estimates",
        labels=["kind", "stage", "quantile"],
    )
    level = _gauge("overload_level", "Level on the overload ladder, of the worst room")
    pace = _gauge("pace", "Game time as a share of real time, of the slowest room")
    rtt = _gauge("rtt_seconds", "Round trips of players, by ping frames", labels=_QUANTILE)
    behind = _gauge("players_behind", "Players whose links are behind")
    totals = {name: _count(name, what, labels=["kind"]) for name, what in _ROOM_TALLY.items()}
    for kind, figures in kinds.items():
        rooms.add_metric([kind], figures.rooms)
        players.add_metric([kind], figures.players)
        level.add_metric([kind], figures.overload_level)
        pace.add_metric([kind], figures.pace)
        behind.add_metric([kind], figures.behind)
        for quantile, seconds in figures.rtt_s.items():
            rtt.add_metric([kind, f"{quantile:g}"], seconds)
        for quantile, seconds in figures.work_s.items():
            work.add_metric([kind, f"{quantile:g}"], seconds)
        for quantile, seconds in figures.lateness_s.items():
            lateness.add_metric([kind, f"{quantile:g}"], seconds)
        for stage in STAGES:
            for quantile, seconds in figures.stages_s.get(stage, {}).items():
                stages.add_metric([kind, stage, f"{quantile:g}"], seconds)
        for name, family in totals.items():
            family.add_metric([kind], getattr(figures.total, name))
    yield from (rooms, players, work, lateness, stages, level, pace, rtt, behind, *totals.values())


_QUANTILE: Final = ["kind", "quantile"]


def _gauge(
    name: str, what: str, value: float | None = None, *, labels: list[str] | None = None
) -> GaugeMetricFamily:
    if value is None:
        return GaugeMetricFamily(f"gameserver_{name}", what, labels=labels or ["kind"])
    return GaugeMetricFamily(f"gameserver_{name}", what, value=value)


def _count(
    name: str, what: str, value: float | None = None, *, labels: list[str] | None = None
) -> CounterMetricFamily:
    return CounterMetricFamily(f"gameserver_{name}", what, value=value, labels=labels)


def _by_label(name: str, what: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = _count(name, what, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def _codes(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(int(code)): count for code, count in counts.items()}


#: Class → a function that returns the values of its fields; ``attrs.astuple`` is far slower.
_VALUES: Final[Mapping[type, Callable[[Any], tuple[int, ...]]]] = {
    cls: attrgetter(*attrs.fields_dict(cls)) for cls in (Tally, RoomTally)
}
_Sums = TypeVar("_Sums", Tally, RoomTally)


def total(start: _Sums, parts: Iterable[_Sums]) -> _Sums:
    """Return ``start`` and all ``parts`` added up, field by field."""
    values = _VALUES[type(start)]
    columns = zip(values(start), *map(values, parts), strict=True)
    return type(start)(*map(sum, columns))


def less(whole: Tally, part: Tally) -> Tally:
    """Return ``whole`` without ``part``, field by field."""
    values = _VALUES[Tally]
    pairs = zip(values(whole), values(part), strict=True)
    return Tally(*[a - b for a, b in pairs])


#: Figures in which every metric has a sample, from which its name and its labels can be read.
_ONE_OF_EACH: Final = ServerFigures(
    connections=0,
    tasks=0,
    full_collections=0,
    full_collections_s=0.0,
    loop=LoopFigures(),
    acceptor=dict.fromkeys(ACCEPTOR_COUNTS, 0),
    turned_away={"": 0},
    malformed_forwards=0,
    tokens_refused={"": 0},
    held=0,
    holds_refused=0,
    resumptions={"": 0},
    sessions=Tally(),
    counters=Counters(
        refusals=Counter({0: 0}),
        endings=Counter({0: 0}),
        admin_actions=Counter({"": 0}),
        admin_failures=Counter({"": 0}),
    ),
    storage=StorageFigures(waiting=0, retries=0, settled={"": 0}),
    kinds={
        "": KindFigures(
            rooms=0,
            players=0,
            total=RoomTally(),
            work_s={0.5: 0.0},
            lateness_s={0.5: 0.0},
            stages_s={STAGES[0]: {0.5: 0.0}},
            rtt_s={0.5: 0.0},
        )
    },
    penalties={"": 0},
)
