"""Tests of ``gameserver/rehearsing``."""
