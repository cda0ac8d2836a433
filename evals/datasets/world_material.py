"""The sentences of the generated world, from `world_material.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

_MATERIAL: dict[str, Any] = tomllib.loads(files(__package__).joinpath("world_material.toml").read_text("utf-8"))


def _by_name(table: dict[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(texts) for name, texts in table.items()}


UNDERTAKINGS, TOPICS = _by_name(_MATERIAL["undertakings"]), _by_name(_MATERIAL["topics"])
EVENTS: tuple[tuple[str, str], ...] = tuple((said, called) for said, called in _MATERIAL["events"])
WISHES: tuple[tuple[str, str], ...] = tuple((said, request) for said, request in _MATERIAL["wishes"])
FACTS: tuple[tuple[str, str, tuple[str, ...]], ...] = tuple(
    (said, asks, tuple(x)) for said, asks, x in _MATERIAL["facts"]
)
_LISTS = ("asks", "replies", "echoes", "worries", "long_replies", "leads", "tails", "others")
ASKS, REPLIES, ECHOES, WORRIES, LONG_REPLIES, LEADS, TAILS, OTHERS = (tuple[str, ...](_MATERIAL[one]) for one in _LISTS)
