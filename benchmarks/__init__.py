"""Measures the server beside its peers; see README.md in this folder."""
