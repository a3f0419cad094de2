"""Tests of ``gameserver/runtime/admission``."""
