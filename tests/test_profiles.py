"""The named links: what their numbers promise."""

from __future__ import annotations

import pytest

from clients.lab.profiles import LEAST_TIMEOUT_S, PROFILES, UnknownProfile, profile_of, profiles_of


def test_the_six_of_the_house() -> None:
    assert list(PROFILES) == ["lan", "cable", "mobile", "bad-wifi", "other-continent", "train"]
    assert all(name == profile.name for name, profile in PROFILES.items())


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_can_carry_the_game(name: str) -> None:
    profile = profile_of(name)
    for path in (profile.up, profile.down):
        assert path.bytes_per_s >= 100_000  # several times what the arena sends
        # A window that is smaller than what is on the way would be the bandwidth.
        assert path.window_bytes >= path.bytes_per_s * profile.rtt_s or path.window_bytes >= 65536
    assert profile.timeout_s >= max(LEAST_TIMEOUT_S, profile.rtt_s)


def test_a_round_trip_is_a_profile() -> None:
    profile = profile_of("150ms")
    assert profile.rtt_s == pytest.approx(0.15)
    assert profile.up == profile.down
    assert (profile.up.loss, profile.up.jitter_s) == (0.0, 0.0)
    assert profile_of("0ms").rtt_s == 0


@pytest.mark.parametrize("name", ["", "LAN", "ms", "-5ms", "1.5ms", "99999ms", "mobile,lan"])
def test_what_is_no_profile_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(UnknownProfile, match="there are lan, cable"):
        profile_of(name)


def test_several() -> None:
    assert [p.name for p in profiles_of("lan, train,20ms")] == ["lan", "train", "20ms"]


def test_the_timeout_follows_rfc_6298() -> None:
    train = profile_of("train")
    # SRTT 85 + 27 ms, RTTVAR at most 27 ms.
    assert 0.112 < train.timeout_s < 0.112 + 4 * 0.027
    assert profile_of("cable").timeout_s == LEAST_TIMEOUT_S
    assert profile_of("1000ms").timeout_s == pytest.approx(1.0)


def test_both_directions_share_the_outages_and_nothing_else() -> None:
    up, down = profile_of("train").conditioners("seed", begin_s=0.0)
    for second in range(400):
        at_s = second / 10
        up.push(at_s, b"x")
        down.push(at_s, b"x")
    assert up.stalls > 0
    assert down.stalls > 0
    assert [s for s, _ in up._segments] != [s for s, _ in down._segments]
    assert up._outages is down._outages
