"""Tests of ``gameserver/runtime/rooms``."""
