"""The arena's room: its players, and the order of one tick.

Owns the fliers, damage, death and respawn.  Other parts have their own files: ``movement``,
``pulse``, ``minefield``, ``pickups``, ``rounds``, ``stands``.
"""

from __future__ import annotations

from typing import Final

from gameserver import Near, Player, Room
from gameserver.games.arena import careers, model, rules, scoring
from gameserver.games.arena.flier import Flier, Life
from gameserver.games.arena.minefield import Minefield
from gameserver.games.arena.model import Blast, Dashed, Flag, Hit, Kill, Mine, Ship, Shot
from gameserver.games.arena.movement import MAX_ENERGY
from gameserver.games.arena.pickups import Pickups
from gameserver.games.arena.pulse import SEARCH_RADIUS, middle, trace
from gameserver.games.arena.rocks import RockField, chart_of, place_rocks
from gameserver.games.arena.rounds import Rounds
from gameserver.games.arena.ship_step import ShipState, step_ship
from gameserver.games.arena.stands import Stands
from gameserver.games.names import unique_name

# Plain ints, since combining members of an IntFlag is slow.
_THRUST: Final = Flag.THRUST.value
_DASH: Final = Flag.DASH.value
_PROTECTED: Final = Flag.PROTECTED.value
_BOOSTED: Final = Flag.BOOSTED.value
_SHIELDED: Final = Flag.SHIELDED.value
_NEWCOMER: Final = Flag.NEWCOMER.value

#: How many random points are tried in search of a free place; after that the last one is used.
_TRIES: Final = 100


class Arena(Room):
    """The demo game: ships, rocks, pulses, mines, pickups and rounds."""

    tick_rate = rules.TICK_RATE
    view = Near(rules.VIEW_RADIUS)
    max_players = rules.MAX_PLAYERS
    classes = model.CLASSES
    input = model.Steer
    idle_repeat_ticks = rules.HOLD_TICKS
    rewinds = (Ship,)
    max_rewind_ms = rules.MAX_REWIND_MS
    stored = (careers.Career, careers.Kills)

    # Annotated attributes are part of a snapshot.  Rocks never move, so theirs is made anew.
    #: Seat → flier.  Players in the stands have none.
    fliers: dict[int, Flier]
    mines: Minefield
    pickups: Pickups
    rounds: Rounds
    stands: Stands

    # ------------------------------------------------------------ the room's life

    def on_create(self) -> None:
        """Lay out the world."""
        self.fliers = {}
        rocks = place_rocks(self.random)
        for rock in rocks:
            self.spawn(rock)
        self.rocks = RockField(rocks)
        self.spawn(chart_of(rocks))
        self.mines = Minefield(self)
        self.pickups = Pickups(self, self._free_place)
        self.rounds = Rounds(self, self._start_afresh)
        self.stands = Stands()

    def load(self, saved: None) -> None:  # noqa: ARG002 - nothing is saved but what is annotated
        """Find the rocks again."""
        self.rocks = RockField(list(self.world.of_class(model.Rock)))

    def on_join(self, player: Player) -> None:
        """Seat the player in the stands."""
        self._name(player, player.name)
        player.focus = self.stands.focus

    def on_leave(self, player: Player, reason: str) -> None:  # noqa: ARG002 - as the hook is
        """Remove the pilot, its ship and its mines."""
        self._retire(player)

    def on_command(self, player: Player, command: model.ArenaCommand) -> None:
        """Apply a command.  One that no longer fits is late, not wrong, and has no effect."""
        match command:
            case model.Steer():
                if (flier := self.fliers.get(player.seat)) is not None:
                    flier.steer = command
            case model.Play():
                self._play(player, command)
            case model.Watch():
                self._retire(player)
                player.focus = self.stands.focus
            case model.Compensate():
                player.lag_compensation = command.on

    def on_idle(self, player: Player) -> model.Steer:
        """Return controls that hold no key and keep the aim."""
        flier = self.fliers.get(player.seat)
        return model.Steer() if flier is None else model.Steer(aim=flier.steer.aim)

    def tick(self) -> None:
        """Play one tick: all ships move, then all fight, then the rest of the world changes."""
        now = self.tick_number
        for flier in self.fliers.values():
            if flier.ship is None and now >= flier.pilot.respawn_at:
                self._launch(flier)
            if flier.ship is not None:
                self._fly(flier, flier.ship)
        if self.rounds.playing:
            for flier in self.fliers.values():
                self._fight(flier)
        self.mines.tick()
        for flier in self.fliers.values():
            if flier.ship is not None:
                self.pickups.take(flier, flier.ship)
                flier.ship.flags = self._flags(flier, flier.ship)
        self.pickups.tick()
        was_playing = self.rounds.playing
        self.rounds.tick(flier.pilot for flier in self.fliers.values())
        if was_playing and not self.rounds.playing and self.rounds.round.podium:
            careers.note_won_round(self, self.fliers[self.rounds.round.podium[0]])
        self.stands.tick(now, self.fliers, self.players.values())

    # ------------------------------------------------------------ coming and going

    def _play(self, player: Player, play: model.Play) -> None:
        self._name(player, play.name)
        flier = self.fliers.get(player.seat)
        if flier is not None:
            flier.pilot.name = player.name
            flier.pilot.colour = play.colour
            flier.pilot.bot = play.bot
            return
        pilot = model.Pilot(player.seat, player.name, play.colour, bot=play.bot)
        self.spawn(pilot, owner=player)
        flier = self.fliers[player.seat] = Flier(player, pilot)
        self._launch(flier)

    def _name(self, player: Player, wanted: str) -> None:
        taken = {other.name for other in self.players.values() if other is not player}
        player.name = unique_name(wanted, taken, fallback=f"Pilot {player.seat}")

    def _retire(self, player: Player) -> None:
        flier = self.fliers.pop(player.seat, None)
        if flier is None:
            return
        self.mines.clear(flier)
        if flier.ship is not None:
            self.despawn(flier.ship)
        self.despawn(flier.pilot)
        player.entity = None
        for other in self.fliers.values():  # another player may soon have the seat
            other.life.hurt_at.pop(flier.seat, None)

    # ------------------------------------------------------------ respawn

    def _launch(self, flier: Flier) -> None:
        """Give a pilot a new ship at a safe place."""
        x, y = self._safe_place()
        heading = self.random.randrange(model.TURN)
        ship = Ship(x, y, heading, heading, rules.MAX_HULL, _PROTECTED, flier.seat)
        ship.energy = MAX_ENERGY
        ship.fire_wait = ship.mine_wait = rules.COLD_TICKS
        self.spawn(ship, owner=flier.player)
        flier.ship = ship
        flier.lives += 1
        protected_ticks = (
            rules.NEWCOMER_PROTECTED_TICKS if flier.is_newcomer else rules.PROTECTED_TICKS
        )
        flier.life = Life(protected_until=self.tick_number + protected_ticks)
        flier.pilot.ship = self.id_of(ship)
        flier.pilot.respawn_at = 0
        flier.player.entity = ship
        flier.player.focus = self._focus(x, y)

    @staticmethod
    def _focus(x: int, y: int) -> tuple[int, int] | None:
        """Return where the view of a ship is centred; None: at the ship."""
        least, most = rules.FOCUS_INSIDE, rules.WORLD_SIZE - rules.FOCUS_INSIDE
        if least <= x <= most and least <= y <= most:
            return None
        return min(max(x, least), most), min(max(y, least), most)

    def _safe_place(self) -> tuple[int, int]:
        """Return the safest of some free places: without mines, far from every ship."""
        ships = [flier.ship for flier in self.fliers.values() if flier.ship is not None]

        def safety(place: tuple[int, int]) -> tuple[bool, int]:
            x, y = place
            nearest = min(
                ((ship.x - x) ** 2 + (ship.y - y) ** 2 for ship in ships),
                default=rules.WORLD_SIZE**2,
            )
            return not self.mines.any_near(x, y), nearest

        return max((self._free_place() for _ in range(rules.PLACES_TRIED)), key=safety)

    def _free_place(self) -> tuple[int, int]:
        """Return a random point inside the border and outside the rocks."""
        x = y = 0
        for _ in range(_TRIES):
            x = self.random.randrange(rules.BORDER_SPACE, rules.WORLD_SIZE - rules.BORDER_SPACE)
            y = self.random.randrange(rules.BORDER_SPACE, rules.WORLD_SIZE - rules.BORDER_SPACE)
            if self.rocks.is_free(x, y):
                break
        return x, y

    # ------------------------------------------------------------ flying and fighting

    def _fly(self, flier: Flier, ship: Ship) -> None:
        before = ShipState(
            ship.x,
            ship.y,
            ship.vx,
            ship.vy,
            ship.heading,
            ship.energy,
            ship.dash_left,
            ship.aim,
            ship.fire_wait,
            ship.mine_wait,
        )
        rocks = self.rocks.touching(ship.x, ship.y)
        after = step_ship(before, flier.steer, rocks, rules.WORLD_SIZE, armed=self.rounds.playing)
        (
            ship.x,
            ship.y,
            ship.vx,
            ship.vy,
            ship.heading,
            ship.energy,
            ship.dash_left,
            ship.aim,
            ship.fire_wait,
            ship.mine_wait,
        ) = after
        flier.player.focus = self._focus(ship.x, ship.y)
        flier.fires = ship.fire_wait > before.fire_wait
        flier.drops_mine = ship.mine_wait > before.mine_wait
        if ship.dash_left > before.dash_left:
            self.emit(Dashed(ship.seat, ship.x, ship.y), at=(ship.x, ship.y))

    def _fight(self, flier: Flier) -> None:
        """Let the flier fire, drop a mine, and set off the mine of another pilot."""
        ship = flier.ship
        if ship is None:
            return
        if flier.fires:
            self._fire(flier, ship)
        if flier.drops_mine:
            flier.life.protected_until = 0
            self.mines.drop(flier, ship)
        if not self._is_protected(flier):
            mine = self.mines.set_off_by(ship)
            if mine is not None:
                self._blast(mine)

    def _fire(self, flier: Flier, ship: Ship) -> None:
        flier.life.protected_until = 0
        seen = self.seen_by(flier.player)
        targets = (
            (target, round(x), round(y))
            for target, x, y in seen.near(*middle(ship.x, ship.y, ship.aim), SEARCH_RADIUS, Ship)
            if target is not ship and not self._is_protected(self.fliers[target.seat])
        )
        rocks = self.rocks.in_range(ship.x, ship.y)
        end = trace(ship.x, ship.y, ship.aim, rocks, targets)
        shot = Shot(ship.seat, ship.x, ship.y, end.x, end.y)
        self.emit(shot, at=((ship.x, ship.y), (end.x, end.y)))
        if end.ship is not None:
            boosted = flier.life.boosted_until > self.tick_number
            damage = rules.PULSE_DAMAGE * (rules.BOOST_FACTOR if boosted else 1)
            self._hurt(self.fliers[end.ship.seat], damage, flier, (end.x, end.y))

    def _blast(self, mine: Mine) -> None:
        """Let a mine explode and damage all enemies of its pilot around it."""
        owner = self.fliers[mine.seat]
        self.mines.remove(owner, mine)
        where = (mine.x, mine.y)
        self.emit(Blast(*where, rules.MINE_BLAST_RADIUS), at=where)
        for ship in list(self.near(*where, rules.MINE_BLAST_RADIUS, Ship)):
            victim = self.fliers[ship.seat]
            if victim is not owner and not self._is_protected(victim):
                self._hurt(victim, rules.MINE_DAMAGE, owner, (ship.x, ship.y))

    def _is_protected(self, flier: Flier) -> bool:
        return flier.life.protected_until > self.tick_number

    # ------------------------------------------------------------ damage and death

    def _hurt(self, victim: Flier, damage: int, by: Flier, where: tuple[int, int]) -> None:
        """Deal ``damage`` to a flying victim: to the shield first, then to the hull."""
        ship, life = victim.ship, victim.life
        assert ship is not None, "only a flying ship can be hit"
        absorbed = min(damage, life.shield)
        life.shield -= absorbed
        ship.hull = max(ship.hull - (damage - absorbed), 0)
        life.hurt_at[by.seat] = self.tick_number
        by.fought_at = victim.fought_at = self.tick_number
        self.emit(Hit(victim.seat, by.seat, damage, *where, absorbed > 0), at=where)
        if not ship.hull:
            self._destroy(victim, ship, by)

    def _destroy(self, victim: Flier, ship: Ship, killer: Flier) -> None:
        points = scoring.reward(ship.bounty)
        helpers = scoring.assists(victim.life.hurt_at, killer.seat, self.tick_number)
        killer.pilot.score += points
        killer.pilot.kills += 1
        killer.streak += 1
        if killer.ship is not None:
            killer.ship.bounty = scoring.bounty(killer.streak)
        for seat in helpers:
            self.fliers[seat].pilot.score += rules.ASSIST_SCORE
        self.emit(Kill(victim.seat, killer.seat, helpers, points, ship.x, ship.y))

        careers.note_kill(self, killer, victim)
        victim.streak = 0
        victim.pilot.deaths += 1
        victim.pilot.ship = 0
        victim.pilot.respawn_at = self.tick_number + rules.RESPAWN_TICKS
        victim.player.entity = None
        victim.player.focus = self._focus(ship.x, ship.y) or (ship.x, ship.y)
        victim.ship = None
        self.despawn(ship)

    # ------------------------------------------------------------ the rest

    def _flags(self, flier: Flier, ship: Ship) -> int:
        """Return the bits of ``Ship.flags``."""
        flags: int = _THRUST if flier.steer.thrust else 0
        if ship.dash_left:
            flags |= _DASH
        if flier.life.protected_until > self.tick_number:
            flags |= _PROTECTED
        if flier.life.boosted_until > self.tick_number:
            flags |= _BOOSTED
        if flier.life.shield:
            flags |= _SHIELDED
        if flier.is_newcomer:
            flags |= _NEWCOMER
        return flags

    def _start_afresh(self) -> None:
        """Begin a round: no scores, no mines, every ship repaired."""
        for flier in self.fliers.values():
            self.mines.clear(flier)
            flier.streak = 0
            pilot = flier.pilot
            pilot.score = pilot.kills = pilot.deaths = 0
            flier.life = Life(protected_until=self.tick_number + rules.PROTECTED_TICKS)
            if flier.ship is not None:
                flier.ship.hull = rules.MAX_HULL
                flier.ship.energy = MAX_ENERGY
                flier.ship.bounty = 0
