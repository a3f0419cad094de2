"""From world to bytes: find what changed, decide who sees it, make one frame per seat.

Pure: no Trio, no sockets, no clock.
"""
