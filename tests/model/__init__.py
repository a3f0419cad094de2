"""Tests of ``gameserver/model``."""
