"""A small policy: one matrix of weights, from an observation to the scores of choices.

Owns its file, which is JSON, and its arithmetic.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]


class LinearPolicy:
    """Scores of ``choices`` from ``observed`` numbers; the weights include a constant one."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    @classmethod
    def new(cls, observed: int, choices: int) -> LinearPolicy:
        """Return the policy that has learnt nothing."""
        return cls(np.zeros((choices, observed + 1)))

    def scores(self, observation: NDArray[np.float32]) -> Weights:
        """Return the score of each choice."""
        found: Weights = self.weights[:, :-1] @ observation + self.weights[:, -1]
        return found

    def save(self, file: Path) -> None:
        """Write the weights, with four digits."""
        rows = [[float(f"{value:.4g}") for value in row] for row in self.weights]
        file.write_text(json.dumps(rows) + "\n")

    @classmethod
    def load(cls, file: Path) -> LinearPolicy:
        """Read what ``save`` wrote."""
        return cls(np.array(json.loads(file.read_text()), np.float64))
