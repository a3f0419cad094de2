"""Running the lab's proxy in a terminal.

Owns the line of figures and the end at a signal.  ``proxy.py`` carries the bytes.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable

import trio

from clients.lab.profiles import Profile
from clients.lab.proxy import Endpoint, LabFigures, Proxy, open_proxy

#: Shows the text of a function again and again; its argument is the time since the last call.
Show = Callable[[Callable[[float], str]], Awaitable[None]]


def figure_line(before: LabFigures, now: LabFigures, elapsed_s: float) -> str:
    """Return the figures as one line; rates are since ``before``, ``elapsed_s`` ago."""
    up = (now.bytes_up - before.bytes_up) / elapsed_s / 1000
    down = (now.bytes_down - before.bytes_down) / elapsed_s / 1000
    return (
        f"connections {now.open} of {now.accepted}"
        f"   up {up:.1f} KB/s   down {down:.1f} KB/s"
        f"   on the way {now.waiting_bytes / 1000:.1f} KB"
        f"   stalls {now.stalls}"
        f"   broken {now.broken}   unreachable {now.unreachable}   refused {now.refused}"
    )


def opening_line(proxy: Proxy, listen: Endpoint) -> str:
    """Return the text to print when the lab listens."""
    profile = proxy.profile
    return (
        f"{listen} leads to {proxy.to} by {profile.name}: "
        f"round trip {profile.rtt_s * 1000:g} ms, "
        f"a lost segment is sent again within {profile.timeout_s * 1000:.0f} ms"
    )


def run_lab(
    profile: Profile,
    *,
    listen: Endpoint,
    to: Endpoint,
    seed: str,
    say: Callable[[str], None],
    show: Show,
) -> None:
    """Carry connections until SIGINT or SIGTERM; ``LabError`` if it cannot listen."""
    trio.run(_until_told_to_stop, profile, listen, to, seed, say, show)


async def _until_told_to_stop(
    profile: Profile,
    listen: Endpoint,
    to: Endpoint,
    seed: str,
    say: Callable[[str], None],
    show: Show,
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with open_proxy(profile, listen=listen, to=to, seed=seed) as (proxy, port):
            say(opening_line(proxy, Endpoint(listen.host, port)))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_keep_showing, proxy, show)
                await anext(aiter(signals))
                nursery.cancel_scope.cancel()


async def _keep_showing(proxy: Proxy, show: Show) -> None:
    before = proxy.figures()

    def line(elapsed_s: float) -> str:
        nonlocal before
        then, before = before, proxy.figures()
        return figure_line(then, before, elapsed_s)

    await show(line)
