"""Tests of ``clients/web``."""
