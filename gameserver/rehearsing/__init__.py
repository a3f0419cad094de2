"""What the checks of ``gameserver.testing`` need: random play, and a second process for it."""
