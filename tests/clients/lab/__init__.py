"""Tests of ``clients/lab``."""
