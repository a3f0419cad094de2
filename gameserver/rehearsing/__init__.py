"""Parts of the checks of ``gameserver.testing``: random play, and a second process for it."""
