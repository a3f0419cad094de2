"""Tests of ``gameserver/protocol``."""
