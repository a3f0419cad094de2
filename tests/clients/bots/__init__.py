"""Tests of ``clients/bots``."""
