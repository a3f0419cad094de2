"""Tests of ``clients``."""
