"""When a process that serves rooms looks for garbage.

Owns the garbage collector's settings; for whoever owns the process, once, before it serves.
A full collection looks at every object, and everything waits for it: a connection is some 400
objects, so with 1,000 players that takes 100 ms and more, at 20 Hz two ticks.  By default Python
does it each time that the objects have grown by a quarter, so a storm of joins has several.
"""

from __future__ import annotations

import gc
from typing import Final

#: A collection of the young after so many new objects, of the middle-aged after so many of those,
#: and a full one after so many of these in turn: with 1,250,000 new objects, or 3,000 players.
#: Until then what leaves in circles, some 12 KB of each player, stays in memory.
THRESHOLDS: Final = (5_000, 5, 50)


def keep_pauses_rare() -> None:
    """Leave out of all collections what is there by now, and do full ones rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
