"""The connection to Redis or Valkey: opened by topology, opened anew when it breaks.

Owns the client, its deadlines, and what its errors become.  Never knows what a script does.

A link that does not answer is replaced: a TCP connection whose packets are dropped would otherwise
be trusted for many minutes.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.resources
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, TypeAlias

import coredis
import coredis.exceptions
import structlog
import trio
from coredis.connection import TCPLocation
from coredis.retry import NoRetryPolicy

from gameserver.cluster.directory.addresses import RedisAddress, Topology
from gameserver.cluster.directory.errors import DirectoryError, DirectoryUnavailable

log = structlog.get_logger(__name__)

# Each failed attempt to connect would be a traceback in the log; the caller tells it in a line.
logging.getLogger("coredis").addHandler(logging.NullHandler())
logging.getLogger("coredis").propagate = False

Client: TypeAlias = "coredis.Redis[bytes] | coredis.RedisCluster[bytes]"

#: The oldest version whose scripts and protocol suffice.
OLDEST: Final = (6, 2)
#: How long one call may take, and how many such calls in a row have the link replaced.
CALL_TIMEOUT_S: Final = 1.0
CALLS_TO_REPLACE: Final = 2
#: Wait before a link that could not be opened is tried again.
RETRY_S: Final = 0.25
_MOST_CONNECTIONS: Final = 4

_BROKEN: Final = (
    coredis.exceptions.ConnectionError,
    coredis.exceptions.ReadOnlyError,
    coredis.exceptions.SentinelError,
    coredis.exceptions.RedisClusterError,
    OSError,
    TimeoutError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)
#: Errors that are due to their causes, which say more.
_WRAPPING: Final = (coredis.exceptions.ConnectionError, OSError)
_SIGN_IN: Final = (
    coredis.exceptions.AuthenticationError,
    coredis.exceptions.AuthorizationError,
)


class Script:
    """A Lua script, known to servers by its hash."""

    def __init__(self, name: str) -> None:
        folder = importlib.resources.files("gameserver.cluster.directory") / "lua"
        self.text = "\n".join((folder / f"{each}.lua").read_text() for each in ("common", name))
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class RedisLink:
    """A client that is opened again whenever it breaks; made by ``open_link``."""

    def __init__(self, address: RedisAddress, call_timeout_s: float) -> None:
        self.address = address
        self._call_timeout_s = call_timeout_s
        self._client: Client | None = None
        self._opened = trio.Event()
        self._broken = trio.Event()
        self._unanswered = 0

    async def keep(self) -> None:
        """Keep a client open, for ever."""
        while True:
            try:
                async with _client(self.address, self._call_timeout_s) as client:
                    self._client = client
                    self._broken = trio.Event()
                    self._opened.set()
                    await self._broken.wait()
            except* (*_BROKEN, coredis.exceptions.RedisError, DirectoryError) as errors:
                log.debug("the directory cannot be opened", why=_reason(errors))
            self._replace()
            await trio.sleep(RETRY_S)

    def _replace(self) -> None:
        """Have the client replaced; calls wait for the next one."""
        if self._client is not None:
            self._client = None
            self._opened = trio.Event()
            self._broken.set()

    async def check(self) -> None:
        """Raise ``DirectoryError``, with the reason in words, unless the server will do."""
        where = f"directory: {self.address}"
        with trio.move_on_after(2 * self._call_timeout_s):
            try:
                async with _client(self.address, self._call_timeout_s) as client:
                    await _check_server(client, where)
                    return
            except* DirectoryError as errors:
                raise errors.exceptions[0] from None
            except* _SIGN_IN:
                raise DirectoryError(f"{where} refuses user or password") from None
            except* coredis.exceptions.UnknownCommandError:
                raise DirectoryError(f"{where} is older than {_version(OLDEST)}") from None
            except* (*_BROKEN, coredis.exceptions.RedisError) as errors:
                raise DirectoryUnavailable(f"{where} cannot be used: {_reason(errors)}") from None
        raise DirectoryUnavailable(f"{where} does not answer")

    async def run(self, script: Script, arguments: Sequence[str | bytes | int]) -> Any:
        """Run a script.  ``DirectoryUnavailable`` if it may not have run."""
        with trio.move_on_after(self._call_timeout_s) as timeout:
            await self._opened.wait()
            client = self._client
            assert client is not None
            try:
                answer = await self._run_on(client, script, arguments)
            except (*_BROKEN, coredis.exceptions.RedisError, RuntimeError) as error:
                if type(error) is RuntimeError and self._client is client:
                    raise  # not because the client was closed meanwhile
                if isinstance(error, _BROKEN) and self._client is client:
                    self._replace()
                raise DirectoryUnavailable(f"the directory failed: {_reason(error)}") from error
            self._unanswered = 0
            return answer
        assert timeout.cancelled_caught
        self._unanswered += 1
        if self._unanswered >= CALLS_TO_REPLACE:
            self._unanswered = 0
            self._replace()
        raise DirectoryUnavailable("the directory does not answer")

    async def _run_on(
        self, client: Client, script: Script, arguments: Sequence[str | bytes | int]
    ) -> Any:
        keys = [self.address.base]
        try:
            return await client.evalsha(script.sha, keys=keys, args=arguments)
        except coredis.exceptions.NoScriptError:
            # After a restart, a failover, or on the first call.
            return await client.eval(script.text, keys=keys, args=arguments)


@contextlib.asynccontextmanager
async def open_link(
    address: RedisAddress, call_timeout_s: float = CALL_TIMEOUT_S
) -> AsyncIterator[RedisLink]:
    """Keep a link to ``address`` in this block.  It need not be reachable."""
    link = RedisLink(address, call_timeout_s)
    # Not cancelled with the block: a node says goodbye over the link while it stops.
    keeping = trio.CancelScope(shield=True)

    async def keep() -> None:
        with keeping:
            await link.keep()

    error: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep)
        try:
            yield link
        except Exception as raised:  # noqa: BLE001 - raised again, where no nursery wraps it
            error = raised
        finally:
            keeping.cancel()
    if error is not None:
        raise error


@contextlib.asynccontextmanager
async def _client(address: RedisAddress, timeout_s: float) -> AsyncIterator[Client]:
    options: dict[str, Any] = {
        "username": address.user,
        "password": address.password,
        "connect_timeout": timeout_s,
        "stream_timeout": timeout_s,
        "retry_policy": NoRetryPolicy(),
    }
    if address.tls:
        options["ssl_context"] = _ssl_context(address)
    locations = [TCPLocation(host, port) for host, port in address.hosts]
    if address.topology is Topology.SINGLE:
        [(host, port)] = address.hosts
        options |= {"db": address.database, "max_connections": _MOST_CONNECTIONS}
        async with coredis.Redis(host, port, **options) as client:
            yield client
    elif address.topology is Topology.CLUSTER:
        async with coredis.RedisCluster(
            startup_nodes=locations, decode_responses=False, **options
        ) as cluster:
            yield cluster  # type: ignore[misc] # "bytes" is chosen by decode_responses
    else:
        sentinel_options: dict[str, Any] = {
            **options,
            "username": None,
            "password": address.sentinel_password,
        }
        del sentinel_options["retry_policy"]
        retry_policy = options.pop("retry_policy")
        async with (
            coredis.Sentinel(
                locations,
                sentinel_kwargs=sentinel_options,
                retry_policy=retry_policy,
                db=address.database,
                **options,
            ) as sentinel,
            sentinel.primary_for(address.service) as primary,
        ):
            yield primary


def _ssl_context(address: RedisAddress) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=address.ca)
        if address.certificate is not None:
            context.load_cert_chain(address.certificate, address.key)
    except (OSError, ssl.SSLError) as error:
        raise DirectoryError(f"directory: its TLS files cannot be used: {_reason(error)}") from None
    return context


async def _check_server(client: Client, where: str) -> None:
    info = await client.info("server")
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < OLDEST:
        raise DirectoryError(
            f"{where} is Redis {_version(version)}, which is older than {_version(OLDEST)}"
        )
    try:
        await client.eval("return redis.call('TIME')[1]", keys=["{gameserver}"], args=[])
    except (
        coredis.exceptions.AuthorizationError,
        coredis.exceptions.UnknownCommandError,
    ):
        raise DirectoryError(f"{where} runs no Lua scripts, or not for this user") from None


def _version(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def _reason(error: BaseException) -> str:
    """Return why something failed, without an address or a password."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif isinstance(error, _WRAPPING) and error.__cause__ is not None:
            error = error.__cause__
        else:
            break
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").lower().replace("_", " ")
    if isinstance(error, socket.gaierror):
        return str(error.strerror)  # its numbers are none of the system's
    if isinstance(error, TimeoutError) and not error.errno:
        return "no answer in time"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error).splitlines()[0] if str(error) else type(error).__name__
