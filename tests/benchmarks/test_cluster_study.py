"""The study of a directory, with a small cluster."""

from __future__ import annotations

import pytest

from benchmarks.studies import cluster
from gameserver.cluster.directory.contract import LEASE_S


@pytest.mark.long
async def test_every_figure_is_measured() -> None:
    counted = await cluster.run(nodes=5, rooms=50, players=500, window_s=1.0, seed=1)
    assert LEASE_S == 3.0
    assert counted.renewals >= 5
    assert counted.failed == 0
    assert counted.scripts >= counted.renewals
    assert all(figure for _, figure in cluster.rows(counted))
