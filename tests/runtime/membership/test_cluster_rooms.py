"""``/rooms`` of any node lists the rooms of all hosts, page by page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gameserver import Server
from gameserver.runtime.http.messages import Response
from gameserver.runtime.membership import cluster_rooms
from gameserver.runtime.membership.cluster_rooms import ClusterRooms
from tests.support.clusters import (
    FlakyDirectory,
    membership_of,
    memory_directory,
    open_nodes,
    owned_by,
)


async def make(server: Server, name: str) -> None:
    """Make a room with one reserved seat on a server."""
    await owned_by(server, f"plain/{name}")
    server.reserve_seats(f"plain/{name}", valid_s=600.0)
    await membership_of(server).renew()


async def own_rooms(_query: str) -> Response:
    return Response(200, "text/plain", b"of this server")


async def pages(rooms: ClusterRooms) -> list[dict[str, Any]]:
    """Return all pages, each asked for with the ``next`` of the one before."""
    found, query = [], ""
    while True:
        page = json.loads((await rooms.respond(query)).body)
        found.append(page)
        if page["next"] is None:
            return found
        query = f"after={page['next']}"


async def test_rooms_of_all_hosts_come_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_rooms, "ROOMS_PER_PAGE", 2)
    async with open_nodes(2, memory_directory()) as (a, b):
        for name, server in (("a1", a), ("a2", a), ("b1", b)):
            await make(server, name)
        asked = ClusterRooms(membership_of(b), own_rooms)
        found = await pages(asked)
        names = [room["name"] for page in found for room in page["rooms"]]
        assert sorted(names) == ["plain/a1", "plain/a2", "plain/b1"]
        assert [len(page["rooms"]) for page in found] == [2, 1]
        kinds = {"plain": {"rooms": 3, "players": 0}, "guarded": {"rooms": 0, "players": 0}}
        assert all(page["kinds"] == kinds for page in found)


async def test_the_port_answers_for_all_hosts() -> None:
    async with open_nodes(2, memory_directory()) as (a, b):
        await make(a, "x")
        answer = json.loads((await b._all_rooms("")).body)
        assert [room["name"] for room in answer["rooms"]] == ["plain/x"]


@pytest.mark.parametrize("cursor", ["a%20b", "%00", "x" * 201, "%C3%A9"])
async def test_a_wrong_cursor_is_told(cursor: str) -> None:
    async with open_nodes(1, memory_directory()) as (a,):
        answer = await ClusterRooms(membership_of(a), own_rooms).respond(f"after={cursor}")
        assert answer.status == 400


async def test_while_the_directory_is_away_a_server_answers_for_itself() -> None:
    directory = FlakyDirectory()
    async with open_nodes(1, directory) as (a,):
        directory.away = True
        assert (
            await ClusterRooms(membership_of(a), own_rooms).respond("")
        ).body == b"of this server"
