"""``python -m benchmarks``: one subcommand per question; see README.md in this folder."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Sequence
from typing import Annotated

import attrs
import trio
from cyclopts import App, Parameter
from rich.console import Console

from benchmarks import plots, records, tables
from benchmarks.hostile import results as hostile_results
from benchmarks.hostile.attacks import ATTACKS
from benchmarks.machine import ROOT, BenchmarkError, stay_off_the_server
from benchmarks.netcode import results as netcode_results
from benchmarks.soak import results as soak_results
from benchmarks.stalls import results as stalls_results
from benchmarks.studies import bots as bots_study
from benchmarks.studies import capacity as capacity_study
from benchmarks.studies import cluster as cluster_study
from benchmarks.studies import collections as collections_study
from benchmarks.studies import compare as compare_study
from benchmarks.studies import growth as growth_study
from benchmarks.studies import hostile as hostile_study
from benchmarks.studies import isolation as isolation_study
from benchmarks.studies import joins as joins_study
from benchmarks.studies import kills as kills_study
from benchmarks.studies import micro as micro_study
from benchmarks.studies import monitor as monitor_study
from benchmarks.studies import netcode as netcode_study
from benchmarks.studies import node_kills as node_kills_study
from benchmarks.studies import nodes as nodes_study
from benchmarks.studies import queue as queue_study
from benchmarks.studies import rooms as rooms_study
from benchmarks.studies import single as single_study
from benchmarks.studies import soak as soak_study
from benchmarks.studies import stalls as stalls_study
from benchmarks.studies import storage as storage_study
from benchmarks.studies import storage_room as storage_room_study
from benchmarks.studies import tcploss as tcploss_study
from benchmarks.studies import ticks as ticks_study
from benchmarks.studies import upgrades as upgrades_study
from benchmarks.studies.session import Session
from benchmarks.tcploss import results as tcploss_results
from clients.lab.profiles import PROFILES

app = App(name="benchmarks", help="Measures the server beside its peers.", version_flags=[])

Players = Annotated[tuple[int, ...], Parameter(help="Numbers of players.", consume_multiple=True)]
Servers = Annotated[
    tuple[str, ...], Parameter(help="Which servers; all if not given.", consume_multiple=True)
]
#: Of a kind that should not be there at all; the others are in the file of results.
MOST_LINES = 20
DEFAULT_OUTPUT = ROOT / "benchmarks" / "results.jsonl"


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Common:
    """The flags of every measurement."""

    output: Annotated[pathlib.Path, Parameter(help="File that results are appended to.")] = (
        DEFAULT_OUTPUT
    )
    repeats: Annotated[int, Parameter(help="Rounds; figures are medians.")] = 3
    warmup: Annotated[float, Parameter(help="Seconds between joining and counting.")] = 2.0
    window: Annotated[float, Parameter(help="Seconds of counting.")] = 5.0

    def session(self) -> Session:
        """Return a session with these settings."""
        session = Session(self.output, self.repeats, self.warmup, self.window)
        stay_off_the_server(session.driver.cores)
        return session


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class FromTheLastJoin(Common):
    """Flags of studies that count from the last join on, so work put off until then counts too."""

    warmup: Annotated[float, Parameter(help="Seconds between joining and counting.")] = 0.0
    window: Annotated[float, Parameter(help="Seconds of counting.")] = 8.0


@app.command
def compare(
    *,
    worlds: Annotated[
        tuple[str, ...],
        Parameter(help="bigworld, broadcast, matches, duels, churn", consume_multiple=True),
    ] = ("bigworld", "broadcast"),
    players: Players = (
        500,
        1000,
        2000,
    ),
    broadcast_players: Players = (
        50,
        200,
        500,
    ),
    servers: Servers = (),
    plot: Annotated[
        pathlib.Path | None, Parameter(help="Folder for SVG plots; needs matplotlib.")
    ] = None,
    common: FromTheLastJoin = FromTheLastJoin(),
) -> None:
    """Every server on the same worlds, interleaved: the main table."""
    for world in worlds:
        compare_study.having(world, servers)  # before hours of measuring, not after
    session = common.session()
    found = []
    for world in worlds:
        counts = broadcast_players if world == "broadcast" else players
        found += compare_study.run(session, world, counts, servers)
    session.say("\n" + tables.details(found))
    for world in worlds:
        session.say("\n" + tables.comparison(found, world))
    if plot is not None:
        _plot_all(found, worlds, plot)
    session.close()


@app.command
def capacity(
    *,
    world: str = "bigworld",
    servers: Servers = (),
    limit: Annotated[int, Parameter(help="Most players to try.")] = 8000,
    delta_bytes: Annotated[int, Parameter(help="What the floor writes.")] = 100,
    common: FromTheLastJoin = FromTheLastJoin(),
) -> None:
    """Search the largest number of players that each server holds."""
    session = common.session()
    found = capacity_study.run(session, world, servers, limit, delta_bytes)
    session.say("\n" + tables.capacity(found))
    session.close()


@app.command
def growth(
    *,
    players: Players = (
        100,
        250,
        500,
        1000,
        1500,
        2000,
    ),
    entities: Annotated[
        tuple[int, ...], Parameter(help="Movers besides the players'.", consume_multiple=True)
    ] = (0, 500, 1000, 2000, 4000),
    entities_players: Annotated[int, Parameter(help="Players beside those entities.")] = 200,
    common: Common = Common(),
) -> None:
    """Fit CPU against players, and against entities in the room."""
    session = common.session()
    by_players = growth_study.run_players(session, players)
    by_entities = growth_study.run_entities(session, entities_players, entities)
    session.say("\n" + tables.details(by_players))
    session.say("\n" + tables.line("players", growth_study.fit_players(by_players)))
    session.say(tables.line("entities", growth_study.fit_entities(by_entities)))
    session.close()


@app.command
def ticks(
    *,
    world: Annotated[str, Parameter(help="bigworld, broadcast, matches or duels")] = "bigworld",
    players: Annotated[int, Parameter(help="How many play.")] = 800,
    rates: Annotated[
        tuple[int, ...], Parameter(help="Ticks per second.", consume_multiple=True)
    ] = (20, 30, 60),
    common: Common = Common(),
) -> None:
    """Lateness and work of ticks, with garbage collection as it is and frozen."""
    session = common.session()
    session.say(
        "\n" + tables.by_more(ticks_study.run(session, world, players, rates), _TICK_FIGURES)
    )
    session.close()


@app.command
def arena(
    *,
    players: Annotated[int, Parameter(help="How many fly in one room.")] = 500,
    rooms: Annotated[int, Parameter(help="Instead: so many rooms, eight in each.")] = 0,
    common: Common = Common(),
) -> None:
    """The arena's own rules, everyone sending recorded controls at every tick."""
    session = common.session()
    found = ticks_study.run_arena(session, players, rooms)
    session.say("\n" + tables.by_more(found, _TICK_FIGURES))
    session.close()


_TICK_FIGURES = [f"{w}_{q}_ms" for w in ("lateness", "work") for q in ("p50", "p99", "max")] + [
    "ticks_dropped",
    "rtt_p50_ms",
]


@app.command
def joins(
    *,
    playing: Annotated[int, Parameter(help="How many play meanwhile.")] = 500,
    joining: Annotated[int, Parameter(help="How many join.")] = 2000,
    at_once: Annotated[int, Parameter(help="How many at the same time.")] = 64,
    common: Common = Common(),
) -> None:
    """Joins per second to the first delta, while others play."""
    session = common.session()
    found = joins_study.run(session, playing, joining, at_once)
    figures = ["storm_joins_per_s", "not_joined", "fewest_deltas", "most_deltas"]
    session.say("\n" + tables.by_more(found, figures))
    session.say("\n" + tables.details(found))
    session.close()


@app.command
def monitor(*, players: int = 500, rounds: int = 5, common: Common = Common()) -> None:
    """CPU that the open monitor takes from a server whose room it watches."""
    session = common.session()
    found = monitor_study.run(session, players, rounds)
    figures = ["closed_share", "open_share", "monitor_share", "monitor_share_error"]
    session.say("\n" + tables.by_more(found, figures))
    session.say("\n" + tables.details(found))
    session.close()


@app.command
def memory(
    *,
    players: Players = (
        500,
        1000,
        2000,
    ),
    common: Common = Common(),
) -> None:
    """Resident memory per player."""
    session = common.session()
    session.say("\n" + tables.memory(single_study.run_memory(session, players)))
    session.close()


@app.command
def wss(
    *,
    players: Players = (500,),
    common: Common = Common(),
) -> None:
    """The big world over wss and over ws in turn."""
    session = common.session()
    session.say("\n" + tables.by_more(single_study.run_wss(session, players), []))
    session.close()


@app.command
def idle(
    *,
    players: Players = (1000,),
    rooms: Annotated[int, Parameter(help="Instead: so many rooms, two players in each.")] = 0,
    common: Common = Common(),
) -> None:
    """The cost of rooms in which nothing happens."""
    session = common.session()
    session.say("\n" + tables.details(single_study.run_idle(session, players, rooms)))
    session.close()


@app.command
def bots(
    *,
    count: Annotated[int, Parameter(help="How many play, of each kind.")] = 50,
    common: Common = Common(),
) -> None:
    """The CPU time of a bot: a plain one, and one of the arena with prediction.

    The exit code is 1 if a checksum was wrong.
    """
    session = common.session()
    found = bots_study.run(session, count)
    heads = ["bots", "CPU a second", "CPU a delta", "bots to a core", "checks", "wrong"]
    session.say("\n" + tables.markdown(heads, bots_study.rows(found)))
    _close(session, ["a checksum"] if any(cost.checksum_failures for cost in found) else [])


@app.command
def micro() -> None:
    """Parts of a tick by plain timing, and bytes per entity on the wire."""
    console = Console(highlight=False)
    rows = []
    for what, figure, unit in micro_study.run():
        console.print(f"{what}: {figure:.2f} {unit}", markup=False)
        rows.append([what, f"{figure:.2f} {unit}"])
    _print(tables.markdown(["part", "cost"], rows))


@app.command
def collections() -> None:
    """Bytes for one edit of a list, a dict or a nested value, beside Colyseus' schema."""
    rows = [[what, f"{ours}", f"{theirs}"] for what, ours, theirs in collections_study.run()]
    table = tables.markdown(["one edit", "gameserver, bytes", "Colyseus, bytes"], rows)
    _print(table)


@app.command
def rooms(
    *,
    count: Annotated[int, Parameter(help="How many come and go.")] = 50_000,
) -> None:
    """Memory that rooms leave which are made, joined, left and closed, without sockets.

    The exit code is 1 if memory grows with them.
    """
    console = Console(highlight=False)
    stages = rooms_study.come_and_go(count)
    console.print(tables.rooms(stages), markup=False, soft_wrap=True)
    if (grown := rooms_study.growth(stages)) > rooms_study.MOST_GROWTH:
        console.print(f"BROKEN: {grown} memory blocks more after the last room than at first")
        sys.exit(1)


@app.command
def netcode(
    *,
    profiles: Annotated[
        tuple[str, ...], Parameter(help="Links of the lab.", consume_multiple=True)
    ] = tuple(PROFILES),
    rtts: Annotated[
        tuple[int, ...], Parameter(help="Round trips to aim over, in ms.", consume_multiple=True)
    ] = (0, 50, 150, 300),
    window: Annotated[float, Parameter(help="Seconds of counting, in each of both parts.")] = 90.0,
    plot: Annotated[
        pathlib.Path | None, Parameter(help="Folder for an SVG plot; needs matplotlib.")
    ] = None,
    output: Annotated[pathlib.Path, Parameter(help="File that results are appended to.")] = (
        DEFAULT_OUTPUT
    ),
) -> None:
    """Play over bad links: a row per link, and hit rates per round trip."""
    session = Session(output, repeats=1, warmup_s=netcode_study.SETTLE_S, window_s=window)
    stay_off_the_server(session.driver.cores)
    links, aims = netcode_study.run(session, profiles, rtts)
    session.say("\n" + netcode_results.links_table(links))
    session.say("\n" + netcode_results.aim_table(aims))
    for short in netcode_results.falls_short(aims):
        session.say(f"FALLS SHORT: {short.rtt_ms} ms hits only {short.rate:.1%}")
    if plot is not None:
        plots.draw_hit_rates(aims, plot / "hit-rate.svg")
    session.close()


@app.command
def tcploss(
    *,
    profiles: Annotated[
        tuple[str, ...], Parameter(help="Links of the lab.", consume_multiple=True)
    ] = ("lossy-1", "lossy-3"),
    congestion: Annotated[
        tuple[str, ...], Parameter(help="The kernel's congestion control.", consume_multiple=True)
    ] = ("cubic",),
    connections: Annotated[int, Parameter(help="How many at a time.")] = 8,
    window: Annotated[float, Parameter(help="Seconds of counting, of each.")] = 60.0,
    output: Annotated[pathlib.Path, Parameter(help="File that results are appended to.")] = (
        DEFAULT_OUTPUT
    ),
) -> None:
    """How late messages come where packets are lost: the kernel's TCP beside the lab's model.

    Needs /dev/net/tun and the right to make network namespaces, and says so where that is missing.
    """
    session = Session(output, repeats=1, warmup_s=tcploss_study.SETTLE_S, window_s=window)
    found = tcploss_study.run(session, profiles, congestion, connections)
    session.say("\n" + tcploss_results.tcploss_table(found))
    session.close()


@app.command
def hostile(
    *,
    players: Annotated[int, Parameter(help="Honest ones.")] = 50,
    seconds: Annotated[float, Parameter(help="How long each attack lasts.")] = 20.0,
    attacks: Annotated[
        tuple[str, ...], Parameter(help="Which; all if not given.", consume_multiple=True)
    ] = (),
    seed: Annotated[int, Parameter(help="Of the attackers' chance.")] = 1,
    output: Annotated[pathlib.Path, Parameter(help="File that results are appended to.")] = (
        DEFAULT_OUTPUT
    ),
) -> None:
    """The effect of one attack after the other on honest players: a row per attack.

    The exit code is 1 if an honest player was dropped, a checksum wrong, a seat stolen or lost, a
    session closed with a code that its attack gives no reason for, or a crash logged.
    """
    session = Session(output, repeats=1, warmup_s=hostile_study.RECOVER_S, window_s=seconds)
    stay_off_the_server(session.driver.cores)
    found = hostile_study.run(session, players, seconds, attacks or tuple(ATTACKS), seed)
    session.say("\n" + hostile_results.hostile_table(found))
    _close(
        session,
        [
            f"{record.attack}: {', '.join(promises)}"
            for record in found
            if (promises := hostile_results.broken(record))
        ],
    )


@app.command
def kills(
    *,
    players: Annotated[int, Parameter(help="Players; a dozen of them are whole clients.")] = 100,
    times: Annotated[int, Parameter(help="How often the server is killed.")] = 30,
    seed: Annotated[int, Parameter(help="Of the moments.")] = 1,
) -> None:
    """A durable arena, killed again and again: what each crash costs."""
    crashes, checks, wrong = trio.run(kills_study.run, players, times, seed)
    _print(kills_study.table(crashes, checks, wrong))
    if wrong or any(crash.seats_lost for crash in crashes):
        raise SystemExit(1)


@app.command
def node_kills(
    *,
    players: Annotated[int, Parameter(help="Players that cost little.")] = 200,
    nodes: Annotated[int, Parameter(help="Nodes of the server.")] = 4,
    times: Annotated[int, Parameter(help="How often a server loses a node.")] = 3,
    seed: Annotated[int, Parameter(help="Of the nodes that are killed.")] = 1,
) -> None:
    """Durable rooms on several nodes, of which one is killed: what that costs."""
    lost = [trio.run(node_kills_study.run, players, nodes, seed + n) for n in range(times)]
    _print(node_kills_study.table(players, nodes, lost))
    if any(kill.seats_lost for kill in lost):
        raise SystemExit(1)


@app.command
def cluster(
    *,
    nodes: Annotated[int, Parameter(help="Nodes, each with a lease.")] = 1000,
    rooms: Annotated[int, Parameter(help="Rooms of all nodes.")] = 100_000,
    players: Annotated[int, Parameter(help="Players, who stay for ten minutes each.")] = 1_000_000,
    window: Annotated[float, Parameter(help="Seconds of counting.")] = 20.0,
    seed: Annotated[int, Parameter(help="Of everybody's chance.")] = 1,
) -> None:
    """Many nodes' renewals, and their players' joins, against one real Redis."""
    counted = trio.run(cluster_study.run, nodes, rooms, players, window, seed)
    _print(tables.markdown(["", "figure"], cluster_study.rows(counted)))


@app.command
def upgrades(
    *,
    players: Annotated[int, Parameter(help="Players that cost little, besides a dozen.")] = 200,
    times: Annotated[int, Parameter(help="How often the server is upgraded.")] = 10,
    nodes: Annotated[int, Parameter(help="Nodes of the server.")] = 1,
) -> None:
    """An arena whose server is upgraded again and again: what its players notice."""
    record = trio.run(upgrades_study.run, players, times, nodes)
    _print(upgrades_study.table(record))
    if record.disconnected or record.wrong:
        raise SystemExit(1)


@app.command
def nodes(
    *,
    joins: Annotated[int, Parameter(help="Joins whose time is measured.")] = 600,
    players: Annotated[int, Parameter(help="Players in rooms of twenty, for the CPU time.")] = 200,
    window: Annotated[float, Parameter(help="Seconds of counting.")] = 10.0,
) -> None:
    """Two nodes of one host: a join on another node, and CPU time per delta beside one process."""
    counted = trio.run(nodes_study.run, joins, players, window)
    _print(tables.markdown(["", "figure"], nodes_study.rows(counted)))


@app.command
def isolation(
    *,
    players: Annotated[int, Parameter(help="Players on the two nodes.")] = 40,
    away: Annotated[float, Parameter(help="Seconds for which Redis hangs.")] = 30.0,
) -> None:
    """Two nodes with players while Redis hangs, and while it is wiped."""
    counted = trio.run(isolation_study.run, players, away)
    _print(tables.markdown(["", "figure"], isolation_study.rows(counted)))
    if counted.dropped:
        raise SystemExit(1)


@app.command
def queue(
    *,
    players: Annotated[int, Parameter(help="Players who wait at the beginning.")] = 10_000,
    seconds: Annotated[float, Parameter(help="Game time of each crowd.")] = 120.0,
    arrivals: Annotated[float, Parameter(help="Players who come in a second.")] = 60.0,
    plot: Annotated[pathlib.Path | None, Parameter(help="SVG to draw.")] = None,
) -> None:
    """Ten thousand players wait for matches: waits, quality, and the cost of a tick."""
    outcomes = queue_study.run(players, seconds, arrivals)
    _print(tables.markdown(list(queue_study.HEADER), [queue_study.row(one) for one in outcomes]))
    if plot is not None:
        plots.draw_queues(outcomes, queue_study.TICK_RATE, plot)


@app.command
def storage(
    *,
    entries: Annotated[int, Parameter(help="Scores in the leaderboard.")] = 1_000_000,
    url: Annotated[
        str | None, Parameter(help="Database to fill, as the setting storage; a new SQLite file.")
    ] = None,
) -> None:
    """Commits a second, and the time of a rank in a leaderboard of many."""
    rows = [list(row) for row in trio.run(storage_study.run, entries, url)]
    rows += [list(row) for row in trio.run(storage_room_study.run, url)]
    _print(tables.markdown(["", "figure"], rows))


@app.command
def soak(
    *,
    minutes: Annotated[float, Parameter(help="How long it all lasts.")] = 10.0,
    players: Annotated[int, Parameter(help="How many come and go.")] = 50,
    seed: Annotated[int, Parameter(help="Of everybody's chance.")] = 1,
    output: Annotated[pathlib.Path, Parameter(help="File that results are appended to.")] = (
        DEFAULT_OUTPUT
    ),
) -> None:
    """Players join, leave, lose their connections and come back, beside attackers, for long.

    The exit code is 1 if a seat was lost, a player dropped, a checksum wrong or a log line
    unexplained.
    """
    session = Session(output, repeats=1, warmup_s=0.0, window_s=60 * minutes)
    stay_off_the_server(session.driver.cores)
    record = soak_study.run(session, players, minutes, seed)
    session.say("\n" + soak_results.soak_table(record))
    for line in record.unexplained[:MOST_LINES]:
        session.say(f"UNEXPLAINED: {line}")
    for name, reason in record.lives.dropped[:MOST_LINES]:
        session.say(f"DROPPED: {name}: {reason}")
    for name, reason in record.lives.seats_lost[:MOST_LINES]:
        session.say(f"LOST: {name}: {reason}")
    for line in record.evidence[-MOST_LINES:]:
        session.say(f"LOG: {line}")
    _close(session, soak_results.broken(record))


@app.command
def stalls(
    *,
    world: Annotated[str, Parameter(help="bigworld, matches, duels or churn")] = "bigworld",
    playing: Annotated[int, Parameter(help="How many play before.")] = 500,
    joining: Annotated[int, Parameter(help="How many join; half of them go and return.")] = 1000,
    seconds: Annotated[float, Parameter(help="How long nothing happens then.")] = 60.0,
    output: Annotated[pathlib.Path, Parameter(help="File that results are appended to.")] = (
        DEFAULT_OUTPUT
    ),
) -> None:
    """Every stop of the server's loop over 5 ms: when, how long, and by what cause.

    The exit code is 1 if the server's own took over 10 ms, or if a player did not come in or back.
    """
    session = Session(output, repeats=1, warmup_s=0.0, window_s=seconds)
    stay_off_the_server(session.driver.cores)
    record = stalls_study.run(session, world, playing, joining, seconds)
    for line in stalls_results.lines_of(record):
        session.say(line)
    session.say("\n" + stalls_results.stalls_table(record))
    _close(session, stalls_results.broken(record))


@app.command
def report(
    file: pathlib.Path = DEFAULT_OUTPUT,
    *,
    plot: Annotated[pathlib.Path | None, Parameter(help="Folder for SVG plots.")] = None,
) -> None:
    """Make tables (and plots) of ``compare`` and the studies after it again from a file."""
    found = records.load(file, "compare")
    links = netcode_results.newest(netcode_results.load(file, netcode_results.LinkRecord))
    aims = netcode_results.newest(netcode_results.load(file, netcode_results.AimRecord))
    worlds = list(dict.fromkeys(record.world for record in found))
    texts = [tables.details(found), *(tables.comparison(found, world) for world in worlds)]
    if links:
        texts.append(netcode_results.links_table(links))
    if aims:
        texts.append(netcode_results.aim_table(aims))
    if attacked := hostile_results.load(file):
        texts.append(hostile_results.hostile_table(attacked))
    if (soaked := soak_results.load_newest(file)) is not None:
        texts.append(soak_results.soak_table(soaked))
    if lossy := tcploss_results.load_newest(file):
        texts.append(tcploss_results.tcploss_table(lossy))
    if (stalled := stalls_results.load_newest(file.read_text().splitlines())) is not None:
        texts.append(stalls_results.stalls_table(stalled))
    for text in texts:
        _print(text)
    if plot is not None:
        _plot_all(found, worlds, plot)
        if aims:
            plots.draw_hit_rates(aims, plot / "hit-rate.svg")


def _print(table: str) -> None:
    Console(highlight=False).print("\n" + table, markup=False, soft_wrap=True)


def _close(session: Session, broken: Sequence[str]) -> None:
    """Close the session, and this process with exit code 1 if a promise was broken."""
    session.close()
    if broken:
        session.say(f"BROKEN: {'; '.join(broken)}")
        sys.exit(1)


def _plot_all(found: list[records.Record], worlds: Sequence[str], folder: pathlib.Path) -> None:
    for world in worlds:
        plots.draw(
            found, world, lambda r: r.cpu_share * 100, "% of a core", folder / f"{world}-cpu.svg"
        )
        plots.draw(
            found,
            world,
            lambda r: r.cpu_per_delta_us,
            "µs of CPU per delta",
            folder / f"{world}-delta.svg",
        )


def main() -> None:
    """Run the command line."""
    try:
        app()
    except BenchmarkError as error:
        Console(stderr=True).print(f"benchmarks: {error}", markup=False, highlight=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
