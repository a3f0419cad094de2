"""``python -m benchmarks stalls``: every stop of the server's loop, and who caused it."""
