"""Tests of ``gameserver/cli``."""
