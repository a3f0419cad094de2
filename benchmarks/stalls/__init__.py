"""``python -m benchmarks stalls``: every stop of the server's loop, and its cause."""
