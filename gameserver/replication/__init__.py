"""From world to bytes: what changed, who sees it, one finished frame per seat.

Pure: no Trio, no sockets, no clock.
"""
