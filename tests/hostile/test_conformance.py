"""The Autobahn suite's 301 cases without compression, over ws and wss, through the whole stack.

kosoku runs them against ``gameserver echo``, whose connections have a game's fast paths and poller.
It speaks no TLS itself, so for wss it goes through a tunnel that only encrypts.
"""

from __future__ import annotations

import json
import ssl
import sys
from pathlib import Path
from typing import Final

import pytest
import trio

from gameserver.runtime.net.tls import make_development_certificate
from tests.system.servers import running_server

pytestmark = pytest.mark.long

#: 12 and 13 are permessage-deflate, which is never negotiated.
SMALL: Final = tuple(f"{chapter}.*" for chapter in (1, 2, 3, 4, 5, 6, 7, 10))
LARGE: Final = ("9.*",)
CASES: Final = 301
ACCEPTED: Final = {"OK", "NON-STRICT", "INFORMATIONAL"}
#: A hung case fails rather than CI; a slow and busy machine needs minutes.
DEADLINE_S: Final = 600


async def judge(
    url: str, reports: Path, cases: tuple[str, ...], *, at_a_time: int
) -> dict[str, dict[str, object]]:
    """Return kosoku's verdicts by case."""
    command = [sys.executable, "-c", "import kosoku._cli; kosoku._cli.main()", url]
    chosen = [word for pattern in cases for word in ("-i", pattern)]
    await trio.run_process(
        [*command, *chosen, "-p", str(at_a_time), "-o", str(reports)],
        check=False,  # the report says more than an exit code
        capture_stdout=True,
        capture_stderr=True,
    )
    [agent] = json.loads((reports / "index.json").read_text()).values()
    return dict(agent)


async def tunnel(listener: trio.SocketListener, port: int, trusting: ssl.SSLContext) -> None:
    """Take plain connections and pass their bytes on over TLS, in both directions."""

    async def both_ways(plain: trio.SocketStream) -> None:
        secure = trio.SSLStream(
            await trio.open_tcp_stream("127.0.0.1", port),
            trusting,
            server_hostname="127.0.0.1",
            https_compatible=True,
        )
        async with plain, secure, trio.open_nursery() as nursery:
            nursery.start_soon(copy, plain, secure, nursery.cancel_scope)
            nursery.start_soon(copy, secure, plain, nursery.cancel_scope)

    async def copy(
        source: trio.abc.Stream, target: trio.abc.Stream, both: trio.CancelScope
    ) -> None:
        try:
            async for data in source:
                await target.send_all(data)
        except trio.BrokenResourceError:
            pass  # one end is gone, and so the other has to go
        both.cancel()

    await trio.serve_listeners(both_ways, [listener])


def wrong(verdicts: dict[str, dict[str, object]]) -> dict[str, object]:
    return {
        case: verdict
        for case, verdict in verdicts.items()
        if verdict["behavior"] not in ACCEPTED or verdict["behaviorClose"] not in ACCEPTED
    }


async def test_autobahn_over_ws_and_wss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_development_certificate(tmp_path / ".gameserver" / "tls")
    trusting = ssl.create_default_context(cafile=certificate.ca)
    verdicts: dict[str, dict[str, dict[str, object]]] = {}
    arguments = ["echo", "--port", "0", "--tls-port", "0", "--tls"]
    with (
        running_server(arguments, environment={"HOME": str(tmp_path)}) as over_ws,
        running_server(arguments, environment={"HOME": str(tmp_path)}) as over_wss,
    ):
        assert over_wss.tls_port is not None
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        through = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}"

        async def run(name: str, url: str) -> None:
            verdicts[name] = await judge(url, tmp_path / f"{name}-small", SMALL, at_a_time=8)
            # kosoku gives a case ten seconds, for megabytes there and back.
            verdicts[name] |= await judge(url, tmp_path / f"{name}-large", LARGE, at_a_time=1)
            # It gives a close half a second: what only lacked a core passes when it runs alone.
            if failed := tuple(wrong(verdicts[name])):
                verdicts[name] |= await judge(url, tmp_path / f"{name}-again", failed, at_a_time=1)

        with trio.fail_after(DEADLINE_S):
            async with trio.open_nursery() as tunnels:
                tunnels.start_soon(tunnel, listener, over_wss.tls_port, trusting)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(run, "ws", over_ws.ws_url)
                    nursery.start_soon(run, "wss", through)
                tunnels.cancel_scope.cancel()
    for transport, judged in verdicts.items():
        assert len(judged) == CASES, transport
        assert wrong(judged) == {}, transport
