from collections.abc import Callable

from gameserver.runtime.sessions.reception import Reception

SOURCES: str

class MessagePath:
    def __init__(self, reception: Reception) -> None: ...
    def __call__(self, data: bytes) -> None: ...

def message_path(reception: Reception) -> Callable[[bytes], None]: ...
