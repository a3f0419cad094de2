"""Matchmaking: a room in which players and parties wait, and the rules of their matches."""

from gameserver.games.queue.matcher import Matcher
from gameserver.games.queue.party import Candidate, Match, Party
from gameserver.games.queue.room import (
    Cancel,
    Enter,
    Place,
    Queue,
    QueueOptions,
    Status,
)
from gameserver.games.queue.rules import Avoid, Draft, Latency, Roles, Rule, Same, Size, Skill

__all__ = [
    "Avoid",
    "Cancel",
    "Candidate",
    "Draft",
    "Enter",
    "Latency",
    "Match",
    "Matcher",
    "Party",
    "Place",
    "Queue",
    "QueueOptions",
    "Roles",
    "Rule",
    "Same",
    "Size",
    "Skill",
    "Status",
]
