"""One end of the study's link: ``python -m benchmarks.tcploss.end near|far FD``, in a namespace.

Owns the TUN device of its network namespace, whose descriptor it passes to the relay over the
socket ``FD``, and the connections: messages of a game's size at a game's rate, both ways at a time.
Tells how long each message took: both ends read one clock, the kernel's monotonic one.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
from typing import Any, Final

import trio

from benchmarks.tcploss.plan import Plan

NEAR: Final = "10.66.0.1"
FAR: Final = "10.66.0.2"
PORT: Final = 4000
DEVICE: Final = "lossy0"
#: ``linux/if_tun.h``: TUNSETIFF, and a device of bare IP packets.
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000
#: Number of the message, and when it was sent.
_STAMP: Final = struct.Struct("!qd")


def open_device(address: str) -> int:
    """Make the TUN device of this namespace, and return its descriptor."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    name = DEVICE.encode()
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name, _IFF_TUN | _IFF_NO_PI))
    for command in (f"addr add {address}/30 dev {DEVICE}", f"link set {DEVICE} up"):
        subprocess.run(["ip", *command.split()], check=True)
    return device


async def _send(stream: trio.SocketStream, plan: Plan, message_bytes: int, phase: float) -> None:
    begin_s = time.monotonic() + phase / plan.rate
    padding = bytes(message_bytes - _STAMP.size)
    for number in range(plan.messages):
        await trio.sleep(max(0.0, begin_s + number / plan.rate - time.monotonic()))
        await stream.send_all(_STAMP.pack(number, time.monotonic()) + padding)


async def _receive(stream: trio.SocketStream, plan: Plan, message_bytes: int) -> list[float]:
    """Return how long each message took that was sent after ``from_s``."""
    took_s: list[float] = []
    held = b""
    for _ in range(plan.messages):
        while len(held) < message_bytes:
            data = await stream.receive_some()
            if not data:
                raise SystemExit("the other end has gone")
            held += data
        number, sent_s = _STAMP.unpack_from(held)
        if number >= plan.first_counted:
            took_s.append(time.monotonic() - sent_s)
        held = held[message_bytes:]
    return took_s


def _set_up(stream: trio.SocketStream, plan: Plan) -> None:
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, plan.congestion.encode())


async def _carry(
    stream: trio.SocketStream, plan: Plan, out_bytes: int, in_bytes: int, phase: float
) -> list[float]:
    _set_up(stream, plan)
    took_s: list[float] = []

    async def receive() -> None:
        took_s.extend(await _receive(stream, plan, in_bytes))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        nursery.start_soon(_send, stream, plan, out_bytes, phase)
    return took_s


async def _near(plan: Plan) -> list[float]:
    took_s: list[float] = []

    async def connect(phase: float) -> None:
        stream = await trio.open_tcp_stream(FAR, PORT)
        took_s.extend(await _carry(stream, plan, plan.up_bytes, plan.down_bytes, phase))

    async with trio.open_nursery() as nursery:
        for number in range(plan.connections):
            nursery.start_soon(connect, number / plan.connections)
    return took_s


async def _far(plan: Plan, listeners: list[trio.SocketListener]) -> list[float]:
    took_s: list[float] = []

    async def serve(stream: trio.SocketStream, phase: float) -> None:
        took_s.extend(await _carry(stream, plan, plan.down_bytes, plan.up_bytes, phase))

    async with trio.open_nursery() as nursery:
        for number in range(plan.connections):
            stream = await listeners[0].accept()
            nursery.start_soon(serve, stream, number / plan.connections)
    return took_s


async def _play(role: str, control: socket.socket) -> list[float]:
    listeners = await trio.open_tcp_listeners(PORT, host=FAR) if role == "far" else []
    control.send(b"ready")
    raw: dict[str, Any] = json.loads(control.recv(4096))
    plan = Plan(**raw)
    return await (_near(plan) if role == "near" else _far(plan, listeners))


def main(role: str, descriptor: int) -> None:
    """Run as one end until all connections have carried their messages."""
    with socket.socket(fileno=descriptor) as control:
        device = open_device(NEAR if role == "near" else FAR)
        socket.send_fds(control, [b"device"], [device])
        took_s = trio.run(_play, role, control)
        sys.stdout.write(json.dumps(took_s))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
