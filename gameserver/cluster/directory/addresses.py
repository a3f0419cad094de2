"""The address of a directory: ``redis://…`` and its relatives.

Owns reading it.  Pure.  No error message repeats the address, for it may hold a password.

- ``redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]``
- ``redis+sentinel://[…@]HOST[:PORT][,HOST[:PORT]…]/SERVICE[/DATABASE]``
- ``redis+cluster://[…@]HOST[:PORT][,HOST[:PORT]…]``

``rediss`` in place of ``redis`` is TLS.  After ``?`` come ``prefix`` (before the names of all keys,
so that several games share a server), ``ca``, ``certificate`` and ``key`` (files, for TLS), and
``sentinel_password``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs

DEFAULT_PREFIX: Final = "gameserver"
_PORTS: Final = {"single": 6379, "cluster": 6379, "sentinel": 26379}
_SCHEME: Final = re.compile(r"redis(?P<tls>s?)(\+(?P<topology>sentinel|cluster))?")
_HOST: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_OPTIONS: Final = ("prefix", "ca", "certificate", "key", "sentinel_password")
_MAX_OPTIONS: Final = 16


class Topology(enum.Enum):
    """Of how many servers a directory consists, and how the one to ask is found."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class WrongAddress(ValueError):
    """The address of a directory cannot be read; the message says where the mistake is."""


@attrs.frozen(kw_only=True)
class RedisAddress:
    """Where a directory is, and how to sign in there."""

    topology: Topology
    hosts: tuple[tuple[str, int], ...]
    service: str = ""
    database: int = 0
    user: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    sentinel_password: str | None = attrs.field(default=None, repr=False)
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    prefix: str = DEFAULT_PREFIX

    @property
    def base(self) -> str:
        """The prefix of all keys: one hash tag, so they lie in one slot of a cluster."""
        return "{" + self.prefix + "}"

    def __str__(self) -> str:
        """Return the address for logs and errors, without secrets."""
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        scheme = "rediss" if self.tls else "redis"
        if self.topology is not Topology.SINGLE:
            scheme += f"+{self.topology.value}"
        return f"{scheme}://{hosts}" + (f"/{self.service}" if self.service else "")


def read_address(text: str) -> RedisAddress:
    """Return the address in ``text``; ``WrongAddress`` if it is none."""
    scheme, separator, rest = text.partition("://")
    match = _SCHEME.fullmatch(scheme)
    if match is None or not separator:
        raise WrongAddress(
            "must begin with redis://, rediss://, redis+sentinel:// or redis+cluster://"
        )
    topology = Topology(match["topology"] or "single")
    # The scheme is ours; a known one has urlsplit treat several hosts and "?" alike everywhere.
    try:
        parts = urlsplit(f"http://{rest}")
    except ValueError:
        raise WrongAddress("has a wrong host") from None
    if parts.fragment:
        raise WrongAddress('has a "#": write %23 for one in a password')
    signing_in, _, places = parts.netloc.rpartition("@")
    user, _, password = signing_in.partition(":")
    path = [unquote(part) for part in parts.path.split("/")[1:] if part]
    service = ""
    if topology is Topology.SENTINEL:
        if not path:
            raise WrongAddress(
                "must name the service of the sentinels: redis+sentinel://HOST/SERVICE"
            )
        service = path.pop(0)
    options = _options(parts.query)
    if (options.get("certificate") is None) != (options.get("key") is None):
        raise WrongAddress("must have certificate and key together")
    return RedisAddress(
        topology=topology,
        hosts=_hosts(places, topology),
        service=service,
        database=_database(path, topology),
        user=unquote(user) or None,
        password=unquote(password) or None,
        sentinel_password=options.get("sentinel_password"),
        tls=bool(match["tls"]),
        ca=_path(options, "ca"),
        certificate=_path(options, "certificate"),
        key=_path(options, "key"),
        prefix=options.get("prefix", DEFAULT_PREFIX),
    )


def _hosts(places: str, topology: Topology) -> tuple[tuple[str, int], ...]:
    hosts = []
    for place in places.split(","):
        match = _HOST.fullmatch(place)
        if match is None:
            raise WrongAddress("has a wrong host" if place else "names no host")
        port = int(match["port"] or _PORTS[topology.value])
        if not 0 < port < 65536:
            raise WrongAddress("has a wrong port")
        hosts.append((match["host"].strip("[]"), port))
    if len(hosts) > 1 and topology is Topology.SINGLE:
        raise WrongAddress("has several hosts: write redis+sentinel:// or redis+cluster://")
    return tuple(hosts)


def _database(path: list[str], topology: Topology) -> int:
    if not path:
        return 0
    if topology is Topology.CLUSTER:
        raise WrongAddress("has a path, but a cluster has one database")
    if len(path) > 1 or not re.fullmatch(r"[0-9]{1,5}", path[0]):
        raise WrongAddress("has a wrong path: the database is a number")
    return int(path[0])


def _options(query: str) -> dict[str, str]:
    try:
        options = dict(
            parse_qsl(
                query, keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_OPTIONS
            )
            if query
            else ()
        )
    except ValueError:
        raise WrongAddress("has options that are not of the form name=value") from None
    for name in options:
        if name not in _OPTIONS:
            raise WrongAddress(f"has an unknown option; there are {', '.join(_OPTIONS)}")
    if not _PREFIX.fullmatch(options.get("prefix", DEFAULT_PREFIX)):
        raise WrongAddress("has a wrong prefix: 1 to 64 characters of a-z A-Z 0-9 _ . : -")
    return options


def _path(options: Mapping[str, str], name: str) -> Path | None:
    return Path(options[name]) if options.get(name) else None
