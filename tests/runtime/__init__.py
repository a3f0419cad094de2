"""Tests of ``gameserver/runtime``."""
