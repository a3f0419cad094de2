"""The study of matchmaking: crowds that wait are matched, and everybody is counted once."""

from __future__ import annotations

from benchmarks.studies.queue import CROWDS, HEADER, Simulation, row


def test_every_crowd_is_played_and_counted() -> None:
    for crowd in CROWDS:
        simulation = Simulation(crowd, clock=lambda: 0.0)
        simulation.come(300)
        came = len(simulation.room.players)
        for _ in range(20):
            simulation.tick()
        outcome = simulation.outcome
        assert outcome.waiting[0] == came >= 300
        assert len(outcome.waits_s) + outcome.left_waiting == came
        assert bool(outcome.waits_s) is ("nobody" not in crowd.name)
        assert len(row(outcome)) == len(HEADER)


def test_a_crowd_is_the_same_each_time() -> None:
    first, second = (Simulation(CROWDS[1], seed=3, clock=lambda: 0.0) for _ in range(2))
    for simulation in (first, second):
        simulation.come(40)
        for _ in range(10):
            simulation.tick()
            simulation.come(2)
    assert first.outcome == second.outcome
