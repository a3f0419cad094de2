"""Tests of ``gameserver/load``."""
