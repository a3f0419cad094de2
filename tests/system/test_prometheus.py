"""The dashboard and the alerts in a real Prometheus that reads a real server."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import trio
import yaml

from clients import GameClient, open_game
from gameserver import Player, Room, Server, Settings, handles, open_server
from gameserver.deploying.dashboard import queries
from tests.support.clusters import Pawn, Walk, url_of
from tests.support.deployed_game import NAME
from tests.support.proxies import deployed, needed, replaced
from tests.support.redis_server import free_port

pytestmark = pytest.mark.long

TOKEN = "0123456789abcdef" * 2
PATIENCE_S = 60.0
TRIES = 100
PAUSE_S = 0.2
#: Nothing is counted here before an operator has done something.
EMPTY_AT_FIRST = ("gameserver_admin_actions_total", "gameserver_refusals_total")
#: In place of Grafana's variables.
VARIABLES = {"$job": ".*", "$instance": ".*", "$__rate_interval": "20s"}


class Prometheus:
    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/"

    async def ask(self, path: str) -> Any:
        text = await trio.to_thread.run_sync(partial(fetch, self._url + path))
        answer = json.loads(text)
        assert answer["status"] == "success", answer
        return answer["data"]

    async def result(self, expression: str) -> list[Any]:
        result = (await self.ask(f"query?query={quote(expression)}"))["result"]
        assert isinstance(result, list)
        return result


def fetch(url: str) -> bytes:
    with urlopen(url, timeout=PATIENCE_S) as answer:
        body: bytes = answer.read()
        return body


def write_files(folder: Path, port: int) -> None:
    files = deployed("grafana", f"127.0.0.1:{port}")
    (folder / "gameserver-alerts.yaml").write_text(files["gameserver-alerts.yaml"])
    (folder / "metrics_token").write_text(TOKEN)
    changes = {
        "scrape_interval: 5s": "scrape_interval: 500ms",
        "evaluation_interval: 15s": "evaluation_interval: 500ms",
        "/etc/prometheus/metrics_token": str(folder / "metrics_token"),
    }
    (folder / "prometheus.yml").write_text(replaced(files["prometheus.yml"], changes))


@asynccontextmanager
async def prometheus(folder: Path, server: Server) -> AsyncIterator[Prometheus]:
    program, port = needed("prometheus"), free_port()
    write_files(folder, server.port)
    command = [
        *(program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    async with trio.open_nursery() as nursery:
        output = (folder / "output").open("wb")
        with output:
            run = partial(
                trio.run_process, command, stdout=output, stderr=subprocess.STDOUT, check=False
            )
            nursery.start_soon(run)
            yield Prometheus(port)
            nursery.cancel_scope.cancel()


async def until_ready(prometheus: Prometheus) -> None:
    """Wait until the server was read often enough for rates."""
    while True:
        try:
            if await prometheus.result("count_over_time(gameserver_connections[1m]) > 3"):
                return
        except OSError:
            pass  # it has not started yet
        await trio.sleep(0.2)


class Steered(Room):
    """A room with one input a tick, whose way is measured."""

    tick_rate = 20
    classes = (Pawn, Walk)
    input = Walk

    def on_join(self, player: Player) -> None:
        player.entity = self.spawn(Pawn(), owner=player)

    @handles
    def walk(self, player: Player, command: Walk) -> None:
        player.entity.x += command.dx


async def test_every_expression_has_an_answer(tmp_path: Path) -> None:
    settings = Settings(
        port=0,
        metrics_token=TOKEN,
        metrics_from=(),
        storage=f"sqlite:{tmp_path}/db",
        ping_interval_s=0.1,
    )
    async with (
        open_server({"steered": Steered}, settings) as server,
        prometheus(tmp_path, server) as running,
    ):
        with trio.fail_after(PATIENCE_S):
            async with open_game(url_of(server), room="steered", name="bob"):
                pass  # has left
            async with (
                open_game(url_of(server), room="steered", name="ann") as game,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(play, game)
                await until_ready(running)
                await check_queries(running)
                await check_rules(running, tmp_path)
                nursery.cancel_scope.cancel()


async def play(game: GameClient) -> None:
    while True:
        await game.send(Walk(dx=1))
        await game.next_delta()


async def check_queries(running: Prometheus) -> None:
    """Each query has an answer at last: what happens late is counted late."""
    missing = [query.text for query in queries()]
    missing = [each for each in missing if not any(name in each for name in EMPTY_AT_FIRST)]
    for _ in range(TRIES):
        missing = [each for each in missing if not await running.result(without_variables(each))]
        if not missing:
            return
        await trio.sleep(PAUSE_S)
    assert missing == []


def without_variables(expression: str) -> str:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


async def check_rules(running: Prometheus, folder: Path) -> None:
    """Each rule is evaluated, and what it compares is there."""
    for rule in rules_in(folder):
        left, comparison, _ = re.split(r" (>|==) (?=[0-9.]+$)", rule["expr"])
        assert comparison
        assert await running.result(left), rule["alert"]
    for _ in range(TRIES):
        [group] = (await running.ask("rules"))["groups"]
        if all(rule["health"] != "unknown" for rule in group["rules"]):
            break
        await trio.sleep(PAUSE_S)
    assert {rule["name"]: rule["health"] for rule in group["rules"]} == {
        rule["alert"]: "ok" for rule in rules_in(folder)
    }


def rules_in(folder: Path) -> list[Mapping[str, Any]]:
    [group] = yaml.safe_load((folder / "gameserver-alerts.yaml").read_text())["groups"]
    rules: list[Mapping[str, Any]] = group["rules"]
    return rules


# ------------------------------------------------------------ without a server

#: Alert → series and values, one a minute, by which it fires after half an hour.
FIRING = {
    "GameserverDown": (f'up{{job="{NAME}",instance="a"}}', "0x30"),
    "GameserverTicksLate": (
        'gameserver_tick_lateness_seconds{instance="a",kind="k",quantile="0.99"}',
        "0.1x30",
    ),
    "GameserverTicksDropped": ('gameserver_ticks_dropped_total{instance="a",kind="k"}', "0+60x30"),
    "GameserverOverloaded": ('gameserver_overload_level{instance="a",kind="k"}', "2x30"),
    "GameserverMakesNoRooms": ('gameserver_server_makes_no_rooms{instance="a"}', "1x30"),
    "GameserverTurnsAway": ('gameserver_turned_away_total{instance="a",reason="r"}', "0+120x30"),
    "GameserverHooksFail": ('gameserver_hook_failures_total{instance="a",kind="k"}', "0+1x30"),
    "GameserverHooksBlock": ('gameserver_blocks_total{instance="a",kind="k"}', "0+1x30"),
    "GameserverCrashes": ('gameserver_acceptor_crashed_total{instance="a"}', "0+1x30"),
    "GameserverStorageAway": ('gameserver_storage_retries_total{instance="a"}', "0+60x30"),
    "GameserverStorageBehind": ('gameserver_storage_waiting{instance="a"}', "2000x30"),
    "GameserverJournalLost": ('gameserver_journal_lost_total{instance="a",kind="k"}', "0+1x30"),
    "GameserverTokensRefused": (
        'gameserver_tokens_refused_total{instance="a",fault="f"}',
        "0+120x30",
    ),
    "GameserverOpenFiles": (f'process_open_fds{{job="{NAME}",instance="a"}}', "90x30"),
}
#: A limit that one alert divides by.
LIMITS = [{"series": f'process_max_fds{{job="{NAME}",instance="a"}}', "values": "100x30"}]


def test_each_alert_fires_for_what_it_is_about_and_for_nothing_else(tmp_path: Path) -> None:
    write_files(tmp_path, 8000)
    assert set(FIRING) == {rule["alert"] for rule in rules_in(tmp_path)}
    tests = [firing(alert, series, values) for alert, (series, values) in FIRING.items()]
    quiet = [
        {"series": series, "values": "1x30" if name == "GameserverDown" else "0x30"}
        for name, (series, _) in FIRING.items()
    ]
    tests.append(fired([*quiet, *LIMITS], []))
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["gameserver-alerts.yaml"], "tests": tests}))
    run = subprocess.run(
        [needed("promtool"), "test", "rules", file], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def firing(alert: str, series: str, values: str) -> dict[str, Any]:
    """Return a test in which only ``alert`` fires."""
    return fired([{"series": series, "values": values}, *LIMITS], [alert])


def fired(series: list[dict[str, str]], alerts: list[str]) -> dict[str, Any]:
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in alerts]
    expression = 'count by (alertname) (ALERTS{alertstate="firing"})'
    asked = {"expr": expression, "eval_time": "30m", "exp_samples": samples}
    return {"interval": "1m", "input_series": series, "promql_expr_test": [asked]}


def test_promtool_finds_no_fault(tmp_path: Path) -> None:
    write_files(tmp_path, 8000)
    run = subprocess.run(
        [needed("promtool"), "check", "config", tmp_path / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
