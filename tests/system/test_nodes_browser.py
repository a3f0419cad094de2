"""A page in a real browser plays on a server with two nodes, whichever of them accepts it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameserver.runtime.net.tls import CertificatePaths
from tests.support.paths import SERVED_ROOMS
from tests.system.browser_pages import Pages
from tests.system.nodes import kill_nodes
from tests.system.servers import ROOM_FOR_ALL, RunningServer, running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]

#: The kernel chooses which node accepts; so many pages in a row on the right one are no chance.
MOST_PAGES = 12


@pytest.fixture(scope="module")
def server(
    certificate: CertificatePaths, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("nodes") / "data"
    tls = ["--certificate", str(certificate.certificate), "--key", str(certificate.key)]
    ports = ["--port", "0", "--tls-port", "0"]
    nodes = ["--nodes", "2", "--data", str(data)]
    try:
        with running_server(
            ["serve", "quiet:Arena", *ROOM_FOR_ALL, *ports, *tls, *nodes], cwd=SERVED_ROOMS
        ) as server:
            try:
                yield server
            except BaseException:
                kill_nodes(data / "nodes")
                raise
    finally:
        kill_nodes(Path(data) / "nodes")


def routed(server: RunningServer, scheme: str) -> float:
    """Return how many pages were sent to another node than the one that accepted them."""
    name = r"passed_on_total" if scheme == "http" else r'refusals_total\{code="4015"\}'
    found = re.search(rf"^gameserver_{name} (\S+)$", server.get("/metrics")[2], re.MULTILINE)
    return 0.0 if found is None else float(found[1])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_pages_meet_whichever_node_accepts_them(
    server: RunningServer, pages: Pages, scheme: str
) -> None:
    first = pages.fly(server.url(scheme), "Ada")
    for number in range(MOST_PAGES):
        name = f"Bob{number}"
        page = pages.fly(server.url(scheme), name)
        page.wait_for_leaders("Ada", name)
        first.wait_for_leaders("Ada", name)
        if routed(server, scheme):
            break
        page.page.context.close()
    assert routed(server, scheme), "no page was accepted by the other node"
    before = page.ships()
    page.page.keyboard.down("KeyW")
    assert page.wait_until_moved(before) == [name]
    page.page.keyboard.up("KeyW")
    assert page.complaints == []
    assert first.complaints == []
