"""Where the tests find the checkout and the files beside them, whatever folder a test is in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: The checkout.
ROOT: Final = Path(__file__).parents[2]
TESTS: Final = ROOT / "tests"
#: Messages, traces and netcode scripts as JSON, read by Python and JavaScript.
VECTORS: Final = TESTS / "vectors"
#: The browser client's own tests and the packages that they need.
NODE_TESTS: Final = TESTS / "node"
#: Modules with rooms that the system tests serve, as an author serves his own.
SERVED_ROOMS: Final = TESTS / "system" / "rooms"
