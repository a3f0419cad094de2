"""The fields of the arena on the wire, and which clients get them."""

from __future__ import annotations

from typing import ClassVar

from gameserver.games.arena import movement
from gameserver.games.arena.model import COLOURS, TURN
from gameserver.games.arena.movement import Motion
from gameserver.games.arena.room import Arena


class TestSchema:
    entities: ClassVar = {entity.name: entity for entity in Arena.schema().entities}
    commands: ClassVar = {command.name: command for command in Arena.schema().commands}

    def names(self, entity):
        return {field.name for field in self.entities[entity].fields}

    def test_all_in_view_see_a_ship_and_only_its_owner_what_it_can_afford(self):
        seen = {"x", "y", "heading", "aim", "hull", "flags", "seat", "bounty"}
        assert self.names("Ship") == seen
        own = {field.name for field in self.entities["Ship"].owner_fields}
        assert own == {"vx", "vy", "energy", "dash_left", "fire_wait", "mine_wait"}

    def test_an_owner_has_all_that_prediction_needs(self):
        ship = self.entities["Ship"]
        assert {f.name for f in (*ship.fields, *ship.owner_fields)} >= set(Motion._fields)

    def test_the_leaderboard_does_not_depend_on_the_view(self):
        assert self.entities["Pilot"].at == self.entities["Round"].at == ()
        assert {"name", "colour", "score", "seat", "bot", "ship"} <= self.names("Pilot")

    def test_only_ships_are_looked_at_every_tick(self):
        assert [name for name, entity in self.entities.items() if not entity.rare] == ["Ship"]

    def test_commands_have_limits(self):
        steer = {field.name: field for field in self.commands["Steer"].fields}
        assert (steer["turn"].low, steer["turn"].high) == (-1, 1)
        assert (steer["aim"].low, steer["aim"].high) == (0, TURN - 1)
        play = {field.name: field for field in self.commands["Play"].fields}
        assert play["name"].max_length == 24
        assert (play["colour"].low, play["colour"].high) == (0, COLOURS - 1)

    def test_movement_keeps_to_the_angles_of_the_model(self):
        assert len(movement.SINE) == len(movement.COSINE) == TURN
