"""Pages play through an upgrade of their server: one over ws://, and one over wss://."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from gameserver.cluster.handover.asking import ask_for_upgrade
from gameserver.runtime.net.tls import CertificatePaths
from tests.support.paths import SERVED_ROOMS
from tests.system.browser_pages import Pages
from tests.system.servers import running_server

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_pages_play_through_an_upgrade(
    pages: Pages, certificate: CertificatePaths, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    tls = ["--certificate", str(certificate.certificate), "--key", str(certificate.key)]
    ports = ["--port", "0", "--tls-port", "0"]
    arguments = ["serve", "quiet:Arena", *ports, "--data", str(data), *tls]
    with running_server(arguments, cwd=SERVED_ROOMS) as server:
        plain = pages.fly(server.url(), "Ada")
        secure = pages.fly(server.url("https"), "Bob")
        plain.wait_for_ships("Ada", "Bob")
        for page in (plain, secure):
            page.wait("arena.client.statistics().rttMs !== null")  # so its seat can be held
        told = trio.run(ask_for_upgrade, data / "control")
        assert (told.players, told.coming_back) == (2, 1)
        secure.wait("arena.client.statistics().resumes === 1")
        for page in (plain, secure):
            page.wait_for_ticks(60)
            page.wait_for_ships("Ada", "Bob")
            figures = page.ask("arena.client.statistics()")
            assert (figures["checksumFailures"], figures["protocolErrors"]) == (0, 0)
            assert page.complaints == []
        assert plain.ask("arena.client.statistics()")["reconnects"] == 0
        assert secure.ask("arena.client.statistics()")["reconnects"] == 1
