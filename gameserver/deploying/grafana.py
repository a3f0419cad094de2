"""The recipe for graphs and alerts: a dashboard of Grafana, and rules and targets of Prometheus.

Owns the choice of files; ``dashboard.py`` has the panels.  Never asks a running server.
"""

from __future__ import annotations

from gameserver.deploying.dashboard import dashboard
from gameserver.deploying.game import Game
from gameserver.deploying.output import Deployment
from gameserver.deploying.templates import filled

DASHBOARD = "gameserver-dashboard.json"
ALERTS = "gameserver-alerts.yaml"


def grafana(game: Game) -> Deployment:
    """Return files for a Prometheus and a Grafana that are there already."""
    return Deployment(
        monitoring(game, game.servers, "/etc/prometheus/metrics_token"),
        [
            f"import {DASHBOARD} in Grafana",
            f"copy {ALERTS} and prometheus.yml to /etc/prometheus, and reload Prometheus",
            "put the server's metrics_token into /etc/prometheus/metrics_token",
        ],
    )


def monitoring(game: Game, servers: tuple[str, ...], token_file: str) -> dict[str, str]:
    """Return the dashboard, the alerts, and a Prometheus that reads ``servers``."""
    targets = ", ".join(f'"{server}"' for server in servers)
    values = {"name": game.name, "token_file": token_file, "targets": targets}
    return {
        DASHBOARD: dashboard(game.name),
        ALERTS: filled("grafana/alerts.yaml", values),
        "prometheus.yml": filled("grafana/prometheus.yml", values),
    }
