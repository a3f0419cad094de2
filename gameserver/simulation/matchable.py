"""The options, the listing and the filters of a room class.

Owns their relation: ``filter_by`` names fields of the listing, and a field of the options with the
same name is a filter too.  Pure; never knows which rooms there are.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any, Final

from gameserver.errors import LocalProtocolError, RemoteProtocolError
from gameserver.model import fieldtypes
from gameserver.model.fieldtypes import FieldType
from gameserver.model.options import NamedFields, named_fields
from gameserver.room import Room

_DIGITS: Final = re.compile(r"-?[0-9]{1,16}")
_FILTERABLE: Final = (fieldtypes.Bool, fieldtypes.Int, fieldtypes.Str, fieldtypes.Enumeration)


def check_matchable(room: type[Room]) -> None:
    """Raise ``LocalProtocolError``, naming class and field, for declarations that cannot work."""
    options = None if room.options is None else named_fields(room.options, "options")
    listing = _listing_of(room)
    if listing is not None:
        _check_listing(listing)
    if isinstance(room.filter_by, str):
        raise LocalProtocolError(
            f"{room.__name__}.filter_by is a tuple of names: write ({room.filter_by!r},)"
        )
    for name in room.filter_by:
        field = None if listing is None else listing.fields.get(name)
        if field is None:
            raise LocalProtocolError(
                f"{room.__name__}.filter_by names {name!r}, which is no field of its listing"
            )
        if not isinstance(_plain(field.type), _FILTERABLE):
            raise LocalProtocolError(
                f"{room.__name__}.filter_by names {name!r}: rooms are filtered by str, int, bool "
                "and enums"
            )
        option = None if options is None else options.fields.get(name)
        if option is not None and _plain(option.type) != _plain(field.type):
            raise LocalProtocolError(
                f"{room.__name__}.filter_by names {name!r}, which has one type in its options "
                "and another in its listing"
            )


def _check_listing(listing: NamedFields) -> None:
    if listing.required:
        raise LocalProtocolError(
            f"{listing.cls.__name__}.{listing.required[0]}: needs a default, for a room begins "
            "with it"
        )
    for name, field in listing.fields.items():
        if isinstance(_plain(field.type), fieldtypes.Bytes):
            raise LocalProtocolError(f"{listing.cls.__name__}.{name}: JSON has no bytes; use a str")


def _plain(field_type: FieldType) -> FieldType:
    return field_type.item if isinstance(field_type, fieldtypes.Optional) else field_type


def _listing_of(room: type[Room]) -> NamedFields | None:
    return None if room.listing is None else named_fields(room.listing, "listing")


def options_of(room: type[Room], given: Mapping[str, Any]) -> Any:
    """Return the options that came by name, checked; None if the room has no options.

    ``RemoteProtocolError`` names the field that is unknown, missing or wrong.
    """
    if room.options is not None:
        return named_fields(room.options, "options").read(given)
    for name in given:
        raise RemoteProtocolError(f"options.{name[:32]}: this room has no options")
    return None


def options_named(room: type[Room], options: Any) -> dict[str, Any]:
    """Return checked options by name, for ``options_of`` to read again."""
    assert room.options is not None
    return named_fields(room.options, "options").named(options)


def filters_of(room: type[Room], options: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the listing of a room must have, by the name of the field.

    A filter that was ``given`` overrides the option of the same name; None is no filter.
    """
    listing, wanted = _listing_of(room), {}
    for name in room.filter_by:
        value = getattr(options, name, None)
        if value is not None:
            wanted[name] = value
    for name, value in given.items():
        if listing is None or name not in room.filter_by:
            known = ", ".join(room.filter_by) or "none"
            raise RemoteProtocolError(f"filter.{name[:32]}: no such filter; there are: {known}")
        field_type = _plain(listing.fields[name].type)
        try:
            wanted[name] = listing.value(name, _of_text(field_type, value))
        except RemoteProtocolError as error:
            raise RemoteProtocolError(str(error).replace("listing.", "filter.", 1)) from None
    return wanted


def _of_text(field_type: FieldType, given: Any) -> Any:
    """Return a value that came as a text, as it does in ``arena?size=4``."""
    if type(given) is str:
        if isinstance(field_type, fieldtypes.Int) and _DIGITS.fullmatch(given):
            return int(given)
        if isinstance(field_type, fieldtypes.Bool):
            return {"true": True, "false": False}.get(given, given)
    return given


def listed(room: Room) -> dict[str, Any]:
    """Return the room's listing by name, for lists; ``LocalProtocolError`` names a wrong value."""
    listing = _listing_of(type(room))
    return {} if listing is None else listing.named(room.listing)


def filter_values(room: Room) -> tuple[Any, ...]:
    """Return the present values of the fields that rooms are filtered by, in their order."""
    listing = room.listing
    return tuple(getattr(listing, name) for name in room.filter_by)


def plain_filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return filter values as a directory takes them: members of enums by their names."""
    return {
        name: value.name if isinstance(value, enum.Enum) else value
        for name, value in filters.items()
    }
