"""The recipe for Docker Compose: everything that a game needs, on one machine.

Owns which services there are and how they find each other.  Each node is a container on one core,
reached through Caddy: newcomers by the balancer, others under the path of their node.  Never starts
a container.
"""

from __future__ import annotations

import os
import pathlib
import secrets

from gameserver.deploying.game import Game, stop_s
from gameserver.deploying.grafana import monitoring
from gameserver.deploying.image import image_files, image_name, image_step, quoted
from gameserver.deploying.output import Deployment
from gameserver.deploying.proxies import caddyfile
from gameserver.deploying.templates import filled

PORT = 8000
#: The network of the containers, whose X-Forwarded-For the nodes believe.
NETWORK = "172.30.0.0/24"
_SECRETS = (
    "secret",
    "metrics_token",
    "valkey_password",
    "postgres_password",
    "grafana_password",
)


def compose(game: Game) -> Deployment:
    """Return a project of Docker Compose, with secrets made by chance."""
    host = game.public_host
    nodes = [f"node-{number}" for number in range(1, game.nodes + 1)]
    of_nodes = game.without(_OWN)
    defaults = {"host": "0.0.0.0", "proxies": NETWORK, "drain_s": 60.0, "data": "/data"}
    settings = of_nodes.settings(**defaults)
    values = {
        "name": game.name,
        "host": host,
        "count": str(game.nodes),
        "image": image_name(game),
        "context": pathlib.PurePath(os.path.relpath(".", game.folder)).as_posix(),
        "dockerfile": (game.folder / "Dockerfile").as_posix(),
        "quoted_rooms": quoted(game.rooms),
        "stop_s": f"{stop_s(settings):.0f}",
        "nodes": "".join(filled("compose/node", {"node": node, "host": host}) for node in nodes),
    }
    chance = {name: secrets.token_hex(24) for name in _SECRETS}
    by_path = {f"/{node}": f"{node}:{PORT}" for node in nodes}
    files = {
        "compose.yaml": filled("compose/compose.yaml", values),
        ".env": filled("compose/env", chance),
        ".gitignore": ".env\n",
        "Caddyfile": caddyfile(game, host, by_path),
        "settings.toml": of_nodes.settings_file(**defaults),
        **monitoring(game, tuple(by_path.values()), "/run/secrets/metrics_token"),
        "grafana-provisioning/datasources/prometheus.yaml": filled("grafana/datasource.yaml", {}),
        "grafana-provisioning/dashboards/gameserver.yaml": filled("grafana/dashboards.yaml", {}),
        **image_files(game),
    }
    return Deployment(
        files,
        [
            image_step(game.folder),
            f"have the name {host} lead to this machine, with ports 80 and 443 open",
            f"docker compose -f {(game.folder / 'compose.yaml').as_posix()} up -d --build",
        ],
        private={".env"},
    )


#: Settings that the project itself makes: each node has its own.
_OWN = frozenset(
    {"nodes", "directory", "storage", "public_url", "host", "port", "certificate", "key"}
)
