"""The named links: what their numbers promise."""

from __future__ import annotations

import pytest

from clients.lab.path import Path
from clients.lab.profiles import PROFILES, Profile, UnknownProfile, profile_of, profiles_of
from clients.lab.recovery import LEAST_TIMEOUT_S


def test_the_profiles_of_the_lab() -> None:
    real = ["lan", "cable", "mobile", "bad-wifi", "other-continent", "train"]
    assert list(PROFILES) == [*real, "lossy-1", "lossy-3"]
    assert all(name == profile.name for name, profile in PROFILES.items())


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_can_carry_the_game(name: str) -> None:
    profile = profile_of(name)
    for path in (profile.up, profile.down):
        assert path.bytes_per_s >= 100_000  # several times what the arena sends
        # A window that is smaller than what is on the way would be the bandwidth.
        assert path.window_bytes >= path.bytes_per_s * profile.rtt_s or path.window_bytes >= 65536
    assert profile.timeout_s >= LEAST_TIMEOUT_S + profile.rtt_s


def test_a_round_trip_is_a_profile() -> None:
    profile = profile_of("150ms")
    assert profile.rtt_s == pytest.approx(0.15)
    assert profile.up == profile.down
    assert (profile.up.loss, profile.up.jitter_s) == (0.0, 0.0)
    assert profile_of("0ms").rtt_s == 0


@pytest.mark.parametrize("name", ["", "LAN", "ms", "-5ms", "1.5ms", "99999ms", "mobile,lan"])
def test_an_unknown_profile_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownProfile, match="there are lan, cable"):
        profile_of(name)


def test_several() -> None:
    assert [p.name for p in profiles_of("lan, train,20ms")] == ["lan", "train", "20ms"]


def test_the_timeout_follows_rfc_6298_and_linux() -> None:
    # SRTT 24 + 3 ms; four deviations are less than the least of Linux, which comes on top.
    assert profile_of("cable").timeout_s == pytest.approx(0.027 + LEAST_TIMEOUT_S)
    assert profile_of("1000ms").timeout_s == pytest.approx(1.0 + LEAST_TIMEOUT_S)
    path = Path(delay_s=0.05, jitter_s=0.05)
    shaky = Profile(name="", up=path, down=path)
    assert 0.2 + 4 * 0.07 < shaky.timeout_s < 0.2 + 4 * 0.1


def test_both_directions_share_the_outages_and_nothing_else() -> None:
    up, down = profile_of("train").conditioners("seed", begin_s=0.0)
    for second in range(400):
        at_s = second / 10
        up.push(at_s, b"x")
        down.push(at_s, b"x")
    assert up.stalls > 0
    assert down.stalls > 0
    arrivals = [[s.arrives_s for s, _ in way._segments] for way in (up, down)]
    assert arrivals[0] != arrivals[1]
    assert up._flight._outages is down._flight._outages
