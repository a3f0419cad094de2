"""Schemas as TypeScript: names, types, and that the browser client agrees."""

from __future__ import annotations

import enum
import json
import re

import attrs
import msgpack
import pytest

from gameserver import command, elements, entity, event, number, synced, text, value
from gameserver.games.arena.room import Arena
from gameserver.model.options import named_fields
from gameserver.model.schema import Schema
from gameserver.model.typescript import RESERVED, property_names, typescript_of
from tests.support.matched_game import Listing, Mode
from tests.support.node_tools import run_node
from tests.support.paths import ROOT

WEB = ROOT / "clients" / "web"


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@value
class Item:
    """An item of the cargo."""

    kind: Colour
    count: int = number(0, 9, default=1)
    label: str = text(5)
    in_it: list[bytes] = elements(2)


@entity
class Thing:
    """A thing; with */ in its text."""

    kind: Colour = synced(Colour.RED)
    kind_: int = synced(0)
    id: int = synced(0)
    x: float = synced(0.0, step=0.5)
    speed: float = synced(0.0)
    name: str = synced("")
    data: bytes = synced(b"")
    on: bool = synced(True)
    pair: tuple[int, str] = synced((0, ""))
    many: tuple[Colour, ...] = synced(())
    maybe: tuple[tuple[int, ...] | None, ...] = synced(())
    hold: list[Item] = synced(factory=list)
    prices: dict[Colour, int] = synced(factory=dict)
    best: Item | None = synced(None)
    plan: Colour | None = synced(None, to="owner")
    values: int = synced(0, to="owner")
    hidden: int = 0


class Ways:
    """Where a name is taken already."""

    @command
    class Thing:
        """Ask for a thing."""

        count: int
        at: float | None = None
        how: float = number(-1.5, 2.5)
        why: str = text(12)
        tags: tuple[str, ...] = ()
        items: list[Item] = elements(3)

    @event
    class Colour:
        kind: str
        id: int


@command
class Nothing:
    pass


SCHEMA = Schema.of([Thing, Ways.Thing, Ways.Colour, Nothing])
EXPECTED = """
export type Colour = "RED" | "BLUE";

/** An item of the cargo. */
export interface Item {
  readonly kind: Colour;
  /** From 0 to 9. */
  readonly count: number;
  /** At most 5 long. */
  readonly label: string;
  /** At most 2 long. */
  readonly in_it: readonly Uint8Array[];
}

/** A thing; with * / in its text. */
export interface Thing {
  readonly kind: "Thing";
  readonly kind__: Colour;
  readonly kind_: number;
  readonly id_: number;
  readonly x: number;
  readonly speed: number;
  readonly name: string;
  readonly data: Uint8Array;
  readonly on: boolean;
  readonly pair: readonly [number, string];
  readonly many: readonly Colour[];
  readonly maybe: readonly (readonly number[] | null)[];
  readonly hold: readonly Item[];
  readonly prices: ReadonlyMap<Colour, number>;
  readonly best: Item | null;
  /** For its owner; null for all others. */
  readonly plan: Colour | null;
  /** For its owner; null for all others. */
  readonly values_: number | null;
}

export type Nothing = Record<string, never>;

/** Ask for a thing. */
export interface ThingCommand {
  count: number;
  at?: number | null;
  /** From -1.5 to 2.5. */
  how?: number;
  /** At most 12 long. */
  why?: string;
  /** At most 64 long. */
  tags?: readonly string[];
  /** At most 3 long. */
  items?: readonly Item[];
}

export interface ColourEvent {
  readonly kind: "Colour";
  readonly kind_: string;
  readonly id_: number;
}

export type Options = Record<string, never>;

export type Listing = Record<string, never>;

export interface Entities {
  Thing: Thing;
}

export interface Commands {
  Nothing: Nothing;
  Thing: ThingCommand;
}

export interface Events {
  Colour: ColourEvent;
}

/** For `GameClient<Game>`. */
export interface Game {
  entities: Entities;
  commands: Commands;
  events: Events;
  options: Options;
  listing: Listing;
  filters: Record<string, never>;
}
"""


def test_every_type_of_field() -> None:
    written = typescript_of(SCHEMA, "mygame:Mine")
    head, _, rest = written.partition(" */\n")
    assert rest == EXPECTED
    assert "    gameserver types mygame:Mine\n" in head
    assert f"The hash of its schema is {SCHEMA.hash}." in head


def test_options_and_listing() -> None:
    written = typescript_of(
        Schema.of([]),
        "mygame:Match",
        named_fields(Asked, "options"),
        named_fields(Listing, "listing"),
        ("mode", "level"),
    )
    _, _, rest = written.partition(" */\n\n")
    assert rest.startswith(
        """export type Mode = "CASUAL" | "RANKED";

/** The options of a room. */
export interface Options {
  /** At most 256 long. */
  team: string;
  mode?: Mode | null;
  /** From 2 to 8. */
  size?: number;
}

export interface Listing {
  mode: Mode;
  /** At most 256 long. */
  title: string;
  level: number;
  rated: boolean;
}
"""
    )
    assert '  filters: Partial<Pick<Listing, "mode" | "level">>;\n' in rest


@attrs.frozen
class Asked:
    """The options of a room."""

    team: str
    mode: Mode | None = None
    size: int = number(2, 8, default=4)


class Days:
    class Mood(enum.Enum):
        A = 1


class Nights:
    class Mood(enum.Enum):
        B = 1


@entity
class Sleeper:
    by_day: Days.Mood = synced(Days.Mood.A)
    by_night: Nights.Mood = synced(Nights.Mood.B)


def test_two_enums_of_one_name_are_two_types() -> None:
    written = typescript_of(Schema.of([Sleeper]), "mygame:Mine")
    assert 'export type Mood = "A";\n\nexport type MoodEnum = "B";' in written
    assert "readonly by_day: Mood;\n  readonly by_night: MoodEnum;" in written


def test_the_reserved_names_are_those_of_the_browser_client() -> None:
    source = (WEB / "net" / "schema.js").read_text()
    listed = re.search(r"export const RESERVED = new Set\(\[(.*?)\]\)", source, re.DOTALL)
    assert listed is not None
    assert set(re.findall(r'"(\w+)"', listed[1])) == RESERVED


@pytest.mark.node
@pytest.mark.parametrize("schema", [SCHEMA, Arena.schema()], ids=["odd names", "arena"])
def test_the_names_are_the_browser_clients(schema: Schema) -> None:
    packed = msgpack.packb(schema.describe()).hex()
    script = f"""
        import {{ Reader }} from "{(WEB / "net" / "msgpack.js").as_uri()}";
        import {{ Schema }} from "{(WEB / "net" / "schema.js").as_uri()}";
        const schema = Schema.read(new Reader(Buffer.from("{packed}", "hex")));
        const names = schema.entities.map((kind) => {{
          const made = kind.create(1, [], 0);
          return Object.keys(Object.getPrototypeOf(made));
        }});
        console.log(JSON.stringify(names));
    """
    names = json.loads(run_node("--input-type=module", "-e", script, cwd=ROOT))
    for spec, known in zip(schema.entities, names, strict=True):
        assert property_names([*spec.fields, *spec.owner_fields]) == known
