"""The place of a request in a run, as a key that is the same in every run that takes the same path."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.messages import AIMessage

_MARKS = ("__pregel_push", "__pregel_pull")
_ID = re.compile(r"(?=[a-z]{0,11}[0-9])[0-9a-hjkmnp-tv-z]{12}(?![0-9a-z])")  # as stores/records.py makes them

_NEVER = "No reply: the call was given up, or had not ended yet."


@dataclass(frozen=True, slots=True)
class Place:
    """One task of one graph: the graph's step, the node, and which of several tasks of a node in a step (`branch`).

    `space` and `run` identify this very task: they are random, and no part of a key.
    """

    step: int
    node: str
    branch: tuple[str, ...]
    space: str
    run: UUID

    @property
    def name(self) -> str:
        """`2:plan`, and of a branch made by `Send` `2:ask[1]`."""
        return f"{self.step}:{self.node}" + (f"[{'.'.join(self.branch)}]" if self.branch else "")

    @property
    def rank(self) -> tuple[Any, ...]:
        """Sort key: the order in the graph."""
        return self.step, self.node, tuple(one.zfill(9) for one in self.branch)


@dataclass(slots=True, kw_only=True)
class RecordedRequest:
    """`began` and `ended` count events; `ended` is None until there is a reply."""

    run: UUID
    began: int
    places: tuple[Place, ...]
    name: str
    ours: bool
    part: int
    about: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...]
    model: str
    prompt_tokens: int
    at: float = field(default_factory=time.perf_counter)
    ended: int | None = None
    took: float = 0.0
    reply: AIMessage | None = None
    error: str = _NEVER


def nested_places(above: tuple[Place, ...], metadata: Mapping[str, Any], run: UUID) -> tuple[Place, ...]:
    """The tasks around a run, the outermost first, from those of its parent and LangGraph's metadata."""
    space = str(metadata.get("langgraph_checkpoint_ns") or "")
    if not space or any(place.space == space for place in above):
        return above
    node = str(metadata.get("langgraph_node", ""))
    branch = tuple(_flatten(metadata.get("langgraph_path") or ()))
    own = branch if branch != (node,) else ()
    return (*above, Place(int(metadata.get("langgraph_step") or 0), node, own, space, run))


def with_keys(requests: Iterable[RecordedRequest]) -> Iterator[tuple[str, int, RecordedRequest]]:
    """`(key, attempt, request)`, in the run's own order.

    The key consists of what the request is about, its place, its step's name and part. Requests that have all of these
    in common are, for our own steps in one task, one step and its repairs (`~1`, and `!0` for a failed request); else
    sequential calls of a node (`#2`). Concurrent calls of a node are numbered by their content, not by their order.
    """
    groups: dict[tuple[Any, ...], list[RecordedRequest]] = {}
    abouts: dict[str, int] = {}
    for one in sorted(requests, key=lambda one: one.began):
        at = abouts.setdefault(one.about, len(abouts))
        groups.setdefault((at, tuple(place.rank for place in one.places), one.name, one.part), []).append(one)
    for rank in sorted(groups):
        for number, strand in enumerate(_strands(groups[rank]), start=1):
            yield from _attempt_keys(_base_key(strand[0]) + (f"#{number}" if number > 1 else ""), strand)


def _base_key(one: RecordedRequest) -> str:
    places = "/".join(place.name for place in one.places)
    last = one.places[-1].node if one.places else ""
    name = "" if one.name == last else one.name
    parts = [part for part in (one.about, places, name) if part]
    return "|".join(parts or ["model"]) + (f".{one.part}" if one.part else "")


def _attempt_keys(base: str, strand: Sequence[RecordedRequest]) -> Iterator[tuple[str, int, RecordedRequest]]:
    replies = failures = 0
    for one in strand:
        if one.reply is None:
            yield f"{base}!{failures}", replies, one
            failures += 1
        else:
            yield base + (f"~{replies}" if replies else ""), replies, one
            replies += 1


def _strands(requests: Sequence[RecordedRequest]) -> list[list[RecordedRequest]]:
    """The requests of one step each, in the run's order, as far as it has one."""
    strands: dict[Any, list[RecordedRequest]] = {}
    for one in requests:
        task = one.places[-1].run if one.places and one.ours else one.run
        strands.setdefault(task, []).append(one)
    ordered: list[list[RecordedRequest]] = []
    for side_by_side in _group_concurrent(sorted(strands.values(), key=lambda strand: strand[0].began)):
        ordered += sorted(side_by_side, key=lambda strand: _request_hash(strand[0]))
    return ordered


def _group_concurrent(strands: Iterable[list[RecordedRequest]]) -> Iterator[list[list[RecordedRequest]]]:
    """Groups of strands, by their beginning, in which each began before the earlier ones had ended."""
    group: list[list[RecordedRequest]] = []
    last = 0.0
    for strand in strands:
        if group and strand[0].began > last:
            yield group
            group = []
        group.append(strand)
        last = max(last, *(math.inf if one.ended is None else one.ended for one in strand))
    if group:
        yield group


def _request_hash(one: RecordedRequest) -> str:
    """Without ids, which differ in every run."""
    content = json.dumps([one.messages, one.tools], sort_keys=True)
    return hashlib.sha256(_ID.sub("", content).encode()).hexdigest()


def _flatten(path: Any) -> Iterator[str]:
    for part in path:
        if isinstance(part, list | tuple):
            yield from _flatten(part)
        elif part not in _MARKS and not isinstance(part, bool):
            yield str(part)
