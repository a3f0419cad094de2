"""Tests of ``clients/netcode``."""
