"""Tests of ``gameserver/runtime/sessions``."""
