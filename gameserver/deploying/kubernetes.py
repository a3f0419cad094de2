"""The recipes for Kubernetes: a StatefulSet behind a gateway, or a Fleet of Agones.

Owns how nodes are named and reached there.  A node's pod has a name that stays, so players find its
rooms under a path of that name.  With Agones each server is alone, and has an address of its own.
Never talks to a cluster.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from gameserver.config import Settings
from gameserver.deploying.game import Game, stop_s
from gameserver.deploying.grafana import ALERTS, DASHBOARD, monitoring
from gameserver.deploying.image import image_files, image_step, quoted
from gameserver.deploying.output import Deployment
from gameserver.deploying.templates import filled

#: Networks that clusters give to pods, whose X-Forwarded-For the nodes believe.
POD_NETWORKS: Final = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
#: Seconds after which balancers no longer send clients to a pod that ends.
FORGET_S: Final = 5.0
#: Settings that the manifests themselves set.
_OWN: Final = frozenset(
    {
        *("nodes", "directory", "storage", "public_url", "host", "port", "agones"),
        *("certificate", "key", "secret_file"),
    }
)


def kubernetes(game: Game) -> Deployment:
    """Return manifests of a StatefulSet with all that it needs, but for its databases."""
    host = game.public_host
    pods, defaults = game.without(_OWN), _defaults(proxies=POD_NETWORKS)
    settings = pods.settings(**defaults)
    values = {**_values(pods, settings), "host": host, "count": str(game.nodes)}
    graphs = monitoring(game, (f"{game.name}:8000",), "/etc/prometheus/metrics_token")
    files = {
        "kustomization.yaml": filled("kubernetes/kustomization.yaml", values),
        "game.yaml": filled("kubernetes/game.yaml", values),
        "gateway.yaml": filled("kubernetes/gateway.yaml", values),
        "Caddyfile": filled("kubernetes/Caddyfile", values),
        "secret.yaml": _secret(game, filled("kubernetes/addresses", {})),
        "settings.toml": pods.settings_file(**defaults),
        "prometheus-adapter.yaml": filled("kubernetes/prometheus-adapter.yaml", {}),
        **{name: graphs[name] for name in (DASHBOARD, ALERTS)},
        ".gitignore": "secret.yaml\n",
        **image_files(game),
    }
    return Deployment(
        files,
        [
            *_image_steps(game),
            "write the addresses of Valkey and PostgreSQL into secret.yaml",
            f"kubectl apply -k {game.folder.as_posix()}",
        ],
        private={"secret.yaml"},
    )


def agones(game: Game) -> Deployment:
    """Return a Fleet, its autoscaler, and an allocation."""
    pods, defaults = game.without(_OWN), _defaults(agones=True)
    settings = pods.settings(**defaults)
    values = {**_values(pods, settings), "count": str(game.nodes)}
    files = {
        "kustomization.yaml": filled("agones/kustomization.yaml", values),
        "fleet.yaml": filled("agones/fleet.yaml", values),
        "allocation.yaml": filled("agones/allocation.yaml", values),
        "secret.yaml": _secret(game, ""),
        "settings.toml": pods.settings_file(**defaults),
        ".gitignore": "secret.yaml\n",
        **image_files(game, ("agones",)),
    }
    return Deployment(
        files,
        [
            *_image_steps(game),
            f"kubectl apply -k {game.folder.as_posix()}",
            f"kubectl create -f {(game.folder / 'allocation.yaml').as_posix()} -o yaml",
        ],
        private={"secret.yaml"},
    )


def _defaults(**of_recipe: Any) -> dict[str, Any]:
    return {"host": "0.0.0.0", "data": "/data", "drain_s": 60.0, **of_recipe}


def _values(game: Game, settings: Settings) -> Mapping[str, str]:
    image = {"image_name": game.name, "quoted_rooms": quoted(game.rooms), "name": game.name}
    return {
        **image,
        "folder": game.folder.as_posix(),
        "pod": filled("kubernetes/pod", {}),
        "container": filled("kubernetes/container", image),
        "volumes": filled("kubernetes/volumes", image),
        "drain_s": f"{settings.drain_s:.0f}",
        "forget_s": f"{FORGET_S:.0f}",
        "stop_s": f"{FORGET_S + stop_s(settings):.0f}",
    }


def _secret(game: Game, addresses: str) -> str:
    chance = {name: secrets.token_hex(24) for name in ("secret", "metrics_token")}
    values = {**chance, "name": game.name, "addresses": addresses}
    return filled("kubernetes/secret.yaml", values)


def _image_steps(game: Game) -> list[str]:
    dockerfile = (game.folder / "Dockerfile").as_posix()
    return [
        image_step(game.folder),
        f"docker build -t {game.name} -f {dockerfile} . and push it where the cluster finds it",
    ]
