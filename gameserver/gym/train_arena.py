"""Trains ``arena_policy.json``: ``python -m gameserver.gym.train_arena [GENERATIONS [FILE]]``.

Owns how the arena's policy is trained: four pilots fly by the weights of a candidate, four others
by the present weights, and the return is the mean reward of the first four.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console

from gameserver.gym.arena import CHOICES, OBSERVED, POLICY_FILE, ArenaEnvironment, controls
from gameserver.gym.evolution import improve
from gameserver.gym.policy import LinearPolicy, Weights

PLAYERS: Final = 8
LEARNERS: Final = 4
STEPS: Final = 300
#: The ticks for which controls are held, about as long as a person does.
TICKS_PER_STEP: Final = 3
PAIRS: Final = 12
SPREAD: Final = 0.3
RATE: Final = 0.6
GENERATIONS: Final = 12


def episode(learner: Weights, others: Weights, seed: int, steps: int = STEPS) -> list[float]:
    """Return the sum of the rewards of each pilot; the first ``LEARNERS`` fly by ``learner``."""
    environment = ArenaEnvironment(players=PLAYERS, max_steps=steps, ticks_per_step=TICKS_PER_STEP)
    policies = [LinearPolicy(learner if n < LEARNERS else others) for n in range(PLAYERS)]
    observations, _ = environment.reset(seed=seed)
    sums = dict.fromkeys(environment.agents, 0.0)
    while environment.agents:
        actions: dict[str, Any] = {}
        for agent, policy in zip(environment.possible_agents, policies, strict=True):
            scores = policy.scores(observations[agent])
            actions[agent] = environment.action_of(controls(scores, environment.view(agent)))
        observations, rewards, _, _, _ = environment.step(actions)
        for agent, reward in rewards.items():
            sums[agent] += reward
    return [sums[agent] for agent in environment.possible_agents]


def train(generations: int, file: Path, console: Console) -> None:
    """Train for a number of generations, and write each new best policy to the file."""
    weights = LinearPolicy.new(OBSERVED, CHOICES).weights
    for generation in range(generations):
        now = weights

        def play(candidate: Weights, seed: int, now: Weights = now) -> float:
            return float(np.mean(episode(candidate, now, seed)[:LEARNERS]))

        weights, mean = improve(
            weights, play, pairs=PAIRS, spread=SPREAD, rate=RATE, seed=generation
        )
        console.print(f"generation {generation + 1}: {mean:.2f} a pilot", highlight=False)
        LinearPolicy(weights).save(file)
    fresh = LinearPolicy.new(OBSERVED, CHOICES).weights
    sums = [episode(weights, fresh, seed) for seed in range(1000, 1008)]
    learnt = np.mean([one[:LEARNERS] for one in sums])
    unlearnt = np.mean([one[LEARNERS:] for one in sums])
    console.print(f"learnt {learnt:.2f}, not learnt {unlearnt:.2f} a pilot", highlight=False)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    train(
        int(arguments[0]) if arguments else GENERATIONS,
        Path(arguments[1]) if len(arguments) > 1 else POLICY_FILE,
        Console(),
    )
