"""Tests of ``gameserver/gym``."""
