"""Tests of the demo game.  A package, so that its modules may be called like those of others."""
