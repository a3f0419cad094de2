"""Results as Markdown, ready for README.  Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.fit import Line
from benchmarks.records import HELD_SHARE, Largest, Record, grouped, median_of
from benchmarks.studies.rooms import Stage

FLOOR = "floor"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and all others are figures."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figure(value: float, digits: int = 1) -> str:
    return "–" if math.isnan(value) or math.isinf(value) else f"{value:.{digits}f}"


def comparison(records: Sequence[Record], world: str) -> str:
    """Return CPU per delta by server and players, with its ratio to the floor.

    Of a server that did not hold the rate, what it fell to is told instead, and of one that held it
    only unevenly, how uneven it was.
    """
    groups = {
        (server, players): repeats
        for (of, server, players), repeats in grouped(records).items()
        if of == world
    }
    counts = sorted({players for _, players in groups})
    servers = list(dict.fromkeys(server for server, _ in groups))
    servers.sort(key=lambda server: _order(groups, server, counts))
    rows = [
        [server, *(_comparison_cell(groups, server, count) for count in counts)]
        for server in servers
    ]
    return markdown([world, *(f"{count} players" for count in counts)], rows)


def _order(
    groups: Mapping[tuple[str, int], Sequence[Record]], server: str, counts: Sequence[int]
) -> tuple[int, float]:
    """Return a sort key: the floor comes first, then the cost with the most players counts."""
    if server == FLOOR:
        return (-len(counts) - 1, 0.0)
    measured = [count for count in counts if (server, count) in groups]
    records = groups[server, measured[-1]]
    return (-len(measured), median_of(records, lambda r: r.cpu_per_delta_us))


def _comparison_cell(
    groups: Mapping[tuple[str, int], Sequence[Record]], server: str, count: int
) -> str:
    repeats = groups.get((server, count))
    if repeats is None or not any(record.valid for record in repeats):
        return "–"
    cost_us = median_of(repeats, lambda r: r.cpu_per_delta_us)
    if median_of(repeats, lambda r: r.hz) < HELD_SHARE * repeats[0].tick_rate:
        return f"falls to {median_of(repeats, lambda r: r.hz):.1f} Hz"
    cell = f"{cost_us:.1f} µs"
    floor_us = median_of(groups.get((FLOOR, count), ()), lambda r: r.cpu_per_delta_us)
    if server != FLOOR and not math.isnan(floor_us):
        cell += f" ({cost_us / floor_us:.2f} ×)"
    if not held(repeats):
        cell += f", p99 {median_of(repeats, lambda r: r.interval_p99_ms):.0f} ms"
    return cell


def held(repeats: Sequence[Record]) -> bool:
    """Whether at least half of the valid repeats held the rate."""
    valid = [record.held for record in repeats if record.valid]
    return 2 * sum(valid) >= len(valid) > 0


def details(records: Sequence[Record]) -> str:
    """Return everything that a measurement says, medians of the repeats, one row per setting."""
    header = ["world, server", "players", "repeats", "µs/delta", "core", "Hz", "p50 ms", "p99 ms"]
    header += ["p99.9 ms", "B/delta", "MB", "load core", "stolen", "refused"]
    rows = []
    for (world, server, players), repeats in grouped(records).items():
        refused = sum(not record.valid for record in repeats)
        rows.append(
            [
                f"{world}, {server}",
                str(players),
                str(len(repeats)),
                _figure(median_of(repeats, lambda r: r.cpu_per_delta_us)),
                f"{_figure(median_of(repeats, lambda r: r.cpu_share) * 100, 1)} %",
                _figure(median_of(repeats, lambda r: r.hz), 2),
                _figure(median_of(repeats, lambda r: r.interval_p50_ms)),
                _figure(median_of(repeats, lambda r: r.interval_p99_ms)),
                _figure(median_of(repeats, lambda r: r.interval_p999_ms)),
                _figure(median_of(repeats, lambda r: r.bytes_per_delta), 0),
                _figure(median_of(repeats, lambda r: r.rss_bytes / 1e6), 0),
                f"{_figure(median_of(repeats, lambda r: r.load_cpu_share) * 100, 0)} %",
                f"{_figure(median_of(repeats, lambda r: r.stolen) * 100, 0)} %",
                str(refused) if refused else "",
            ]
        )
    return markdown(header, rows)


def capacity(found: Mapping[str, Sequence[Largest]]) -> str:
    """Return the median of the largest numbers of players by server, and its share of the floor's.

    ``≥``: in most searches the server might have held more.
    """
    medians = {
        server: round(statistics.median(one.players for one in largest))
        for server, largest in found.items()
    }
    floor = medians.get(FLOOR, 0)
    rows = []
    for server, players in sorted(medians.items(), key=lambda item: -item[1]):
        open_ended = 2 * sum(one.at_least for one in found[server]) > len(found[server])
        share = f"{players / floor:.0%}" if floor else "–"
        rows.append([server, f"≥ {players}" if open_ended else str(players), share])
    return markdown(["server", "players held at 20 Hz", "of the floor's"], rows)


def by_more(records: Sequence[Record], names: Sequence[str]) -> str:
    """Return medians of figures in ``more``, one row per world, rate and other setting."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        settings = [str(record.more[k]) for k in ("collecting", "scheme") if k in record.more]
        key = (f"{record.world} {record.players}", f"{record.tick_rate} Hz", *settings)
        groups.setdefault(key, []).append(record)
    rows = [
        [
            ", ".join(key),
            *(_figure(median_of(repeats, _more(name)), 2) for name in names),
            _figure(median_of(repeats, lambda r: r.cpu_share) * 100, 1) + " %",
            _figure(median_of(repeats, lambda r: r.cpu_per_delta_us)),
            _figure(median_of(repeats, lambda r: r.stolen) * 100, 0) + " %",
        ]
        for key, repeats in groups.items()
    ]
    titles = [name.replace("_", " ") for name in names]
    return markdown(["setting", *titles, "core", "µs/delta", "stolen"], rows)


def _more(name: str) -> Callable[[Record], float]:
    return lambda record: float(record.more[name])


def memory(records: Sequence[Record]) -> str:
    """Return resident memory per player."""
    rows = [
        [
            str(players),
            _figure(median_of(repeats, lambda r: r.rss_empty_bytes / 1e6)),
            _figure(median_of(repeats, lambda r: r.rss_bytes / 1e6)),
            _figure(median_of(repeats, lambda r: r.rss_per_player_bytes / 1024)),
        ]
        for (_, _, players), repeats in grouped(records).items()
    ]
    return markdown(["players", "MB empty", "MB", "KiB per player"], rows)


def rooms(stages: Sequence[Stage]) -> str:
    """Return what was in use after so many rooms had come and gone."""
    header = ["rooms gone", "rooms/s", "objects", "memory blocks", "MB"]
    rows = [
        [
            str(stage.rooms),
            _figure(stage.rooms_per_s, 0),
            str(stage.objects),
            str(stage.blocks),
            _figure(stage.rss_bytes / 1e6),
        ]
        for stage in stages
    ]
    return markdown(header, rows)


def line(what: str, found: Line | None) -> str:
    """Return a fitted line in words."""
    if found is None:
        return f"{what}: too few of these got everything for a line"
    return (
        f"{what}: {found.slope * 1000:.2f} µs each a tick, {found.intercept:.2f} ms besides "
        f"(R² {found.r2:.3f})"
    )
