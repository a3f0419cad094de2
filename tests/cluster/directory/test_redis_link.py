"""Why a directory cannot be used, in words."""

from __future__ import annotations

import errno
import socket

import pytest

from gameserver.cluster.directory.redis_link import _reason


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "?"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (TimeoutError(), "no answer in time"),
        (ExceptionGroup("", [ValueError("first\nsecond")]), "first"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_reason_is_one_line(error: Exception, why: str) -> None:
    assert _reason(error) == why
