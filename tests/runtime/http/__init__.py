"""Tests of ``gameserver/runtime/http``."""
