"""The SDK of Agones: each call, trying again, the watch, and bodies of any form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.cluster import agones
from gameserver.cluster.agones import AgonesRefused, AgonesSdk, AgonesServer, open_sdk
from tests.support.agones_sidecar import Sidecar, open_sidecar
from tests.support.redis_server import free_port
from tests.support.sockets import PATIENCE_S


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agones, "FIRST_PAUSE_S", 0.01)


@pytest.fixture
async def sidecar() -> AsyncIterator[Sidecar]:
    async with open_sidecar() as sidecar:
        yield sidecar


@pytest.fixture
async def sdk(sidecar: Sidecar) -> AsyncIterator[AgonesSdk]:
    async with open_sdk({agones.PORT_VARIABLE: str(sidecar.port)}) as sdk:
        yield sdk


async def test_each_call(sdk: AgonesSdk, sidecar: Sidecar) -> None:
    await sdk.ready()
    await sdk.health()
    await sdk.allocate()
    await sdk.reserve(30)
    assert (await sdk.game_server()).state == "Reserved"
    await sdk.shutdown()
    assert sidecar.calls == [
        ("/ready", {}),
        ("/allocate", {}),
        ("/reserve", {"seconds": "30"}),
        ("/shutdown", {}),
    ]
    assert sidecar.pings == 1


async def test_a_sidecar_that_starts_later_is_waited_for() -> None:
    port = free_port()
    async with open_sdk({agones.PORT_VARIABLE: str(port)}) as sdk, trio.open_nursery() as nursery:
        nursery.start_soon(sdk.ready)
        await trio.sleep(0.05)  # it is refused meanwhile, at least once
        async with open_sidecar(port) as sidecar:
            with trio.fail_after(PATIENCE_S):
                await sidecar.until("/ready")


async def test_errors_of_the_sidecar_are_tried_again(sdk: AgonesSdk, sidecar: Sidecar) -> None:
    sidecar.faults = [500, 503]
    await sdk.ready()
    assert sidecar.calls == [("/ready", {})]


async def test_a_refusal_is_final(sdk: AgonesSdk, sidecar: Sidecar) -> None:
    sidecar.faults = [404]
    with pytest.raises(AgonesRefused, match="/ready: 404"):
        await sdk.ready()


async def test_a_lost_ping_is_not_repeated(sdk: AgonesSdk, sidecar: Sidecar) -> None:
    sidecar.faults = [500, 404]
    await sdk.health()
    await sdk.health()
    assert sidecar.pings == 0
    await sdk.health()
    assert sidecar.pings == 1


async def test_every_change_is_watched(sdk: AgonesSdk, sidecar: Sidecar) -> None:
    states: list[tuple[str, bool]] = []

    def notice(known: AgonesServer) -> None:
        states.append((known.state, known.is_ending))
        if len(states) == 1:
            sidecar.change("Ready")
        elif len(states) == 2:
            sidecar.change("Allocated", deletion_timestamp="1764550000")
        else:
            seen.set()

    seen = trio.Event()
    await watch_until(sdk, notice, seen)
    assert states == [("Scheduled", False), ("Ready", False), ("Allocated", True)]


async def test_a_watch_that_fails_begins_again(sdk: AgonesSdk, sidecar: Sidecar) -> None:
    sidecar.faults = [500]
    seen = trio.Event()
    await watch_until(sdk, lambda _: seen.set(), seen)


async def watch_until(
    sdk: AgonesSdk, notice: Callable[[AgonesServer], None], seen: trio.Event
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sdk.watch, notice)
        with trio.fail_after(PATIENCE_S):
            await seen.wait()
        nursery.cancel_scope.cancel()


def test_the_end_of_a_server() -> None:
    def read(state: str, deleted: Any) -> bool:
        body = {"object_meta": {"deletion_timestamp": deleted}, "status": {"state": state}}
        return AgonesServer.read(body).is_ending

    assert read("Shutdown", "0")
    assert read("Ready", "1764550000")
    assert not read("Ready", "0")
    assert not read("Ready", None)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.sampled_from(["object_meta", "spec", "status"]),
        st.dictionaries(
            st.sampled_from(["state", "health", "deletion_timestamp"]),
            anything | st.dictionaries(st.sampled_from(["period_seconds", "disabled"]), anything),
        )
        | anything,
    )
    | anything
)
def test_a_body_of_any_form_is_read(body: Any) -> None:
    read = AgonesServer.read(body)
    assert read.health_period_s > 0
