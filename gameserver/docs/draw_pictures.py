"""Draws the diagrams of the documentation: ``python gameserver/docs/draw_pictures.py``.

Owns what each diagram shows, and writes it as SVG into ``pages/pictures/``, where code hosts and
the built site find it.  A test draws all of them anew and compares.  Never draws results: the
benchmarks plot those.
"""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Callable, Sequence
from html import escape
from typing import Final, TypeAlias

import attrs

PICTURES: Final = pathlib.Path(__file__).parent / "pages" / "pictures"

INK: Final = "#263238"
PALE_INK: Final = "#607d8b"
PAPER: Final = "#fafbff"
BLUE: Final = "#e3e8fb"
STRONG_BLUE: Final = "#3f51b5"
GREEN: Final = "#e0f2e9"
AMBER: Final = "#fdf0d5"
GREY: Final = "#eceff1"

FONT_PX: Final = 13
LINE_PX: Final = 18

Point: TypeAlias = tuple[float, float]


@attrs.frozen
class Box:
    """A rectangle on the picture, with the points where arrows begin and end."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> Point:
        """The middle of the left side; ``right``, ``top`` and ``bottom`` likewise."""
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> Point:
        """See ``left``."""
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> Point:
        """See ``left``."""
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> Point:
        """See ``left``."""
        return self.x + self.width / 2, self.y + self.height


class Picture:
    """One diagram of ``width`` times ``height`` pixels, built up from back to front.

    It has a background of its own, so that it can be read on light and on dark pages.
    """

    def __init__(self, title: str, width: int, height: int) -> None:
        self._parts = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                f'width="{width}" height="{height}" font-family="system-ui, sans-serif" '
                f'font-size="{FONT_PX}" fill="{INK}" role="img">'
            ),
            f"<title>{escape(title)}</title>",
            (
                '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
                f'markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="{PALE_INK}"/>'
                "</marker></defs>"
            ),
            f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>',
        ]

    def box(self, x: float, y: float, width: float, height: float, fill: str = BLUE) -> Box:
        """Draw an empty rectangle with rounded corners."""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" '
            f'fill="{fill}" stroke="{PALE_INK}"/>'
        )
        return Box(x, y, width, height)

    def labelled(
        self, x: float, y: float, width: float, height: float, text: str, fill: str = BLUE
    ) -> Box:
        """Draw a rectangle with lines of text in its middle; the first one is bold."""
        box = self.box(x, y, width, height, fill)
        lines = text.split("\n")
        first_y = y + height / 2 - (len(lines) - 1) * LINE_PX / 2 + FONT_PX * 0.35
        for number, line in enumerate(lines):
            self.text(x + width / 2, first_y + number * LINE_PX, line, bold=not number)
        return box

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: str = "middle",
        bold: bool = False,
        pale: bool = False,
    ) -> None:
        """Write one line; ``x`` is its middle, or its ``start`` or ``end``."""
        weight = ' font-weight="600"' if bold else ""
        colour = f' fill="{PALE_INK}"' if pale else ""
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{weight}{colour}>'
            f"{escape(text)}</text>"
        )

    def arrow(self, *points: Point) -> None:
        """Draw a line through ``points`` with a head at its end."""
        way = "L".join(f"{x:g} {y:g}" for x, y in points)
        self._parts.append(
            f'<path d="M{way}" fill="none" stroke="{PALE_INK}" stroke-width="1.5" '
            'marker-end="url(#head)"/>'
        )

    def line(self, start: Point, end: Point, *, dashed: bool = False) -> None:
        """Draw a line without a head."""
        dashes = ' stroke-dasharray="4 4"' if dashed else ""
        self._parts.append(
            f'<path d="M{start[0]:g} {start[1]:g}L{end[0]:g} {end[1]:g}" '
            f'stroke="{PALE_INK}" stroke-width="1.5"{dashes}/>'
        )

    def dot(self, centre: Point, colour: str = STRONG_BLUE, radius: float = 6) -> None:
        """Draw a filled circle."""
        self._parts.append(
            f'<circle cx="{centre[0]:g}" cy="{centre[1]:g}" r="{radius:g}" fill="{colour}"/>'
        )

    def svg(self) -> str:
        """Return the picture as a file."""
        return "\n".join([*self._parts, "</svg>", ""])


def tick() -> Picture:
    """The way of a command from a key press to a picture."""
    picture = Picture("A command's way to the server, and the change's way back", 760, 330)
    picture.text(20, 32, "client", anchor="start", bold=True, pale=True)
    key = picture.labelled(20, 48, 110, 60, "key press", GREY)
    predict = picture.labelled(170, 48, 150, 60, "predict\nthe own ship", GREEN)
    send = picture.labelled(360, 48, 170, 60, "send\ncommand for tick T", GREEN)
    show = picture.labelled(590, 48, 150, 60, "draw\nothers in the past", GREEN)
    picture.arrow(key.right, predict.left)
    picture.arrow(predict.right, send.left)
    picture.line((20, 150), (740, 150), dashed=True)
    picture.text(20, 172, "server, at tick T", anchor="start", bold=True, pale=True)
    steps = [
        ("1 read", "all links"),
        ("2 commands", "on_command"),
        ("3 texts", "on_say"),
        ("4 tick", "fixed dt"),
        ("5 failures", "and kicks"),
        ("6 publish", "a delta a seat"),
    ]
    boxes = [
        picture.labelled(20 + 123 * number, 230, 105, 70, "\n".join(step))
        for number, step in enumerate(steps)
    ]
    for before, after in itertools.pairwise(boxes):
        picture.arrow(before.right, after.left)
    read, publish = boxes[0], boxes[-1]
    picture.arrow(send.bottom, (send.bottom[0], 195), (read.top[0], 195), read.top)
    picture.text(250, 189, "waits in the seat's input buffer until its tick", pale=True)
    picture.arrow(publish.top, (publish.top[0], show.bottom[1]))
    picture.text(publish.top[0] - 8, 140, "delta", anchor="end", pale=True)
    return picture


def three_times() -> Picture:
    """The three points in time that a client looks at."""
    picture = Picture("Three points in time on the line of ticks", 760, 190)
    first, last, left, right = 95, 105, 40, 720
    y = 95.0

    def x_of(tick: float) -> float:
        return left + (tick - first) / (last - first) * (right - left)

    picture.arrow((left - 20, y), (right + 25, y))
    for number in range(first, last + 1):
        picture.line((x_of(number), y - 5), (x_of(number), y + 5))
        picture.text(x_of(number), y + 24, str(number), pale=True)
    marks = [
        (96.5, 48, "others are drawn", "at 96.5"),
        (98, 148, "the newest delta", "is of 98"),
        (100, 48, "the server", "is at 100"),
        (104, 48, "the own ship", "is predicted for 104"),
    ]
    for tick_number, row, what, when in marks:
        picture.dot((x_of(tick_number), y))
        picture.text(x_of(tick_number), row, what, bold=True)
        picture.text(x_of(tick_number), row + LINE_PX, when)
    return picture


def ladder() -> Picture:
    """The steps of the overload ladder."""
    picture = Picture("The overload ladder", 760, 300)
    levels = [
        ("0", "everything", GREEN),
        ("1", "deltas at every\nsecond tick", BLUE),
        ("2", "views two thirds\nas wide", BLUE),
        ("3", "game time at 3/4,\nthen 1/2, then 3/8", AMBER),
        ("4", "no more joins", AMBER),
    ]
    for number, (level, what, fill) in enumerate(levels):
        x, y = 20 + 146 * number, 200 - 34 * number
        box = picture.labelled(x, y, 136, 78, f"level {level}\n{what}", fill)
        if number + 1 < len(levels):
            corner = (x + 146 + 20, y)
            picture.arrow((x + 110, y), (x + 110, y - 14), (x + 144, y - 14))
            picture.arrow((corner[0], y + 46), (corner[0], y + 62), (box.right[0] + 2, y + 62))
    picture.text(40, 60, "up: load above 0.9", anchor="start", pale=True)
    picture.text(
        740, 270, "down: two seconds that would have needed less than 0.75", anchor="end", pale=True
    )
    return picture


def view() -> Picture:
    """The cells that a player sees."""
    picture = Picture("The cells of a view", 760, 290)
    size, left, top = 50, 40, 20
    for row in range(5):
        for column in range(7):
            near = abs(row - 2) <= 1 and abs(column - 3) <= 1
            own = (row, column) == (2, 3)
            fill = "#c5cae9" if own else BLUE if near else GREY
            picture.box(left + column * size, top + row * size, size, size, fill)
    for x, y in [(75, 60), (230, 95), (170, 215), (355, 250), (300, 150), (95, 190), (255, 200)]:
        seen = 140 <= x < 290 and 70 <= y < 220
        picture.dot((x, y), INK if seen else "#b0bec5", 5)
    picture.dot((208, 140), STRONG_BLUE, 7)
    x = 430
    picture.dot((x, 76), STRONG_BLUE, 7)
    picture.text(x + 20, 81, "the player's own entity, or its focus", anchor="start")
    picture.dot((x, 112), INK, 5)
    picture.text(x + 20, 117, "entities in its view: sent", anchor="start")
    picture.dot((x, 148), "#b0bec5", 5)
    picture.text(x + 20, 153, "entities that it does not see", anchor="start")
    picture.text(
        x - 8, 195, "All players in one cell see the same cells,", anchor="start", pale=True
    )
    picture.text(x - 8, 213, "so they get the same bytes.", anchor="start", pale=True)
    return picture


def knowledge() -> Picture:
    """The knowledge of a seat, as a state machine."""
    picture = Picture("The states of what a seat knows", 760, 230)
    new = picture.labelled(30, 75, 150, 70, "new\nnothing is assumed", GREY)
    current = picture.labelled(290, 75, 170, 70, "up to date\nknows the last publish", GREEN)
    picture.labelled(580, 75, 150, 70, "lapsed\nknows what it had", AMBER)
    picture.arrow((105, 40), new.top)
    picture.text(118, 50, "joins", anchor="start", pale=True)
    picture.arrow(new.right, current.left)
    picture.text(240, 100, "full state", pale=True)
    picture.arrow((460, 95), (580, 95))
    picture.text(520, 67, "the link is not clear, or", pale=True)
    picture.text(520, 85, "no ack for 4 s", pale=True)
    picture.arrow((580, 128), (460, 128))
    picture.text(520, 147, "delta of all", pale=True)
    picture.text(520, 165, "that it missed", pale=True)
    picture.arrow((350, 75), (350, 45), (410, 45), (410, 75))
    picture.text(380, 36, "delta", pale=True)
    picture.arrow((655, 145), (655, 200), (105, 200), (105, 145))
    picture.text(380, 193, "from any state: the client asks for a full state", pale=True)
    return picture


def seat() -> Picture:
    """The life of a seat."""
    picture = Picture("The life of a seat", 760, 250)
    connected = picture.labelled(230, 80, 150, 70, "connected\nplays", GREEN)
    held = picture.labelled(520, 80, 150, 70, "held\nfor hold_s", AMBER)
    picture.dot((60, 115), INK)
    picture.arrow((70, 115), connected.left)
    picture.text(148, 105, "join", bold=True)
    picture.text(148, 135, "on_join", pale=True)
    picture.arrow((380, 98), (520, 98))
    picture.text(450, 70, "connection lost", bold=True)
    picture.text(450, 88, "on_drop", pale=True)
    picture.arrow((520, 132), (380, 132))
    picture.text(450, 152, "resume", bold=True)
    picture.text(450, 170, "on_resume", pale=True)
    picture.arrow((270, 80), (270, 45), (340, 45), (340, 80))
    picture.text(305, 20, "taken over", bold=True)
    picture.text(305, 37, "on_drop, on_resume", pale=True)
    picture.dot((305, 225), INK)
    picture.arrow(connected.bottom, (305, 216))
    picture.text(295, 190, "left, kicked", anchor="end", bold=True)
    picture.text(295, 208, "on_leave", anchor="end", pale=True)
    picture.dot((595, 225), INK)
    picture.arrow(held.bottom, (595, 216))
    picture.text(606, 190, "hold_s is over", anchor="start", bold=True)
    picture.text(606, 208, "on_leave", anchor="start", pale=True)
    return picture


def architecture() -> Picture:
    """The parts and which may import which."""
    picture = Picture("The parts of the project; imports point down only", 760, 440)
    picture.box(20, 20, 490, 150, GREY)
    picture.text(36, 44, "shell, on Trio", anchor="start", bold=True, pale=True)
    picture.box(20, 190, 490, 230, GREY)
    picture.text(36, 214, "pure: no sockets, no time", anchor="start", bold=True, pale=True)
    runtime = picture.labelled(40, 60, 250, 90, "runtime\nnet  http  admission\nrooms  sessions")
    ops = picture.labelled(330, 60, 160, 90, "ops\nmetrics, logs")
    simulation = picture.labelled(40, 230, 200, 56, "simulation\na room's tick", GREEN)
    replication = picture.labelled(290, 230, 200, 56, "replication\ndeltas for each seat", GREEN)
    protocol = picture.labelled(290, 340, 200, 56, "protocol\nmessages, frames", GREEN)
    model = picture.labelled(40, 340, 200, 56, "model\nclasses, world, grid", GREEN)
    clients = picture.labelled(560, 230, 170, 56, "clients\nPython, browser, bots")
    games = picture.labelled(560, 60, 170, 56, "games\narena, chat, echo", GREEN)
    api = picture.labelled(560, 150, 170, 50, "Room, Player", GREEN)
    picture.arrow(runtime.right, ops.left)
    picture.arrow((238, 150), (238, 230))
    picture.arrow(simulation.right, replication.left)
    picture.arrow(replication.bottom, protocol.top)
    picture.arrow(protocol.left, model.right)
    picture.arrow(clients.bottom, (645, 368), protocol.right)
    picture.arrow(games.bottom, api.top)
    picture.arrow(api.left, (535, 175), (535, 310), (140, 310), model.top)
    return picture


DRAWINGS: Final[Sequence[tuple[str, Callable[[], Picture]]]] = (
    ("tick", tick),
    ("three-times", three_times),
    ("ladder", ladder),
    ("view", view),
    ("knowledge", knowledge),
    ("seat", seat),
    ("architecture", architecture),
)


def main() -> None:
    """Write all pictures."""
    for name, draw in DRAWINGS:
        (PICTURES / f"{name}.svg").write_text(draw().svg())


if __name__ == "__main__":
    main()
