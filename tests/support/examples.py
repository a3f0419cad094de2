"""How many examples a test with hypothesis tries, where it knows better than the profile."""

from __future__ import annotations

from hypothesis import settings

#: Number of examples that hypothesis tries by itself; the profiles of ``tests/conftest.py`` differ.
_ORDINARY = 100


def examples(count: int) -> int:
    """Return ``count``, or as many times that as the chosen profile tries more than usual."""
    return max(1, count * settings.default.max_examples // _ORDINARY)
