"""The figures of one process for the monitor: of the process, its rooms, and the watched rooms.

Owns their form, as plain values that cross between processes.  Costs nothing while nobody asks.
"""

from __future__ import annotations

import heapq
import struct
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgpack
import trio

from gameserver.ops.metrics import ServerFigures
from gameserver.runtime.rooms.kind_figures import behind_in, round_trips_in
from gameserver.runtime.rooms.open_room import OpenRoom
from gameserver.runtime.rooms.room_task import RoomTask
from gameserver.runtime.rooms.roster import Member
from gameserver.runtime.server import Server
from gameserver.runtime.sessions.session import Session

#: The most rooms in a report, those with the most work, and the most players of a watched room.
MOST_ROOMS: Final = 200
MOST_PLAYERS: Final = 1000
#: The most entities on a map.
MOST_ON_MAP: Final = 4000
#: An entity on a map: id, kind, seat of the player who steers it or 0, x, y.
ON_MAP: Final = struct.Struct("<IHHff")


async def report_of(server: Server, watched: Collection[str], *, whole: bool) -> dict[str, Any]:
    """Return the report of a process; without ``whole`` only the maps of the watched rooms."""
    shown = [one for one in server.lobby.open_rooms if one.task.label in watched]
    maps = {one.task.label: map_of(one.task) for one in shown}
    if not whole:
        return {"maps": maps}
    figures = await server.gather_figures(tallied=False)
    samples = {one.task.label: _values_in(one.task) for one in shown}
    if shown:
        # Long enough for each of them to publish; the states in between are not compared.
        await trio.sleep(
            max(one.task.room.publish_interval / one.task.room.tick_rate for one in shown)
        )
    sessions = sessions_of(server) if shown else {}
    opened = server.lobby.open_rooms
    busiest = heapq.nlargest(MOST_ROOMS, opened, key=lambda one: one.task.load)
    named = {one.task.label: one for one in (*busiest, *(o for o in opened if o in shown))}
    return {
        "maps": maps,
        "node": _node(server, figures),
        "rooms": [_room(one, detailed=one in shown) for one in named.values()],
        "players": {one.task.label: _players(one, sessions) for one in shown},
        "shares": {
            one.task.label: field_shares(samples[one.task.label], _values_in(one.task))
            for one in shown
        },
    }


def sessions_of(server: Server) -> dict[Member, Session]:
    """Return the session of each player who has a connection."""
    return {one.member: one for one in server.sessions if one.member is not None}


# ---------------------------------------------------------------- the process


def _node(server: Server, figures: ServerFigures) -> dict[str, Any]:
    kinds = figures.kinds.values()
    total = Counter[str]()
    for kind in kinds:
        total["ticks"] += kind.total.ticks
        total["ticks_dropped"] += kind.total.ticks_dropped
        total["deltas"] += kind.total.deltas
        total["delta_bytes"] += kind.total.delta_bytes
        total["hook_failures"] += kind.total.hook_failures
        total["journal_bytes"] += kind.total.journal_bytes
    counters, past, playing = figures.counters, figures.sessions, server.sessions
    seats = [s.member.seated.seat for s in playing if s.member is not None]
    counts = {
        **total,
        "joins": counters.joins,
        "resumes": figures.resumptions.get("resumed", 0),
        "messages": counters.messages,
        "resyncs": counters.resyncs,
        "texts_muted": counters.texts_muted,
        "reports": counters.reports,
        "bytes_in": past.bytes_in + sum(session.bytes_in for session in playing),
        "bytes_out": past.bytes_out + sum(session.bytes_out for session in playing),
        "deltas_skipped": past.deltas_skipped + sum(seat.skipped for seat in seats),
        "slow_ticks": figures.loop.slow_ticks,
        "late_ticks": figures.loop.late_ticks,
        "collections": figures.full_collections,
        "collections_us": round(figures.full_collections_s * 1e6),
    }
    if figures.storage is not None:
        settled = {f"storage_{name}": count for name, count in figures.storage.settled.items()}
        counts |= {"storage_retries": figures.storage.retries, **settled}
    refusals = {str(int(code)): n for code, n in counters.refusals.items()}
    return {
        "rooms": sum(kind.rooms for kind in kinds),
        "players": sum(kind.players for kind in kinds),
        "connections": figures.connections,
        "held": figures.held,
        "behind": sum(kind.behind for kind in kinds),
        "computed": round(figures.loop.computed * 1000),
        "waited": round(figures.loop.waited * 1000),
        "level": max((int(kind.overload_level) for kind in kinds), default=0),
        "ready": server.ready and not server.draining,
        "work_us": _worst(kind.work_s for kind in kinds),
        "late_us": _worst(kind.lateness_s for kind in kinds),
        "rtt_us": _worst(kind.rtt_s for kind in kinds),
        "storage_waiting": -1 if figures.storage is None else figures.storage.waiting,
        "bans": figures.penalties.get("ban", 0),
        "mutes": figures.penalties.get("mute", 0),
        "counts": counts,
        "refusals": {**refusals, **{name: n for name, n in figures.turned_away.items() if n}},
    }


def _worst(by_quantile: Any) -> list[int]:
    """Return median and p99 of the worst kind, in µs; 0 where nothing is known."""
    found = list(by_quantile)
    return [round(max((one.get(q, 0.0) for one in found), default=0.0) * 1e6) for q in (0.5, 0.99)]


# ---------------------------------------------------------------- rooms and players


def _room(opened: OpenRoom, *, detailed: bool) -> dict[str, Any]:
    task, room = opened.task, opened.task.room
    statistics = task.statistics() if detailed else None
    last_s, work_s = task.last_work_s, task.mean_work_s()
    round_trips = sorted(round_trips_in(task)) if detailed else []
    return {
        "label": task.label,
        "players": len(room.players),
        "max_players": room.max_players,
        "entities": len(room.world.records),
        "tick": room.tick_number,
        "tick_rate": room.tick_rate,
        "load": round(task.load * 1000),
        "work_us": [
            round(work_s * 1e6),
            round((statistics.work_s.p99 if statistics is not None else last_s or 0.0) * 1e6),
        ],
        "late_us": 0 if statistics is None else round(statistics.lateness_s.p99 * 1e6),
        "rtt_us": round(round_trips[len(round_trips) // 2] * 1e6) if round_trips else 0,
        "level": int(task.ladder.step.level),
        "pace": round(task.pace.share * 1000),
        "behind": sum(1 for _ in behind_in(task)),
        "locked": opened.locked,
        "private": opened.private,
        "delta_bytes": task.publisher.statistics.delta_bytes,
    }


def _players(opened: OpenRoom, sessions: Mapping[Member, Session]) -> list[dict[str, Any]]:
    behind = {seated.seat.number: seated for seated in behind_in(opened.task)}
    roster, now_tick = opened.task.roster, opened.task.room.tick_number
    found = []
    for seat, player in list(opened.task.room.players.items())[:MOST_PLAYERS]:
        member = roster.find_seat(seat)
        session = None if member is None else sessions.get(member)
        late = behind.get(seat)
        found.append(
            {
                "seat": seat,
                "name": player.name,
                "identity": player.identity or "",
                "address": (None if member is None else member.address) or "",
                "connected": player.connected,
                "rtt_us": round((player.latency.smoothed_s or 0.0) * 1e6),
                "behind": 0 if late is None else max(0, now_tick - late.seat.posted_tick),
                "bytes_out": 0 if session is None else session.bytes_out,
            }
        )
    return found


# ---------------------------------------------------------------- the world


def map_of(task: RoomTask) -> dict[str, Any]:
    """Return the entities of a room that have a place, as ``ON_MAP`` one after the other."""
    room = task.room
    schema = room.world.schema
    places = [
        tuple(spec.fields[index].name for index in spec.at) if spec.at else None
        for spec in schema.entities
    ]
    seats = {id(p.entity): p.seat for p in room.players.values() if p.entity is not None}
    data = bytearray()
    for number, record in list(room.world.records.items())[:MOST_ON_MAP]:
        place = places[record.kind]
        if place is not None:
            entity = record.entity
            x, y = getattr(entity, place[0]), getattr(entity, place[1])
            seat = seats.get(id(entity), 0) & 0xFFFF
            data += ON_MAP.pack(number & 0xFFFFFFFF, record.kind, seat, x, y)
    return {
        "tick": room.tick_number,
        "kinds": [spec.name for spec in schema.entities],
        "data": bytes(data),
    }


def _values_in(task: RoomTask) -> dict[int, tuple[Any, Any]]:
    """Return what was last published of each entity, by id: its record's kind and its values."""
    return {
        number: (record.spec, record.values)
        for number, record in task.room.world.records.items()
        if record.values
    }


def field_shares(
    before: Mapping[int, tuple[Any, Any]], after: Mapping[int, tuple[Any, Any]]
) -> dict[str, int]:
    """Return the share of each field in the bytes of the changes between two states, in ‰.

    An estimate for where the bytes of deltas go: it does not know which seats see an entity.
    """
    sizes: Counter[str] = Counter()
    for number, (spec, values) in after.items():
        old = before.get(number)
        if old is not None and old[1] is values:
            continue
        for index, (field, value) in enumerate(zip(spec.fields, values, strict=False)):
            if old is None or old[1][index] != value:
                sizes[f"{spec.name}.{field.name}"] += 1 + len(msgpack.packb(value))
    whole = sum(sizes.values())
    return {name: round(1000 * size / whole) for name, size in sizes.most_common(24)}
