"""The clients that play on a gameserver."""
