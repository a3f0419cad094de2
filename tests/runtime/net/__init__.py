"""Tests of ``gameserver/runtime/net``."""
