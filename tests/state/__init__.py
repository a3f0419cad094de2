"""Tests of ``gameserver/state``."""
