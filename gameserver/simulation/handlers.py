"""``@handles``: the methods of a room that take commands, by the annotated class of the command.

Owns the map from command to method, made once for each room class, and the messages about handlers
that cannot work.  Calls no handler; ``stepper.py`` does.
"""

from __future__ import annotations

import dis
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from gameserver.errors import LocalProtocolError
from gameserver.model.schema import spec_of
from gameserver.model.specs import CommandSpec
from gameserver.room import Room

F = TypeVar("F", bound=Callable[..., Any])

_MARK: Final = "_gameserver_handles"
#: Room class → command class → name of the method.
_TABLES: Final[WeakKeyDictionary[type[Room], Mapping[type, str]]] = WeakKeyDictionary()


def handles(function: F) -> F:
    """Have this method of a room take the commands of the class that its last argument names.

    ::

        @handles
        def steer(self, player: Player, command: Steer) -> None: ...

    A union such as ``Steer | Stop`` takes both.  ``Room.on_command`` takes the commands that no
    method handles.
    """
    if not isinstance(function, types.FunctionType):
        what = getattr(function, "__name__", type(function).__name__)
        raise LocalProtocolError(
            f"@handles takes no arguments and stands alone above a method, not above {what}: "
            "the method's annotation names the command, as in "
            f"{_definition('steer', 'Steer')}"
        )
    setattr(function, _MARK, True)
    return function


def handlers_of(room: type[Room]) -> Mapping[type, str]:
    """Return the names of the methods that handle commands, by the class of the command.

    ``LocalProtocolError`` names the handler that cannot work and says what to write.
    """
    table = _TABLES.get(room)
    if table is None:
        table = _TABLES[room] = _table_of(room)
    return table


def _table_of(room: type[Room]) -> dict[type, str]:
    table: dict[type, str] = {}
    for name, function in _marked(room):
        _check_form(room, name)
        for command in _commands_of(room, name, function):
            if (other := table.setdefault(command, name)) != name:
                raise LocalProtocolError(
                    f"{room.__name__}.{other} and {room.__name__}.{name} both handle "
                    f"{command.__name__}: a command has one handler"
                )
    return table


def _marked(room: type[Room]) -> Iterator[tuple[str, types.FunctionType]]:
    """Yield the handlers; one that is overridden without the mark handles the same commands."""
    names: set[str] = set()
    for cls in room.__mro__:
        for name, value in list(vars(cls).items()):
            if hasattr(value, _MARK) and name not in names:
                names.add(name)
                yield name, value


def _definition(name: str, command: str) -> str:
    return f"def {name}(self, player: Player, command: {command}) -> None"


def _check_form(room: type[Room], name: str) -> None:
    function = getattr(room, name)
    if hasattr(Room, name):
        raise LocalProtocolError(
            f"{room.__name__}.{name} is called by the server anyway: take @handles away from it"
        )
    if inspect.iscoroutinefunction(function):
        raise LocalProtocolError(
            f"{room.__name__}.{name} must be a plain def: nothing waits inside a tick; "
            "self.background runs what takes time"
        )
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError:
        raise LocalProtocolError(
            f"{room.__name__}.{name} handles a command: write "
            f"{_definition(name, name.title().replace('_', ''))}"
        ) from None


def _commands_of(room: type[Room], name: str, function: Callable[..., Any]) -> Iterator[type]:
    annotation = annotation_of(room, function)
    right = _definition(name, "Steer")
    if annotation is None:
        raise LocalProtocolError(
            f"{room.__name__}.{name} does not say which command it handles: annotate the command, "
            f"as in {right}"
        )
    if isinstance(annotation, str):
        known = [spec.name for spec in room.schema().commands]
        close = get_close_matches(annotation, known, n=1, cutoff=0.6)
        hint = f"is {close[0]} meant?" if close else "import it, not only for type checkers"
        raise LocalProtocolError(f"{room.__name__}.{name}: there is no {annotation} here; {hint}")
    for cls in members_of(annotation):
        if not isinstance(cls, type) or not isinstance(spec_of(cls), CommandSpec):
            shown = getattr(cls, "__name__", cls)
            raise LocalProtocolError(
                f"{room.__name__}.{name}: {shown} is no command class; write {right}, with a class "
                "that @command has declared"
            )
        if cls not in room.schema().kinds:
            raise LocalProtocolError(
                f"{room.__name__}.{name} handles {cls.__name__}, which is not in "
                f"{room.__name__}.classes: add it there"
            )
        yield cls


def annotation_of(room: type[Room], function: Callable[..., Any]) -> Any:
    """Return the annotation of the command of ``function``, as text if it cannot be resolved."""
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) < 3 or parameters[2].annotation is inspect.Parameter.empty:
        return None
    annotation = parameters[2].annotation
    if not isinstance(annotation, str):
        return annotation
    # Only the room's schema has command classes that were declared inside a function.
    declared = {cls.__name__: cls for cls in room.schema().kinds}
    try:
        return eval(annotation, {**declared, **getattr(function, "__globals__", {})})
    except Exception:  # noqa: BLE001 - evaluates what the game wrote; its text says enough
        return annotation


def members_of(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type itself."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


# ---------------------------------------------------------------- checks of all commands


def complaints(room: type[Room]) -> Iterator[str]:
    """Yield a sentence for each command that nothing takes, or that could move too often."""
    table = handlers_of(room)
    commands = [cls for cls in room.schema().kinds if isinstance(spec_of(cls), CommandSpec)]
    others = [cls for cls in commands if cls not in table]
    if others and room.on_command is Room.on_command:
        for cls in others:
            if room.classes is None and any(_takes(other, cls) for other in _neighbours(room)):
                continue  # it is meant for another room of the module
            yield (
                f"{room.__name__} has no handler for {cls.__name__}: write @handles "
                f"{_definition(cls.__name__.lower(), cls.__name__)}, or leave {cls.__name__} out "
                f"of {room.__name__}.classes"
            )
        others = []
    for name in dict.fromkeys(table.values()):
        yield from _too_fast(room, name, [cls for cls in table if table[cls] == name])
    if others:
        yield from _too_fast(room, "on_command", _annotated_commands(room) or others)


def _neighbours(room: type[Room]) -> Iterator[type[Room]]:
    """Yield the other rooms that are declared in the modules of ``room``."""
    for module in {cls.__module__ for cls in room.__mro__ if issubclass(cls, Room)}:
        for other in list(vars(sys.modules[module]).values()):
            if isinstance(other, type) and issubclass(other, Room) and other not in (Room, room):
                yield other


def _takes(room: type[Room], command: type) -> bool:
    try:
        if command in handlers_of(room):
            return True
    except LocalProtocolError:
        return False  # that room's own trial reports its mistakes
    if room.on_command is Room.on_command:
        return False
    return command in (_annotated_commands(room) or [command])


def _annotated_commands(room: type[Room]) -> list[type]:
    """Return the command classes that the annotation of ``on_command`` names."""
    members = members_of(annotation_of(room, room.on_command))
    return [m for m in members if isinstance(m, type) and isinstance(spec_of(m), CommandSpec)]


def _too_fast(room: type[Room], name: str, commands: Sequence[type]) -> Iterator[str]:
    """Yield a complaint if a handler uses ``self.dt`` for commands that may repeat in a tick."""
    if room.input in commands or not _uses_dt(getattr(room, name)):
        return
    names = " or ".join(cls.__name__ for cls in commands)
    right = commands[0].__name__ if len(commands) == 1 else "… with the one that moves"
    yield (
        f"{room.__name__}.{name} uses self.dt, but a client may send {names} many times in one "
        f"tick and would move faster: write input = {right} in {room.__name__} (one per tick), or "
        "move in tick; to count ticks, use self.tick_rate"
    )


def _uses_dt(function: Any) -> bool:
    """Whether ``function`` reads ``dt`` of its first argument."""
    code = getattr(function, "__code__", None)
    if code is None or not code.co_varnames:
        return False
    this = code.co_varnames[0]
    return any(
        read.opname == "LOAD_ATTR" and read.argval == "dt" and _pushes(loaded, this)
        for loaded, read in pairwise(dis.get_instructions(code))
    )


def _pushes(instruction: dis.Instruction, name: str) -> bool:
    """Whether ``instruction`` leaves the variable on top of the stack."""
    loaded = instruction.argval
    return loaded == name or (isinstance(loaded, tuple) and loaded[-1:] == (name,))
