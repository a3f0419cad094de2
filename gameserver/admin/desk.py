"""The desk: the actions of operators, however they arrive (HTTP, monitor, control socket).

Owns the list of actions with their arguments, the choice of the process that carries one out, and
the audit log.  Never checks a token: its callers do, and name the operator.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import attrs
import structlog

from gameserver.admin.node_actions import AdminError
from gameserver.errors import GameServerError
from gameserver.ops.logging import escaped
from gameserver.ops.metrics import Counters
from gameserver.runtime.admission.moderation import Moderation, network_of
from gameserver.storage.audit import AddAudit, AuditEntry
from gameserver.storage.errors import StorageError
from gameserver.storage.penalties import ADDRESS, BAN, IDENTITY, MUTE, AddPenalty, Penalty
from gameserver.storage.player_reports import CloseReport

log = structlog.get_logger(__name__)

#: Characters of an announcement, and of the reason of a kick, a ban or a mute.
MOST_TEXT: Final = 256
#: Entries of the audit log that are kept without a storage.  Overflow policy ``drop-oldest``.
AUDIT_IN_MEMORY: Final = 1000
#: The longest penalty that has an end; longer ones have none.
MOST_FOR_S: Final = 100 * 365 * 86400.0


class Nodes(Protocol):
    """The processes of the server; ``NodeActions`` answers in each."""

    async def ask_all(
        self, operation: str, arguments: Mapping[str, Any], *, only: str | None = None
    ) -> dict[str, Any]:
        """Return the answer of each process by its name, or only that of the process ``only``."""


@attrs.frozen
class Parameter:
    """An argument of an action: its type, and whether it may be left out."""

    type: type
    optional: bool = False
    most: int = MOST_TEXT

    def checked(self, name: str, value: Any) -> Any:
        """Return a value that fits; ``AdminError`` for any other."""
        if self.type is float and type(value) is int:
            value = float(value)
        if type(value) is not self.type:
            raise AdminError(f"{name} must be {_TYPES[self.type]}")
        if isinstance(value, str) and not (0 < len(value) <= self.most and value.isprintable()):
            raise AdminError(f"{name} must be 1 to {self.most} printable characters")
        if isinstance(value, float) and not 0 < value <= MOST_FOR_S:
            raise AdminError(f"{name} must be more than 0 and at most {MOST_FOR_S:g}")
        if isinstance(value, int) and not 0 <= value < 2**53:
            raise AdminError(f"{name} must be from 0 to 2**53")
        return value


_TYPES: Final = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_ROOM: Final = Parameter(str, most=128)
_SEAT: Final = Parameter(int)
_MAY_TEXT: Final = Parameter(str, optional=True)
_MAY_NUMBER: Final = Parameter(int, optional=True)
_WHOM: Final[dict[str, Parameter]] = {
    "room": Parameter(str, optional=True, most=128),
    "seat": _MAY_NUMBER,
    "identity": _MAY_TEXT,
    "address": _MAY_TEXT,
}
_PENALTY: Final = {**_WHOM, "for_s": Parameter(float, optional=True), "reason": _MAY_TEXT}


@attrs.frozen
class Action:
    """One action.  What ``changes`` anything is in the audit log."""

    parameters: Mapping[str, Parameter]
    changes: bool = True


ACTIONS: Final[Mapping[str, Action]] = {
    "nodes": Action({}, changes=False),
    "rooms": Action({}, changes=False),
    "players": Action({"room": attrs.evolve(_ROOM, optional=True)}, changes=False),
    "inspect": Action({"room": _ROOM}, changes=False),
    "penalties": Action({}, changes=False),
    "audit": Action({"limit": _MAY_NUMBER, "before": _MAY_NUMBER}, changes=False),
    "reports": Action({"limit": _MAY_NUMBER, "before": _MAY_NUMBER}, changes=False),
    "kick": Action({"room": _ROOM, "seat": _SEAT, "reason": _MAY_TEXT}),
    "ban": Action(_PENALTY),
    "mute": Action(_PENALTY),
    "unban": Action({"identity": _MAY_TEXT, "address": _MAY_TEXT}),
    "unmute": Action({"identity": _MAY_TEXT, "address": _MAY_TEXT}),
    "lock": Action({"room": _ROOM}),
    "unlock": Action({"room": _ROOM}),
    "announce": Action({"text": Parameter(str), "room": attrs.evolve(_ROOM, optional=True)}),
    "move": Action({"room": _ROOM, "seat": _SEAT, "to": _ROOM}),
    "drain": Action({"node": Parameter(str, optional=True, most=32)}),
    "close-report": Action({"report": _SEAT}),
}


class Desk:
    """The desk of one server.  ``nodes`` are its processes, ``moderation`` that of this one."""

    def __init__(self, nodes: Nodes, moderation: Moderation, counters: Counters) -> None:
        self._nodes = nodes
        self._moderation = moderation
        self._counters = counters
        self._kept: list[AuditEntry] = []
        self._carried_out: dict[str, Callable[..., Awaitable[Any]]] = {
            "nodes": self._list_nodes,
            "rooms": self._rooms,
            "players": self._players,
            "inspect": self._inspect,
            "penalties": self._penalties,
            "audit": self._audit_log,
            "reports": self._reports,
            "kick": self._kick,
            "ban": self._ban,
            "mute": self._mute,
            "unban": self._unban,
            "unmute": self._unmute,
            "lock": self._lock,
            "unlock": self._unlock,
            "announce": self._announce,
            "move": self._move,
            "drain": self._drain,
            "close-report": self._close_report,
        }

    async def carry_out(
        self, operator: str, came_from: str, action: str, arguments: Mapping[str, Any]
    ) -> Any:
        """Carry out an action for ``operator``, and return its result, of JSON's types.

        ``AdminError`` says in one line why that was not possible.
        """
        known = ACTIONS.get(action)
        if known is None:
            raise AdminError(f"there is no action {action!r:.40}; there are {', '.join(ACTIONS)}")
        if not known.changes:
            return await self._try(action, _checked(known, arguments), operator)
        outcome = "failed"
        try:
            result = await self._try(action, _checked(known, arguments), operator)
            outcome = result if isinstance(result, str) else json.dumps(result)
        except AdminError as error:
            outcome = f"refused: {error}"
            self._counters.admin_failures[action] += 1
            raise
        finally:
            self._counters.admin_actions[action] += 1
            await self._audit(operator, came_from, action, arguments, outcome)
        return result

    async def _try(self, action: str, arguments: dict[str, Any], operator: str) -> Any:
        if action in _BY_OPERATOR:
            arguments["operator"] = operator
        try:
            return await self._carried_out[action](**arguments)
        except AdminError:
            raise
        except GameServerError as error:
            raise AdminError(str(error)) from error

    # ------------------------------------------------------------ the audit log

    async def _audit(
        self,
        operator: str,
        came_from: str,
        action: str,
        arguments: Mapping[str, Any],
        outcome: str,
    ) -> None:
        said = {str(name)[:32]: _short(value) for name, value in list(arguments.items())[:16]}
        log.info(
            "admin",
            operator=operator,
            came_from=came_from,
            action=action,
            arguments=escaped(json.dumps(said)),
            outcome=escaped(outcome),
        )
        addition = AddAudit(
            operator=operator,
            came_from=came_from,
            action=action,
            arguments=said,
            result=outcome[:MOST_TEXT],
        )
        storage = self._moderation.storage
        if storage is not None:
            try:
                await storage.write(addition)
            except StorageError as error:
                log.warning("an action is in this log only", action=action, reason=str(error))
            else:
                return
        number = self._kept[-1].id + 1 if self._kept else 1
        now_s = self._moderation.clock()
        self._kept.append(
            AuditEntry(number, now_s, operator, came_from, action, said, outcome[:MOST_TEXT])
        )
        del self._kept[:-AUDIT_IN_MEMORY]

    async def _audit_log(self, limit: int = 100, before: int | None = None) -> list[Any]:
        limit = max(1, min(limit, 1000))
        storage = self._moderation.storage
        if storage is not None:
            entries = await storage.audit_log(limit, before=before)
        else:
            kept = [one for one in self._kept if before is None or one.id < before]
            entries = kept[: -limit - 1 : -1]
        return [attrs.asdict(entry) for entry in entries]

    # ------------------------------------------------------------ looking

    async def _list_nodes(self) -> list[str]:
        return list(await self._nodes.ask_all("rooms", {}))

    async def _rooms(self) -> list[Any]:
        answers = await self._nodes.ask_all("rooms", {})
        return [{"node": node, **room} for node, answer in answers.items() for room in _ok(answer)]

    async def _players(self, room: str | None = None) -> list[Any]:
        answers = await self._nodes.ask_all("players", {"room": room})
        found = {node: _ok(answer) for node, answer in answers.items() if answer is not None}
        if room is not None and not found:
            raise _no_room(room)
        return [{"node": node, **one} for node, players in found.items() for one in players]

    async def _inspect(self, room: str) -> Any:
        return await self._where_it_is(room, "inspect", {"room": room})

    async def _where_it_is(self, room: str, operation: str, arguments: Mapping[str, Any]) -> Any:
        """Return the answer of the process that has the room."""
        for answer in (await self._nodes.ask_all(operation, arguments)).values():
            if answer is not None:
                return _ok(answer)
        raise _no_room(room)

    # ------------------------------------------------------------ rooms and players

    async def _kick(self, room: str, seat: int, reason: str = "") -> Any:
        return await self._where_it_is(room, "kick", {"room": room, "seat": seat, "reason": reason})

    async def _lock(self, room: str) -> Any:
        return await self._where_it_is(room, "lock", {"room": room, "locked": True})

    async def _unlock(self, room: str) -> Any:
        return await self._where_it_is(room, "lock", {"room": room, "locked": False})

    async def _announce(self, text: str, room: str | None = None) -> str:
        answers = await self._nodes.ask_all("announce", {"text": text, "room": room})
        told = [_ok(answer) for answer in answers.values() if answer is not None]
        if room is not None and not told:
            raise _no_room(room)
        return f"told to {sum(told)} rooms"

    async def _move(self, room: str, seat: int, to: str) -> Any:
        return await self._where_it_is(room, "move", {"room": room, "seat": seat, "to": to})

    async def _drain(self, node: str | None = None) -> str:
        answers = await self._nodes.ask_all("drain", {}, only=node)
        told = {name: _ok(answer) for name, answer in answers.items() if answer is not None}
        if not told:
            raise AdminError(f"there is no node {node!r}")
        return "; ".join(f"{name}: {text}" if name else text for name, text in told.items())

    # ------------------------------------------------------------ bans and mutes

    async def _penalties(self) -> list[Any]:
        return [attrs.asdict(penalty) for penalty in self._moderation.penalties]

    async def _ban(self, operator: str, **asked: Any) -> Any:
        penalty = await self._add(BAN, operator, **asked)
        answers = await self._nodes.ask_all("enforce", {"penalty": attrs.asdict(penalty)})
        ended = sum(map(_ok, answers.values()))
        return f"{penalty.subject} is banned; {ended} sessions have ended{self._not_kept()}"

    async def _mute(self, operator: str, **asked: Any) -> Any:
        penalty = await self._add(MUTE, operator, **asked)
        await self._nodes.ask_all("enforce", {"penalty": attrs.asdict(penalty)})
        return f"{penalty.subject} is muted{self._not_kept()}"

    def _not_kept(self) -> str:
        kept = self._moderation.storage is not None
        return "" if kept else " until this server ends, because it has no storage"

    async def _add(
        self,
        kind: str,
        operator: str,
        *,
        room: str | None = None,
        seat: int | None = None,
        identity: str | None = None,
        address: str | None = None,
        for_s: float | None = None,
        reason: str = "",
    ) -> Penalty:
        if room is not None and seat is not None and identity is None and address is None:
            found = await self._where_it_is(room, "find", {"room": room, "seat": seat})
            identity = found["identity"]
            address = found["address"] if identity is None else None
            if identity is None and address is None:
                raise AdminError(f"seat {seat} of {room} has neither identity nor known address")
        of, subject = _subject(identity, address)
        return await self._moderation.add(
            AddPenalty(
                kind=kind,
                of=of,
                subject=subject,
                until_s=None if for_s is None else self._moderation.clock() + for_s,
                reason=reason,
                operator=operator,
            )
        )

    async def _unban(self, identity: str | None = None, address: str | None = None) -> str:
        return await self._end(BAN, identity, address)

    async def _unmute(self, identity: str | None = None, address: str | None = None) -> str:
        return await self._end(MUTE, identity, address)

    async def _end(self, kind: str, identity: str | None, address: str | None) -> str:
        of, subject = _subject(identity, address)
        was = await self._moderation.end(kind, of, subject)
        answers = await self._nodes.ask_all("lift", {"kind": kind, "of": of, "subject": subject})
        if not was and not any(_ok(answer) for answer in answers.values()):
            raise AdminError(f"there is no {kind} of {of} {subject}")
        return f"the {kind} of {subject} is over"

    # ------------------------------------------------------------ reports

    async def _reports(self, limit: int = 100, before: int | None = None) -> list[Any]:
        storage = self._moderation.storage
        if storage is None:
            return []
        reports = await storage.player_reports(max(1, min(limit, 1000)), before=before)
        return [attrs.asdict(report) for report in reports]

    async def _close_report(self, operator: str, report: int) -> str:
        storage = self._moderation.storage
        if storage is None or not (await storage.write(CloseReport(report, operator)))[0]:
            raise AdminError(f"there is no report {report}")
        return f"report {report} is closed"


#: The actions that are told which operator asks.
_BY_OPERATOR: Final = frozenset({"ban", "mute", "close-report"})


def arguments_in(text: str | bytes) -> dict[str, Any]:
    """Return the arguments in JSON; ``AdminError`` if they are no object."""
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise AdminError(f"the arguments are no JSON: {error}") from None
    if not isinstance(given, dict):
        raise AdminError("the arguments must be an object")
    return given


def _checked(action: Action, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked arguments of an action; ``AdminError`` names one that does not fit."""
    unknown = [name for name in arguments if name not in action.parameters]
    if unknown:
        known = ", ".join(action.parameters) or "none"
        raise AdminError(f"there is no argument {unknown[0]!r:.40}; there are {known}")
    checked = {}
    for name, parameter in action.parameters.items():
        value = arguments.get(name)
        if value is not None:
            checked[name] = parameter.checked(name, value)
        elif not parameter.optional:
            raise AdminError(f"{name} is missing")
    return checked


def _subject(identity: str | None, address: str | None) -> tuple[str, str]:
    if (identity is None) == (address is None):
        raise AdminError("give either identity or address, or room and seat of a player")
    if address is not None:
        return ADDRESS, str(network_of(address))
    assert identity is not None
    return IDENTITY, identity


def _ok(answer: Any) -> Any:
    """Return the result in the answer of a process; ``AdminError`` for a refusal."""
    if "error" in answer:
        raise AdminError(str(answer["error"]))
    return answer["ok"]


def _no_room(room: str) -> AdminError:
    return AdminError(f"there is no room {room}")


def _short(value: Any) -> Any:
    return value if isinstance(value, int | float | bool | None) else str(value)[:MOST_TEXT]
