"""Tests of ``gameserver/replication``."""
