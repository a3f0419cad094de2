"""A client in another language, made from the protocol document alone, plays over real sockets."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameserver.runtime.net.tls import CertificatePaths
from tests.support import node_tools
from tests.system.servers import RunningServer, running_server

CLIENT = Path(__file__).with_name("node_client.mjs")
#: A client that plays for longer hangs.
DEADLINE_S = 60

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def node() -> list[str]:
    return node_tools.require_node_packages()


@pytest.fixture(scope="module")
def server(home: Path, certificate: CertificatePaths) -> Iterator[RunningServer]:
    arguments = ["demo", "--bots", "3", "--no-fill", "--port", "0", "--tls", "--tls-port", "0"]
    with running_server(arguments, environment={"HOME": str(home)}) as server:
        yield server


def play(node: list[str], url: str, certificate: CertificatePaths) -> dict[str, Any]:
    done = subprocess.run(
        [*node, str(CLIENT), url],
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(certificate.ca)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results


@pytest.mark.parametrize("scheme", ["ws", pytest.param("wss", marks=pytest.mark.long)])
def test_a_client_made_from_the_document_plays(
    node: list[str], server: RunningServer, certificate: CertificatePaths, scheme: str
) -> None:
    results = play(node, server.url(scheme), certificate)

    echo = results["echo"]
    limits = {"message_bytes": 4096, "say_length": 256, "publish_every": 1}
    assert echo["welcome"] == {
        "room": "echo/node",
        "seat": 1,
        "ownEntity": 0,
        "tickRate": 20,
        "resume": "string",
        "limits": limits,
    }
    assert echo["answers"] == [
        [1, "one", True],
        [-(2**31), "ünïcødé 🚀", True],
        [2**31 - 1, "", True],
    ]
    assert echo["pong"] == [7, 1234.5]
    assert echo["rtt_us"] > 0
    assert echo["closed"]["code"] == 1000

    arena = results["arena"]
    assert arena["moved"] > 32
    assert arena["turned"]
    assert arena["aim"] == 64
    assert arena["owned"] == [True]
    assert arena["said"][1:] == ["Nell", "hello from Node"]
    assert "Nell" in arena["pilots"]
    assert arena["seen"]["fullStates"] == 2
    assert arena["seen"]["checks"] >= 1
    assert arena["seen"]["adds"] > 45
    assert arena["closed"]["code"] == 1000

    assert results["noSuchRoom"] == {"bye": 4004, "closed": 4004}
    assert results["badName"] == {"bye": 4006, "closed": 4006}
    assert results["nonsense"] == {"bye": 4000, "closed": 4000}
