"""Evolution strategies: improves a policy by trying random changes of it, in pairs.

Owns the arithmetic (Salimans et al., 2017: mirrored sampling, ranks instead of returns).  The
caller plays the episodes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gameserver.gym.policy import Weights


def centred_ranks(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ranks of ``returns``, from -0.5 for the least to 0.5 for the greatest."""
    ranks = np.empty(len(returns))
    ranks[returns.argsort(kind="stable")] = np.arange(len(returns))
    return ranks / max(len(returns) - 1, 1) - 0.5


def improve(
    weights: Weights,
    play: Callable[[Weights, int], float],
    *,
    pairs: int,
    spread: float,
    rate: float,
    seed: int,
) -> tuple[Weights, float]:
    """Return better weights, and the mean return of this generation.

    ``play`` returns the return of an episode with some weights; both of a pair get the same seed.
    """
    chance = np.random.default_rng(seed)
    changes = [chance.standard_normal(weights.shape) for _ in range(pairs)]
    returns = np.array(
        [
            play(weights + sign * spread * change, seed * pairs + number)
            for number, change in enumerate(changes)
            for sign in (1, -1)
        ]
    )
    worth = centred_ranks(returns)
    gradient = sum(
        (worth[2 * n] - worth[2 * n + 1]) * change for n, change in enumerate(changes)
    ) / (2 * pairs * spread)
    return weights + rate * gradient, float(returns.mean())
