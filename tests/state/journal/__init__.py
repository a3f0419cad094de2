"""Tests of ``gameserver/state/journal``."""
