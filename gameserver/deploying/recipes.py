"""The recipes of ``gameserver deploy``: the files of each, and the steps that put them to use.

Owns the list of recipes.  Each makes its files from a ``Game``; none writes to a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gameserver.deploying.compose import compose
from gameserver.deploying.game import Game
from gameserver.deploying.grafana import grafana
from gameserver.deploying.kubernetes import agones, kubernetes
from gameserver.deploying.output import Deployment
from gameserver.deploying.proxies import caddy, haproxy, nginx
from gameserver.deploying.systemd import systemd

RECIPES: Final[Mapping[str, Callable[[Game], Deployment]]] = {
    "systemd": systemd,
    "caddy": caddy,
    "haproxy": haproxy,
    "nginx": nginx,
    "compose": compose,
    "kubernetes": kubernetes,
    "agones": agones,
    "grafana": grafana,
}
