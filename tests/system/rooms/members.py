"""An arena for those who have signed in, for the browser tests."""

from __future__ import annotations

import quiet


class Arena(quiet.Arena):
    requires_token = True
