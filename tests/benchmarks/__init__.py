"""Tests of the benchmarks, which alone import them."""
