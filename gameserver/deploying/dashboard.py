"""The Grafana dashboard of a game server: rows of panels, as Grafana's JSON.

Owns the graphs and their queries to Prometheus.  Figures of several nodes or instances
are added, or the worst one is shown, as the title says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import attrs

#: Selects what the variables at the top of the dashboard choose.
_CHOSEN: Final = 'job=~"$job",instance=~"$instance"'
_WIDTH: Final = 24
_HEIGHT: Final = 7
_ROW_HEIGHT: Final = 1
_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


@attrs.frozen
class Query:
    """One expression, and the legend of its lines.  ``@`` stands for the chosen instances."""

    expression: str
    legend: str = ""

    @property
    def text(self) -> str:
        """The expression as Prometheus takes it, but for Grafana's variables."""
        return self.expression.replace("@", _CHOSEN)


@attrs.frozen
class Panel:
    """One graph; ``unit`` is one of Grafana's."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    description: str = ""


def _rate(metric: str, by: str = "") -> str:
    return (
        f"sum{f' by ({by})' if by else ''} (rate(gameserver_{metric}_total{{@}}[$__rate_interval]))"
    )


ROWS: Final[dict[str, tuple[Panel, ...]]] = {
    "Players": (
        Panel(
            "Players",
            "short",
            (
                Query("sum by (kind) (gameserver_players{@})", "{{kind}}"),
                Query("sum (gameserver_held_seats{@})", "held seats"),
            ),
        ),
        Panel("Rooms", "short", (Query("sum by (kind) (gameserver_rooms{@})", "{{kind}}"),)),
        Panel(
            "Connections",
            "short",
            (
                Query("sum by (instance) (gameserver_connections{@})", "{{instance}}"),
                Query(_rate("acceptor_accepted"), "accepted a second"),
            ),
        ),
        Panel(
            "Joins and returns a second",
            "ops",
            (
                Query(_rate("joins"), "joins"),
                Query(_rate("resumptions", "outcome"), "return: {{outcome}}"),
            ),
        ),
        Panel(
            "Sessions that ended, by close code",
            "ops",
            (
                Query(_rate("endings", "code"), "after the join: {{code}}"),
                Query(_rate("refusals", "code"), "before the join: {{code}}"),
            ),
        ),
        Panel(
            "Turned away, by reason",
            "ops",
            (
                Query(_rate("turned_away", "reason"), "{{reason}}"),
                Query(_rate("tokens_refused", "fault"), "token: {{fault}}"),
            ),
        ),
    ),
    "Ticks": (
        Panel(
            "Duration of a tick, worst room",
            "s",
            (
                Query(
                    "max by (kind, quantile) (gameserver_tick_work_seconds{@})",
                    "{{kind}} q{{quantile}}",
                ),
            ),
        ),
        Panel(
            "Lateness of a tick, worst room",
            "s",
            (
                Query(
                    "max by (kind, quantile) (gameserver_tick_lateness_seconds{@})",
                    "{{kind}} q{{quantile}}",
                ),
            ),
        ),
        Panel(
            "Share of the time that ticks take",
            "percentunit",
            (Query(_rate("tick_round_seconds", "instance"), "{{instance}}"),),
            "1 is a whole core; with several nodes, the sum of their shares.",
        ),
        Panel(
            "Ticks a second",
            "ops",
            (
                Query(_rate("ticks", "kind"), "{{kind}}"),
                Query(_rate("ticks_dropped", "kind"), "{{kind}} dropped"),
                Query(_rate("late_ticks"), "late"),
            ),
        ),
        Panel(
            "Overload level, worst room",
            "short",
            (
                Query("max by (kind) (gameserver_overload_level{@})", "{{kind}}"),
                Query("max (gameserver_server_makes_no_rooms{@})", "makes no rooms"),
            ),
        ),
        Panel(
            "Pace, slowest room",
            "percentunit",
            (Query("min by (kind) (gameserver_pace{@})", "{{kind}}"),),
            "Game time as a share of real time.",
        ),
        Panel(
            "Slow ticks, and waiting for a core",
            "short",
            (
                Query(_rate("slow_ticks"), "slow ticks a second"),
                Query(
                    "max by (instance) (gameserver_waited_for_core_ratio{@})",
                    "{{instance}} waits, as a share",
                ),
            ),
            "A server that waits for a core shares it with another program.",
        ),
        Panel(
            "Where the time of an input goes, median of the worst room",
            "s",
            (
                Query(
                    'max by (stage) (gameserver_input_stage_seconds{@,quantile="0.5"})',
                    "{{stage}}",
                ),
            ),
        ),
        Panel(
            "Code of the game that fails or blocks",
            "ops",
            (
                Query(_rate("hook_failures", "kind"), "{{kind}} fails"),
                Query(_rate("blocks", "kind"), "{{kind}} blocks"),
            ),
        ),
    ),
    "Network": (
        Panel(
            "Bytes a second",
            "Bps",
            (Query(_rate("bytes_out"), "out"), Query(_rate("bytes_in"), "in")),
        ),
        Panel(
            "Deltas a second",
            "ops",
            (
                Query(_rate("deltas", "kind"), "{{kind}}"),
                Query(_rate("catch_up_deltas", "kind"), "{{kind}} catching up"),
                Query(_rate("deltas_skipped"), "left out: the link is behind"),
            ),
        ),
        Panel(
            "Round trips of players",
            "s",
            (
                Query(
                    "max by (kind, quantile) (gameserver_rtt_seconds{@})",
                    "{{kind}} q{{quantile}}",
                ),
            ),
        ),
        Panel(
            "Players behind",
            "short",
            (Query("sum by (kind) (gameserver_players_behind{@})", "{{kind}}"),),
        ),
        Panel(
            "Inputs that do not count",
            "ops",
            (
                Query(_rate("commands_late"), "late"),
                Query(_rate("commands_early"), "early"),
                Query(_rate("commands_duplicate"), "duplicate"),
                Query(_rate("commands_dropped"), "dropped"),
            ),
        ),
    ),
    "Process and storage": (
        Panel(
            "Memory",
            "bytes",
            (Query("sum by (instance) (process_resident_memory_bytes{@})", "{{instance}}"),),
        ),
        Panel(
            "CPU, in cores",
            "short",
            (
                Query(
                    "sum by (instance) (rate(process_cpu_seconds_total{@}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Full garbage collections while people play",
            "s",
            (Query(_rate("full_collection_seconds"), "seconds a second"),),
        ),
        Panel(
            "Operators and reports",
            "ops",
            (
                Query(_rate("reports"), "reports of players"),
                Query(_rate("admin_actions", "action"), "{{action}}"),
                Query(_rate("admin_refusals"), "admin tokens refused"),
            ),
        ),
        Panel(
            "Storage",
            "short",
            (
                Query("sum (gameserver_storage_waiting{@})", "waiting"),
                Query(_rate("storage_retries"), "retries a second"),
                Query(_rate("storage_submissions", "outcome"), "{{outcome}} a second"),
            ),
        ),
        Panel(
            "Journals",
            "Bps",
            (
                Query(_rate("journal_bytes", "kind"), "{{kind}}"),
                Query(_rate("journal_lost", "kind"), "{{kind}} lost entries"),
            ),
        ),
    ),
}


def dashboard(name: str) -> str:
    """Return the dashboard of the game ``name`` in Grafana's form, for import or provisioning."""
    return (
        json.dumps(
            {
                "uid": f"gameserver-{name}",
                "title": f"{name} (gameserver)",
                "tags": ["gameserver"],
                "schemaVersion": 39,
                "refresh": "10s",
                "time": {"from": "now-1h", "to": "now"},
                "templating": {"list": _variables()},
                "panels": list(_panels()),
            },
            indent=1,
        )
        + "\n"
    )


def queries() -> Iterator[Query]:
    """Return all queries of the dashboard."""
    for panels in ROWS.values():
        for panel in panels:
            yield from panel.queries


def _variables() -> list[dict[str, Any]]:
    return [
        {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
        _variable("job", "label_values(gameserver_connections, job)"),
        _variable("instance", 'label_values(gameserver_connections{job=~"$job"}, instance)'),
    ]


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels() -> Iterator[dict[str, Any]]:
    y = 0
    number = 0
    for row, panels in ROWS.items():
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": y, "w": _WIDTH, "h": _ROW_HEIGHT},
        }
        y += _ROW_HEIGHT
        width = _WIDTH // 3
        for index, panel in enumerate(panels):
            number += 1
            x = index % 3 * width
            yield _panel(panel, number, {"x": x, "y": y, "w": width, "h": _HEIGHT})
            if x + 2 * width > _WIDTH or index == len(panels) - 1:
                y += _HEIGHT


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _DATASOURCE,
                "expr": query.text,
                "legendFormat": query.legend,
            }
            for index, query in enumerate(panel.queries)
        ],
    }
