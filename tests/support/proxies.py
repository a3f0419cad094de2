"""Real proxies for tests, with the files of ``gameserver deploy`` and ports of their own.

Owns what of these files a test has to replace: ports, certificates, and addresses of this machine
alone.  Each replaced text must be there, so that tests try what is written.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from gameserver.deploying.recipes import RECIPES
from tests.support.deployed_game import HOST, NAME, game
from tests.support.redis_server import free_port
from tests.support.sockets import authority

START_DEADLINE_S: Final = 30.0


def own_address() -> str:
    """Return an address of this machine that is not loopback, or loopback if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.1"
        address: str = sock.getsockname()[0]
        return address


def deployed(recipe: str, *servers: str, **given: Any) -> Mapping[str, str]:
    """Return the files of a recipe for these servers."""
    deployed = attrs.evolve(game(**given), rooms=("mygame:Game",), servers=servers)
    return RECIPES[recipe](deployed).files


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """Return ``text`` with each of ``changes`` made; each must find its place."""
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in:\n{text}"
        text = text.replace(old, new)
    return text


@attrs.define
class Proxy:
    """A running proxy; ``folder`` has its files."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int

    def url(self, host: str = "127.0.0.1") -> str:
        return f"wss://{host}:{self.port}"


def needed(program: str) -> str:
    """Return the path of a program; skip the test if there is none."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def write_certificate(folder: Path) -> None:
    """Write ``cert.pem``, ``key.pem``, and both in ``all.pem``, for this machine."""
    issued = authority().issue_cert("localhost", "127.0.0.1", own_address())
    certificate, key = issued.cert_chain_pems[0], issued.private_key_pem
    certificate.write_to_path(folder / "cert.pem")
    key.write_to_path(folder / "key.pem")
    (folder / "all.pem").write_bytes(certificate.bytes() + key.bytes())


@contextmanager
def haproxy(folder: Path, *servers: str, port: int | None = None) -> Iterator[Proxy]:
    """Run HAProxy with a master process; SIGUSR2 to it is a reload."""
    program, port = needed("haproxy"), port or free_port()
    file = haproxy_file(folder, port, *servers)
    with _running([program, "-W", "-f", str(file)], folder, port) as proxy:
        yield proxy


def haproxy_file(folder: Path, port: int, *servers: str) -> Path:
    """Write the configuration of HAProxy for ``port``."""
    write_certificate(folder)
    text = replaced(
        deployed("haproxy", *servers)["haproxy.cfg"],
        {
            "bind :80\n": f"bind 127.0.0.1:{free_port()}\n",
            f"bind :443 ssl crt /etc/haproxy/{NAME}.pem": f"bind :{port} ssl crt {folder}/all.pem",
        },
    )
    file = folder / "haproxy.cfg"
    file.write_text(text)
    return file


@contextmanager
def caddy(folder: Path, *servers: str, port: int | None = None) -> Iterator[Proxy]:
    """Run Caddy; ``reload_caddy`` has it read its file again."""
    program, port = needed("caddy"), port or free_port()
    file = caddy_file(folder, port, *servers)
    command = [program, "run", "--config", str(file), "--adapter", "caddyfile"]
    with _running(command, folder, port) as proxy:
        yield proxy


def caddy_file(folder: Path, port: int, *servers: str) -> Path:
    """Write the configuration of Caddy for ``port``.

    Debian's Caddy is older than the option ``stream_close_delay``, so its line is left out.
    """
    write_certificate(folder)
    text = replaced(
        deployed("caddy", *servers)["Caddyfile"],
        {
            "\n\tstream_close_delay 600s": "",
            f"\n{HOST} {{": f"\n:{port} {{\n\ttls {folder}/cert.pem {folder}/key.pem",
        },
    )
    admin = f"{{\n\tadmin localhost:{free_port()}\n\tauto_https disable_redirects\n}}\n"
    file = folder / "Caddyfile"
    file.write_text(admin + text)
    return file


@contextmanager
def gateway(folder: Path, port: int, any_node: str) -> Iterator[Proxy]:
    """Run the gateway of the recipe ``kubernetes``; the pod ``mygame-N`` is port N here."""
    program = needed("caddy")
    text = replaced(
        deployed("kubernetes")["Caddyfile"],
        {
            "\n:8080 {": f"\n:{port} {{",
            f"{{re.node.1}}.{NAME}-nodes:8000": "127.0.0.1:{re.node.2}",
            f"reverse_proxy {NAME}:8000": f"reverse_proxy {any_node}",
        },
    )
    file = folder / "Caddyfile"
    file.write_text(text)
    command = [program, "run", "--config", str(file), "--adapter", "caddyfile"]
    with _running(command, folder, port) as proxy:
        yield proxy


def reload_caddy(proxy: Proxy) -> None:
    file = proxy.folder / "Caddyfile"
    command = ["caddy", "reload", "--force", "--config", str(file), "--adapter", "caddyfile"]
    subprocess.run(command, check=True, capture_output=True, env=_environment(proxy.folder))


@contextmanager
def nginx(folder: Path, *servers: str, port: int | None = None) -> Iterator[Proxy]:
    """Run nginx; SIGHUP to it is a reload."""
    program, port = needed("nginx"), port or free_port()
    file = nginx_file(folder, port, *servers)
    with _running([program, "-c", str(file), "-g", "daemon off;"], folder, port) as proxy:
        yield proxy


def nginx_file(folder: Path, port: int, *servers: str) -> Path:
    """Write a configuration of nginx around those of the recipe."""
    write_certificate(folder)
    files = deployed("nginx", *servers)
    site = replaced(
        files[f"{NAME}.conf"],
        {
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "    listen [::]:80;\n": "",
            "listen 443 ssl;": f"listen {port} ssl;",
            "    listen [::]:443 ssl;\n": "",
            f"/etc/letsencrypt/live/{HOST}/fullchain.pem": f"{folder}/cert.pem",
            f"/etc/letsencrypt/live/{HOST}/privkey.pem": f"{folder}/key.pem",
        },
    )
    (folder / "site.conf").write_text(site)
    (folder / "main.conf").write_text(files[f"{NAME}-main.conf"])
    user = pwd.getpwuid(os.getuid()).pw_name
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"user {user};\ninclude {folder}/main.conf;\npid {folder}/nginx.pid;\n"
        f"error_log {folder}/error.log;\nworker_processes 1;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}include {folder}/site.conf;\n}}\n"
    )
    return file


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[Proxy]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=_environment(folder)
        )
    try:
        _wait_for(port, process, folder)
        yield Proxy(process, folder, port)
    finally:
        process.send_signal(signal.SIGTERM)  # kills workers too
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline_s = time.monotonic() + START_DEADLINE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            output = (folder / "output").read_text()
            assert process.poll() is None, output
            assert time.monotonic() < deadline_s, f"the proxy did not start\n{output}"
            time.sleep(0.01)
        else:
            return
