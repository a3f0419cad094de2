"""The directory of a host over a channel: its supervisor holds it, and its nodes call it.

Owns the form of arguments and results on the channel; it follows from the annotations of the
contract.  Never decides anything: ``directory/memory.py`` does.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import cattrs
from typing_extensions import override

from gameserver.cluster.calls import Call, Caller, CallFailed, CallRefused, Operation
from gameserver.cluster.directory.contract import HOLD_S, MAX_PAGE, Directory
from gameserver.cluster.directory.errors import (
    DirectorySettling,
    DirectoryUnavailable,
    LeaseOver,
)
from gameserver.cluster.directory.listings import (
    Candidates,
    Claim,
    NodeListing,
    NodePage,
    Renewal,
    RoomListing,
    RoomPage,
)

#: The operations on the channel are called as in the contract, behind this prefix.
PREFIX: Final = "directory."
#: How long a node waits for the directory of its own host.
DEADLINE_S: Final = 2.0

_CONVERTER: Final = cattrs.Converter()
_CONVERTER.register_structure_hook(type(None), lambda _value, _type: None)


def _names() -> list[str]:
    return [name for name, member in vars(Directory).items() if inspect.iscoroutinefunction(member)]


def _parameters(name: str) -> dict[str, Any]:
    """Return the types of an operation's parameters by name, in order."""
    member = getattr(Directory, name)
    hints = typing.get_type_hints(member)
    return {each: hints[each] for each in inspect.signature(member).parameters if each != "self"}


_PARAMETERS: Final = {name: _parameters(name) for name in _names()}
_RESULTS: Final = {
    name: typing.get_type_hints(getattr(Directory, name))["return"] for name in _names()
}


def directory_operations(directory: Directory) -> dict[str, Operation]:
    """Return the operations of a channel by which another process calls ``directory``."""
    return {f"{PREFIX}{name}": _operation(directory, name) for name in _PARAMETERS}


def _operation(directory: Directory, name: str) -> Operation:
    parameters = _PARAMETERS[name]

    async def carry_out(call: Call) -> Any:
        arguments = {
            each: _CONVERTER.structure(value, wanted)
            for value, (each, wanted) in zip(call.arguments, parameters.items(), strict=True)
        }
        return _CONVERTER.unstructure(await getattr(directory, name)(**arguments))

    return carry_out


class CalledDirectory(Directory):
    """A directory in another process.  ``caller`` returns the present channel to it, or None."""

    def __init__(self, caller: Callable[[], Caller | None]) -> None:
        self._caller = caller

    async def _call(self, name: str, *arguments: Any) -> Any:
        caller = self._caller()
        if caller is None:
            raise DirectoryUnavailable("the supervisor of this host is away")
        try:
            result = await caller.call(
                f"{PREFIX}{name}", *_CONVERTER.unstructure(arguments), within_s=DEADLINE_S
            )
        except CallFailed as error:
            raise DirectoryUnavailable(str(error)) from error
        except CallRefused as error:
            raise _as_directory_error(error) from error
        return _CONVERTER.structure(result, _RESULTS[name])

    @override
    async def renew(self, node: NodeListing, rooms: Sequence[RoomListing]) -> Renewal:
        return typing.cast("Renewal", await self._call("renew", node, list(rooms)))

    @override
    async def leave(self, node: str) -> None:
        await self._call("leave", node)

    @override
    async def node(self, node: str) -> NodeListing | None:
        return typing.cast("NodeListing | None", await self._call("node", node))

    @override
    async def nodes(self, after: str = "", limit: int = MAX_PAGE) -> NodePage:
        return typing.cast("NodePage", await self._call("nodes", after, limit))

    @override
    async def claim(self, node: str, label: str, hold_s: float = HOLD_S) -> Claim:
        return typing.cast("Claim", await self._call("claim", node, label, hold_s))

    @override
    async def pass_on(self, node: str, label: str, fence: int, to: str) -> Claim:
        return typing.cast("Claim", await self._call("pass_on", node, label, fence, to))

    @override
    async def claim_new(
        self,
        node: str,
        kind: str,
        *,
        free_seats: int = 0,
        filters: Mapping[str, Any] | None = None,
        hold_s: float = HOLD_S,
    ) -> Claim:
        claim = await self._call("claim_new", node, kind, free_seats, filters, hold_s)
        return typing.cast("Claim", claim)

    @override
    async def release(self, node: str, label: str, fence: int) -> None:
        await self._call("release", node, label, fence)

    @override
    async def find(self, label: str) -> Claim | None:
        return typing.cast("Claim | None", await self._call("find", label))

    @override
    async def candidates(
        self, kind: str, filters: Mapping[str, Any], seats: int = 1, count: int = 2
    ) -> Candidates:
        found = await self._call("candidates", kind, dict(filters), seats, count)
        return typing.cast("Candidates", found)

    @override
    async def take_seats(self, label: str, fence: int, seats: int = 1) -> bool:
        return typing.cast("bool", await self._call("take_seats", label, fence, seats))

    @override
    async def rooms(self, after: str = "", limit: int = MAX_PAGE) -> RoomPage:
        return typing.cast("RoomPage", await self._call("rooms", after, limit))

    @override
    async def use_once(self, name: str, by: str, valid_s: float) -> bool:
        return typing.cast("bool", await self._call("use_once", name, by, valid_s))

    @override
    async def note_resumes(self, newest: Mapping[str, int]) -> None:
        await self._call("note_resumes", dict(newest))

    @override
    async def newest_resumes(self, lives: Sequence[str]) -> dict[str, int]:
        return typing.cast("dict[str, int]", await self._call("newest_resumes", list(lives)))


def _as_directory_error(error: CallRefused) -> Exception:
    if error.kind == DirectorySettling.__name__:
        return DirectorySettling(float(error.details or 0.0))
    if error.kind == LeaseOver.__name__:
        return LeaseOver(str(error))
    return DirectoryUnavailable(str(error))
