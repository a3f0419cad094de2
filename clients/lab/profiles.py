"""Links by name, to try a game on them.  Pure.

Owns ``Profile`` and the eight that come with the lab.  A plain round trip such as ``150ms`` is a
profile too: half of that delay in each direction, and nothing else.

The sources of the numbers (round trips; half in each direction if a source does not say more):

``lan``
    Switched gigabit Ethernet: some tenths of a millisecond.
``cable``
    FCC, Measuring Broadband America, Fixed Broadband Reports: cable's average round trip is
    15-30 ms, nearly all panelists' packet loss is under 0.4 %.  In DOCSIS a modem must ask before
    it sends, so the path up takes longer.
``mobile``
    Ofcom, Measuring mobile broadband performance in the UK (2015): 53 ms on average on 4G; Mobile
    Matters (2023): 29.5 Mbit/s down and 7.6 up.  A radio block that is lost is sent again 8 ms
    later (3GPP TS 36.321, HARQ): that is its jitter; few losses are left for TCP to see.
``bad-wifi``
    Sui et al., Characterizing and Improving WiFi Latency in Large-Scale Operational Networks
    (MobiSys 2016): the hop to the access point takes 3 ms in the median, 20 ms at the 90th and 250
    ms at the 99th percentile.  Behind it lies ``cable``.  The jitter gives the 90th percentile; a
    loss in a hundred, and so a timeout of over 200 ms, the 99th.
``other-continent``
    Light in fibre makes 200 km in a millisecond, so 9,300 km (Frankfurt to Tokyo) take 93 ms there
    and back at the very least; round trips between cloud regions that are published (Azure network
    round-trip latency statistics) are 210-240 ms, as cables do not lie on great circles.
``train``
    Li et al., A Longitudinal Measurement Study of TCP Performance and Behavior in 3G/4G Networks
    Over High Speed Rails (IEEE/ACM ToN 2017), Wang et al., An Active-Passive Measurement Study of
    TCP Performance over LTE on High-speed Rails (WWW 2019): longer and more variable round trips,
    more loss, and stalls at handovers.  At 300 km/h cells of 1-2 km last 12-24 s each.
``lossy-1``, ``lossy-3``
    Not a measured link but a hard one of round numbers: 75 ms each way in the mean, give or take
    20 ms, and one segment in a hundred lost, or three.  ``python -m benchmarks tcploss`` compares
    them with the kernel's TCP over such a link.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from typing import Final

import attrs

from clients.lab.conditioner import Conditioner
from clients.lab.path import Outages, Path
from clients.lab.recovery import LEAST_TIMEOUT_S, Flight, Measured
from gameserver.errors import GameServerError

#: The mean absolute deviation of an exponential distribution, as a share of its mean.
_DEVIATION: Final = 2 / math.e

_BYTES_PER_MBIT: Final = 1e6 / 8
_ROUND_TRIP: Final = re.compile(r"(\d{1,4})ms")


class UnknownProfile(GameServerError):
    """No profile of a link has this name."""


@attrs.frozen(kw_only=True)
class Profile:
    """A link: the path up from a player to the server, the path down, and its outages.

    An outage of ``outage_s`` (least, most) comes once in each ``outage_every_s``.
    """

    name: str
    up: Path
    down: Path
    outage_every_s: float = math.inf
    outage_s: tuple[float, float] = (0.0, 0.0)

    @property
    def rtt_s(self) -> float:
        """The round trip without jitter, loss and queues."""
        return self.up.delay_s + self.down.delay_s

    @property
    def smoothed_rtt_s(self) -> float:
        """The smoothed round trip of TCP on this link."""
        return self.rtt_s + self.up.jitter_s + self.down.jitter_s

    @property
    def timeout_s(self) -> float:
        """The retransmission timeout of TCP on this link: SRTT + 4 RTTVAR (RFC 6298, 2.3).

        In Linux ``LEAST_TIMEOUT_S`` bounds ``4 RTTVAR``, not the sum (``tcp_rtt_estimator``).
        """
        deviation_s = _DEVIATION * (self.up.jitter_s + self.down.jitter_s)
        return self.smoothed_rtt_s + max(4 * deviation_s, LEAST_TIMEOUT_S)

    def conditioners(self, seed: str, *, begin_s: float) -> tuple[Conditioner, Conditioner]:
        """Return a connection over this link: its path up, and its path down.

        ``begin_s`` is the present time; ``seed`` decides all random numbers.
        """
        least_s, most_s = self.outage_s
        outages = Outages(
            f"{seed}/outages",
            begin_s=begin_s,
            every_s=self.outage_every_s,
            least_s=least_s,
            most_s=most_s,
        )
        measured = Measured(
            least_rtt_s=self.rtt_s,
            smoothed_rtt_s=self.smoothed_rtt_s,
            timeout_s=self.timeout_s,
        )

        def way(name: str, path: Path, back: Path) -> Conditioner:
            chance = random.Random(f"{seed}/{name}").random
            return Conditioner(path, Flight(path, back, measured, chance, outages))

        return way("up", self.up, self.down), way("down", self.down, self.up)


def _lossy(name: str, loss: float) -> Profile:
    path = Path(delay_s=0.055, jitter_s=0.020, bytes_per_s=10 * _BYTES_PER_MBIT, loss=loss)
    return Profile(name=name, up=path, down=path)


PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile(
            name="lan",
            up=Path(delay_s=0.0003, jitter_s=0.0001, bytes_per_s=1000 * _BYTES_PER_MBIT),
            down=Path(delay_s=0.0003, jitter_s=0.0001, bytes_per_s=1000 * _BYTES_PER_MBIT),
        ),
        Profile(
            name="cable",
            up=Path(delay_s=0.014, jitter_s=0.002, bytes_per_s=10 * _BYTES_PER_MBIT, loss=0.0005),
            down=Path(
                delay_s=0.010, jitter_s=0.001, bytes_per_s=100 * _BYTES_PER_MBIT, loss=0.0005
            ),
        ),
        Profile(
            name="mobile",
            up=Path(delay_s=0.028, jitter_s=0.008, bytes_per_s=7.6 * _BYTES_PER_MBIT, loss=0.002),
            down=Path(
                delay_s=0.022, jitter_s=0.005, bytes_per_s=29.5 * _BYTES_PER_MBIT, loss=0.002
            ),
        ),
        Profile(
            name="bad-wifi",
            up=Path(
                delay_s=0.0155,
                jitter_s=0.005,
                bytes_per_s=5 * _BYTES_PER_MBIT,
                loss=0.01,
                window_bytes=64 * 1024,
            ),
            down=Path(
                delay_s=0.0115,
                jitter_s=0.005,
                bytes_per_s=5 * _BYTES_PER_MBIT,
                loss=0.01,
                window_bytes=64 * 1024,
            ),
        ),
        Profile(
            name="other-continent",
            up=Path(delay_s=0.112, jitter_s=0.003, bytes_per_s=10 * _BYTES_PER_MBIT, loss=0.001),
            down=Path(delay_s=0.108, jitter_s=0.002, bytes_per_s=100 * _BYTES_PER_MBIT, loss=0.001),
        ),
        Profile(
            name="train",
            up=Path(
                delay_s=0.045,
                jitter_s=0.015,
                bytes_per_s=2 * _BYTES_PER_MBIT,
                loss=0.01,
                window_bytes=128 * 1024,
            ),
            down=Path(
                delay_s=0.040,
                jitter_s=0.012,
                bytes_per_s=8 * _BYTES_PER_MBIT,
                loss=0.01,
                window_bytes=128 * 1024,
            ),
            outage_every_s=20.0,
            outage_s=(0.2, 1.5),
        ),
        _lossy("lossy-1", 0.01),
        _lossy("lossy-3", 0.03),
    )
}


def profile_of(name: str) -> Profile:
    """Return the link called ``name``, or of a round trip such as ``150ms``.

    ``UnknownProfile`` names the links that exist.
    """
    if (profile := PROFILES.get(name)) is not None:
        return profile
    if (found := _ROUND_TRIP.fullmatch(name)) is not None:
        path = Path(delay_s=int(found[1]) / 2000)
        return Profile(name=name, up=path, down=path)
    raise UnknownProfile(
        f"there is no profile {name!r}; there are {', '.join(PROFILES)}, and round trips: 150ms"
    )


def profiles_of(names: str) -> Sequence[Profile]:
    """Return the links of a list of names with commas between them."""
    return [profile_of(name.strip()) for name in names.split(",")]
