"""An arena for those who have signed in, served from the working directory as an author's own is."""

from __future__ import annotations

import quiet


class Arena(quiet.Arena):
    requires_token = True
