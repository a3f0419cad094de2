"""Recipes for proxies in front of one or several servers: Caddy, HAProxy, nginx.

Owns how a proxy finds the server of a room.  Several servers share a directory, and each is also
reached under a path of its own, ``/node-1`` and so on, which is in its ``public_url``.  A server
that is alone gets no health check: while it drains, its players must still come back.
"""

from __future__ import annotations

from collections.abc import Iterator

from gameserver.deploying.game import Game
from gameserver.deploying.output import Deployment
from gameserver.deploying.templates import filled

#: How long a proxy that is reloaded lets players play on, if the settings do not say.
DEFAULT_DRAIN_S = 600.0


def caddyfile(game: Game, site: str, servers: dict[str, str]) -> str:
    """Return a Caddyfile for ``site``; ``servers`` has the address of each node by its path."""
    several = len(servers) > 1
    nodes = [
        filled("caddy/node", {"path": p, "node": p.strip("/"), "server": s})
        for p, s in servers.items()
    ]
    return filled(
        "caddy/Caddyfile",
        {
            "name": game.name,
            "site": site,
            "drain_s": _drain_s(game),
            "nodes": "".join(nodes) if several else "",
            "servers": " ".join(servers.values()),
            "checks": filled("caddy/checks", {}) if several else "",
        },
    )


def caddy(game: Game) -> Deployment:
    """Return a Caddyfile."""
    servers = _by_path(game)
    return Deployment(
        {"Caddyfile": caddyfile(game, game.public_host, servers)},
        [
            "copy Caddyfile to /etc/caddy/Caddyfile, and systemctl reload caddy",
            *_server_steps(game, servers),
        ],
    )


def haproxy(game: Game) -> Deployment:
    """Return a configuration of HAProxy."""
    servers = _by_path(game)
    several = len(servers) > 1
    routes, backends = [], []
    for path, server in servers.items() if several else ():
        backend = f"{game.name}-{path.strip('/')}"
        routes.append(f"use_backend {backend} if {{ path {path} }} || {{ path_beg {path}/ }}")
        values = {"backend": backend, "path": path, "server": server}
        backends.append(filled("haproxy/backend", values))
    check = " check" if several else ""
    lines = [f"server {path.strip('/')} {server}{check}" for path, server in servers.items()]
    text = filled(
        "haproxy/haproxy.cfg",
        {
            "name": game.name,
            "drain_s": _drain_s(game),
            "routes": "\n".join(routes),
            "checks": filled("haproxy/checks", {}) if several else "",
            "servers": "\n".join(lines),
            "backends": "".join(backends),
        },
    )
    return Deployment(
        {"haproxy.cfg": text},
        [
            f"put certificate and key, one after the other, into /etc/haproxy/{game.name}.pem",
            "copy haproxy.cfg to /etc/haproxy/haproxy.cfg, and systemctl reload haproxy",
            *_server_steps(game, servers),
        ],
    )


def nginx(game: Game) -> Deployment:
    """Return a site of nginx, and the line for the main part of its configuration."""
    servers = _by_path(game)
    nodes = [filled("nginx/node", {"path": p, "server": s}) for p, s in servers.items()]
    values = {
        "name": game.name,
        "variable": game.name.replace("-", "_"),
        "host": game.public_host,
        "drain_s": _drain_s(game),
        "servers": "\n".join(f"server {server};" for server in servers.values()),
        "nodes": "".join(nodes) if len(servers) > 1 else "",
    }
    return Deployment(
        {
            f"{game.name}.conf": filled("nginx/site.conf", values),
            f"{game.name}-main.conf": filled("nginx/main.conf", values),
        },
        [
            f"copy {game.name}.conf to /etc/nginx/sites-enabled",
            f"copy {game.name}-main.conf to /etc/nginx/modules-enabled",
            "nginx -t && systemctl reload nginx",
            *_server_steps(game, servers),
        ],
    )


def _by_path(game: Game) -> dict[str, str]:
    return {f"/node-{number}": server for number, server in enumerate(game.servers, 1)}


def _drain_s(game: Game) -> str:
    return f"{game.settings().drain_s or DEFAULT_DRAIN_S:.0f}"


def _server_steps(game: Game, servers: dict[str, str]) -> Iterator[str]:
    host = game.public_host
    yield f"start each server with --hosts {host} --proxies and the network of the proxy"
    if len(servers) > 1:
        for path, server in servers.items():
            yield f"the server at {server} gets --public-url wss://{host}{path}, and --directory"
