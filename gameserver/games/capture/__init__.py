"""Capture the flag in the fog: the worked example of the documentation's guide."""

from gameserver.games.capture.room import Capture

__all__ = ["Capture"]
