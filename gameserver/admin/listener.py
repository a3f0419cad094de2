"""The admin port: the monitor, its page, and the actions over HTTP.

Owns the server of that port, which is apart from the game's: another address, other limits, and
nothing that is of use without a token.  There is none unless the settings have a token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Final

import structlog
import trio

from gameserver.admin.desk import ACTIONS, Desk, Nodes, arguments_in
from gameserver.admin.monitor_room import monitor_of
from gameserver.admin.node_actions import AdminError, NodeActions
from gameserver.admin.tokens import Operators, has_tokens
from gameserver.config import Settings
from gameserver.errors import GameServerError
from gameserver.ops.metrics import Counters
from gameserver.runtime.http.assets import Assets, web_client
from gameserver.runtime.http.endpoint import Endpoint
from gameserver.runtime.http.messages import JSON, Posted, Response, Site
from gameserver.runtime.server import Server
from gameserver.runtime.serving import open_in

log = structlog.get_logger(__name__)

#: The path of an action is this and its name.
API: Final = "/api/"
#: The pause before the port is tried again, if another program has it.
RETRY_S: Final = 2.0
#: Connections a second from one address; each action and each attempt at a token needs one.
CONNECTS_PER_S: Final = 5.0
CONNECTIONS: Final = 64


class AdminServer(Server):
    """The server of the admin port."""

    desk: ClassVar[Desk]
    operators: ClassVar[Operators]
    admin_counters: ClassVar[Counters]

    def _other_endpoints(self) -> dict[str, Endpoint]:
        return {}

    def _assets(self) -> Assets:
        page = web_client() / "monitor" / "index.html"
        return Assets(web_client(), {"/index.html": page})

    def _make_site(self) -> Site:
        site = super()._make_site()
        shown = ("/healthz", "/readyz", "/kinds")
        posts = {f"{API}{action}": partial(self._act, action) for action in ACTIONS}
        return Site(
            routes={path: site.routes[path] for path in shown}, assets=site.assets, posts=posts
        )

    async def _act(self, action: str, posted: Posted) -> Response:
        """Carry out an action that was posted, if the request has a valid token."""
        operator = self.operators.of(posted.bearer)
        if operator is None:
            self.admin_counters.admin_refusals += 1
            log.warning("a wrong admin token was shown", peer=posted.peer.name)
            return _json(
                401,
                {"error": "show the token of an operator: Authorization: Bearer TOKEN"},
                headers=(("WWW-Authenticate", "Bearer"),),
            )
        try:
            given = arguments_in(posted.body)
            came_from = f"http {posted.peer.address or 'unknown'}"
            result = await self.desk.carry_out(operator, came_from, action, given)
        except AdminError as error:
            return _json(400, {"error": str(error)})
        return _json(200, {"result": result})


def _json(
    status: int, told: Mapping[str, Any], *, headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    no_store = ("Cache-Control", "no-store")
    return Response(status, JSON, json.dumps(told).encode(), (no_store, *headers))


class Alone:
    """The one process of a server that has no other nodes."""

    def __init__(self, actions: NodeActions) -> None:
        self._actions = actions

    async def ask_all(
        self, operation: str, arguments: Mapping[str, Any], *, only: str | None = None
    ) -> dict[str, Any]:
        """Return the answer of this process."""
        if only not in (None, ""):
            return {}
        return {"": await self._actions.answer(operation, arguments)}


def admin_settings(settings: Settings) -> Settings:
    """Return the settings of the admin port of a server with these settings."""
    return Settings(
        host=settings.admin_host,
        port=settings.admin_port,
        hosts=settings.hosts,
        proxies=settings.proxies,
        # Programs on this machine must not guess tokens either.
        trusted=(),
        connects_per_s=CONNECTS_PER_S,
        max_connections_per_address=CONNECTIONS,
        max_rooms=1,
        empty_room_s=0.0,
        log_level=settings.log_level,
        log_format=settings.log_format,
    )


async def run_admin(
    server: Server, nodes: Nodes, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve the admin port of ``server`` until cancelled; return at once without a token.

    The number of the port is the value of ``started``.
    """
    settings = server.settings
    if not has_tokens(settings):
        task_status.started(0)
        return
    operators = Operators(settings)
    operators.check()
    desk = Desk(nodes, server.lobby.moderation, server.counters)

    async def gather(watched: list[str], whole: bool) -> dict[str, Any]:  # noqa: FBT001
        arguments = {"watched": watched, "whole": whole}
        answers = await nodes.ask_all("report", arguments)
        return {name: answer["ok"] for name, answer in answers.items()}

    kinds = {"monitor": monitor_of(desk, operators, server.counters, gather)}

    class _Bound(AdminServer):
        pass

    _Bound.desk, _Bound.operators, _Bound.admin_counters = desk, operators, server.counters
    complained = False
    while True:
        try:
            async with open_in(kinds, admin_settings(settings), None, server_class=_Bound) as admin:
                log.info("admin port", host=settings.admin_host, port=admin.port)
                task_status.started(admin.port)
                await trio.sleep_forever()
        except GameServerError as error:
            # Another server may have it, or the process before this one: the games go on.
            if not complained:
                log.warning("there is no admin port for now", reason=str(error))
            complained = True
            await trio.sleep(RETRY_S)


async def run_alone(
    server: Server, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve the admin port of a server that has no other nodes, until cancelled."""
    async with trio.open_nursery() as nursery:
        actions = NodeActions(server, nursery)
        await run_admin(server, Alone(actions), task_status=task_status)
