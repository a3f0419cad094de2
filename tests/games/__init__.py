"""Tests of ``gameserver/games``."""
