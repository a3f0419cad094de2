"""A client of the Agones SDK over REST: calls to the sidecar of the server's own pod.

Owns the requests, their retries, and the parts of answers that the server reads.  Never decides
when to call: ``agones_companion.py`` does.

The sidecar may start after the game server and may restart, so a call is repeated until it is
answered.  The caller may cancel it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Final, NoReturn, cast

import attrs
import httpx
import structlog
import trio

from gameserver.errors import GameServerError

log = structlog.get_logger(__name__)

PORT_VARIABLE: Final = "AGONES_SDK_HTTP_PORT"
DEFAULT_PORT: Final = "9358"
CALL_TIMEOUT_S: Final = 5.0
#: The pauses before a call is tried again double, up to the longest.
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0
#: A line of the watch; a GameServer has some kilobytes.
MOST_LINE_BYTES: Final = 2**20


class AgonesRefused(GameServerError):
    """The sidecar refuses a call, so trying again is of no use."""


@attrs.frozen
class AgonesServer:
    """The parts of a GameServer resource that the server reads."""

    state: str
    #: Whether the pod is about to be deleted.
    is_ending: bool
    health_period_s: float
    health_disabled: bool

    @classmethod
    def read(cls, body: Any) -> AgonesServer:
        """Read a GameServer in JSON; what is missing or of another type gets a default."""
        meta, spec, status = (_part(body, name) for name in ("object_meta", "spec", "status"))
        health = _part(spec, "health")
        state = str(status.get("state", ""))
        return cls(
            state=state,
            is_ending=state == "Shutdown" or _is_set(meta.get("deletion_timestamp")),
            health_period_s=_seconds(health.get("period_seconds"), 5.0),
            health_disabled=health.get("disabled") is True,
        )


def _part(body: Any, name: str) -> Mapping[str, Any]:
    value = body.get(name) if isinstance(body, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _is_set(timestamp: Any) -> bool:
    """Whether a timestamp is one; integers of 64 bits travel as texts, and 0 is none."""
    return timestamp not in (None, "", "0", 0)


def _seconds(value: Any, default: float) -> float:
    """Return a duration in JSON; 64-bit integers travel as texts."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return default
    return seconds if seconds > 0 else default


class _Body(httpx.AsyncByteStream):
    """The body of a request.

    The one of httpx is iterated by a generator, and a request that is cancelled drops that
    unfinished, for which Trio warns.
    """

    def __init__(self, content: bytes) -> None:
        self._parts = [content]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the content, once."""
        if not self._parts:
            raise StopAsyncIteration
        return self._parts.pop()


class AgonesSdk:
    """The calls; made by ``open_sdk``."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ready(self) -> None:
        """Report that this server may be allocated."""
        await self._insist("POST", "/ready", {})

    async def health(self) -> None:
        """Report that this server is healthy.  Tried once, because the next ping says the same."""
        with contextlib.suppress(httpx.HTTPError, AgonesRefused):
            await self._call("POST", "/health", {})

    async def allocate(self) -> None:
        """Report that this server is in use, so that nothing ends it."""
        await self._insist("POST", "/allocate", {})

    async def reserve(self, seconds: int) -> None:
        """Report that this server is in use for a duration, and may be allocated afterwards."""
        await self._insist("POST", "/reserve", {"seconds": str(seconds)})

    async def shutdown(self) -> None:
        """Ask for the end of the pod."""
        await self._insist("POST", "/shutdown", {})

    async def game_server(self) -> AgonesServer:
        """Return what Agones knows of this server."""
        return AgonesServer.read(await self._insist("GET", "/gameserver"))

    async def watch(self, notice: Callable[[AgonesServer], None]) -> NoReturn:
        """Call ``notice`` with what Agones knows of this server, at every change, for ever."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                timeout = httpx.Timeout(CALL_TIMEOUT_S, read=None)
                request = self._request("GET", "/watch/gameserver", timeout=timeout)
                answer = await self._client.send(request, stream=True)
                async with contextlib.aclosing(answer):
                    answer.raise_for_status()
                    pause_s = FIRST_PAUSE_S
                    await _read_lines(answer, lambda line: notice(_result(line)))
            except (httpx.HTTPError, ValueError) as error:
                log.debug("the watch of Agones ended", why=repr(error))
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _request(self, method: str, path: str, **options: Any) -> httpx.Request:
        request = self._client.build_request(method, path, **options)
        request.stream = _Body(request.content)
        return request

    async def _insist(self, method: str, path: str, body: Any = None) -> Any:
        """Call until there is an answer; ``AgonesRefused`` if it is a refusal."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await self._call(method, path, body)
            except (httpx.HTTPError, ValueError) as error:
                log.info(
                    "Agones does not answer yet", call=path, why=repr(error), again_in_s=pause_s
                )
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _call(self, method: str, path: str, body: Any) -> Any:
        answer = await self._client.send(self._request(method, path, json=body))
        if 400 <= answer.status_code < 500:
            raise AgonesRefused(f"Agones refuses {path}: {answer.status_code} {answer.text[:200]}")
        answer.raise_for_status()
        return answer.json()


def _result(line: bytes) -> AgonesServer:
    return AgonesServer.read(_part(json.loads(line), "result"))


async def _read_lines(answer: httpx.Response, take: Callable[[bytes], None]) -> None:
    """Call ``take`` with each line of a stream, but with no empty one."""
    data = b""
    generator = cast("AsyncGenerator[bytes, None]", answer.aiter_bytes())  # httpx tells less
    async with contextlib.aclosing(generator) as parts:
        async for part in parts:
            *lines, data = (data + part).split(b"\n")
            for line in filter(None, map(bytes.strip, lines)):
                take(line)
            if len(data) > MOST_LINE_BYTES:
                raise ValueError("a line is too long")


@contextlib.asynccontextmanager
async def open_sdk(environment: Mapping[str, str]) -> AsyncIterator[AgonesSdk]:
    """Talk to the sidecar of this pod, whose port Agones puts into the environment."""
    port = environment.get(PORT_VARIABLE, DEFAULT_PORT)
    # No proxy of the environment: the sidecar is in the same pod.
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", timeout=CALL_TIMEOUT_S, trust_env=False
    ) as client:
        yield AgonesSdk(client)
