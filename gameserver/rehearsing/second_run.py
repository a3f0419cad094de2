"""The second process of ``Rehearsal.check_determinism``: plays, and writes each state.

Owns its standard output, to which nothing else is written: what the game prints goes to the
standard error.
"""

from __future__ import annotations

import json
import sys

from gameserver.rehearsing.second_process import LENGTH_BYTES, NOT_IMPORTED, Run, room_class_of
from gameserver.testing import states_of_play


def main() -> int:
    """Play what the standard input says."""
    output, sys.stdout = sys.stdout, sys.stderr
    run = Run(**json.load(sys.stdin))
    try:
        room = room_class_of(run)
    except Exception as error:  # noqa: BLE001 - importing runs the game's code
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return NOT_IMPORTED
    for state in states_of_play(room, run):
        output.buffer.write(len(state).to_bytes(LENGTH_BYTES, "big") + state)
        output.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
