"""Tests of ``gameserver/simulation``."""
