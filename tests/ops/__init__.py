"""Tests of ``gameserver/ops``."""
