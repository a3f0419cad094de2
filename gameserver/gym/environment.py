"""``RoomEnvironment``: any room as a parallel environment of PettingZoo.

Owns the agents, their episodes, and the defaults of a task: actions from the command class, and
observations from the view.  A task is a subclass, which defines the reward.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from clients.bots.bot import View
from gameserver.errors import LocalProtocolError
from gameserver.gym.spaces import Actions
from gameserver.gym.stage import Stage
from gameserver.player import Player
from gameserver.room import Room

Observation = NDArray[np.float32]


class RoomEnvironment(ParallelEnv):  # type: ignore[misc]  # PettingZoo has no types
    """A room with ``players`` agents: subclass it, and write ``reward``.

    One step is ``ticks_per_step`` ticks of the room, in which each agent holds its action.  An
    episode ends after ``max_steps`` (truncation), when an agent's ``done`` says so, or when the
    room removes its player (termination).
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "room_v0", "render_modes": []}

    #: The class of the room, and of the command that an action is.
    room: ClassVar[type[Room]]
    command: ClassVar[type]
    #: The length of an observation.
    observed: ClassVar[int]

    def __init__(self, *, players: int = 8, max_steps: int = 1000, ticks_per_step: int = 1) -> None:
        if players < 1 or players > self.room.max_players:
            raise LocalProtocolError(f"players is 1 to {self.room.max_players}")
        self.possible_agents: list[str] = [f"player_{n}" for n in range(1, players + 1)]
        self.agents: list[str] = []
        self.render_mode = None
        self.max_steps: Final = max_steps
        self.ticks_per_step: Final = ticks_per_step
        self._seats: Final = {agent: n for n, agent in enumerate(self.possible_agents, 1)}
        self._actions: Final = Actions(self.command)
        self._observations: Final = spaces.Box(-np.inf, np.inf, (self.observed,), np.float32)
        self._action_spaces = {a: self._new_action_space() for a in self.possible_agents}
        self._stage: Stage | None = None
        self._steps = 0
        self._chance = np.random.default_rng()

    def _new_action_space(self) -> spaces.Space[Any]:
        """Return a space of its own for an agent, as each space has its own random numbers."""
        return spaces.Dict(dict(Actions(self.command).space.spaces))

    # ------------------------------------------------------------ the task

    def observe(self, view: View) -> Observation:
        """Return the agent's observation of its view: ``observed`` numbers."""
        raise NotImplementedError(f"{type(self).__name__} has no method observe(self, view)")

    def reward(self, view: View, player: Player) -> float:
        """Return the reward of the last step for the player whose ``view`` this is.

        ``view.events`` are those of the step; the room itself may be read too.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method reward(self, view, player)")

    def begin(self, stage: Stage) -> None:
        """Prepare a new episode, for example give the commands with which a game begins."""

    def done(self, view: View, player: Player) -> bool:
        """Whether the episode is over for this player."""
        del view, player
        return False

    # ------------------------------------------------------------ as PettingZoo wants it

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Return the space of observations."""
        del agent
        return self._observations

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Return the space of actions: a dict of the command's fields."""
        return self._action_spaces[agent]

    def view(self, agent: str) -> View:
        """Return the whole view of an agent now."""
        if self._stage is None:
            raise LocalProtocolError("reset comes before the first view")
        return self._stage.view(self._seats[agent])

    def action_of(self, command: Any) -> dict[str, Any]:
        """Return the action that gives ``command``."""
        return self._actions.action(command)

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Begin an episode in a new room; return observations and infos."""
        del options
        if seed is not None:
            self._chance = np.random.default_rng(seed)
        room = self.room("training", seed=int(self._chance.integers(1 << 31)))
        self._stage = Stage(room, len(self.possible_agents))
        self.agents = [*self.possible_agents]
        self._steps = 0
        self.begin(self._stage)
        return self._observed(), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[
        dict[str, Observation],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Play one step; return observations, rewards, terminations, truncations and infos."""
        stage = self._stage
        if stage is None:
            raise LocalProtocolError("reset comes before the first step")
        seats = self._seats
        for agent in self.agents:
            action = actions.get(agent)
            if action is not None:
                stage.give(seats[agent], self._actions.command(action))
        stage.step(self.ticks_per_step)
        self._steps += 1
        over = self._steps >= self.max_steps
        observations, rewards, terminations, truncations = {}, {}, {}, {}
        for agent in self.agents:
            seat = seats[agent]
            if not stage.seated(seat):
                observations[agent] = np.zeros(self.observed, np.float32)
                rewards[agent], terminations[agent], truncations[agent] = 0.0, True, False
                continue
            view, player = stage.view(seat), stage.player(seat)
            observations[agent] = self.observe(view)
            rewards[agent] = float(self.reward(view, player))
            terminations[agent] = self.done(view, player)
            truncations[agent] = over
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        self.agents = [a for a in self.agents if not (terminations[a] or truncations[a])]
        return observations, rewards, terminations, truncations, infos

    def _observed(self) -> dict[str, Observation]:
        assert self._stage is not None
        return {a: self.observe(self._stage.view(self._seats[a])) for a in self.agents}

    def render(self) -> None:
        """Draw nothing: a replay of the room shows it."""

    def close(self) -> None:
        """Forget the room."""
        self._stage = None
