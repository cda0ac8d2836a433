"""One turn over a page: a memory in a given state, the calls, and the result as a rollout of one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...evals.datasets.benchmark_records import Question
from ...memory import Memory
from ...tools.edit_items import describe_outcome
from ...tools.memory_specs import TOOL_NAMES
from ..rewards import DEFAULT, RewardPreset, add_rewards
from ..rollout_records import MemoryToolCall, RecordedStep, Rollout, ScoredAnswer, SessionText
from ..rollouts import answer_from_items, current_items, memory_tokens
from .turn_starts import CURATE, TurnStart, restore_items

AnswerQuestions = Callable[[Memory, Sequence[Question], Sequence[SessionText]], tuple[ScoredAnswer, ...]]
"""Answers the questions from the memory after the turn, with scores."""

KEY = "turn"
_UNREAD = "<tool_call>"


class MemoryTurn:
    """`call` executes a call and returns its answer; `rollout` and `rewards` give the result."""

    def __init__(self, memory: Memory, snapshot: TurnStart, reading: AnswerQuestions | None = None) -> None:
        self.snapshot = snapshot
        self.calls: list[MemoryToolCall] = []
        self._memory = memory
        self._reading = reading or answer_from_items
        self._rewards: dict[str, Mapping[str, float | None]] = {}
        restore_items(memory, snapshot.items)

    def call(self, name: str, arguments: Any) -> str:
        """Executed as the Memorizer would; a fault comes back as text that says what would be right."""
        outcome = self._memory._runtime.editor.call(name, arguments, cause="memorizer")
        item = outcome.item.id if outcome.item else outcome.edit.id
        args = dict(arguments) if isinstance(arguments, Mapping) else {}
        self.calls.append(
            MemoryToolCall(name, args, outcome.status, outcome.reason, item, self.snapshot.sources[-1].id)
        )
        return describe_outcome(outcome)

    def finish(self, completion: Sequence[Mapping[str, Any]]) -> None:
        """The messages of the turn as TRL has them, at its end. Calls that TRL has not executed are executed now; an
        unreadable call counts as a rejected one."""
        done = len(self.calls)
        for message in completion:
            for call in message.get("tool_calls") or ():
                name, given = call["function"]["name"], call["function"]["arguments"]
                if done and name in TOOL_NAMES and isinstance(given, Mapping):
                    done -= 1
                else:
                    self.call(name, given)
            if message.get("role") == "assistant":
                torn = str(message.get("content") or "").count(_UNREAD)
                self.calls += [MemoryToolCall("", {}, "rejected", "The call could not be read.")] * torn

    def rollout(self) -> Rollout:
        """As a run of this one turn; the items before it are steps of their own, without a request."""
        items = current_items(self._memory)
        sources = self.snapshot.sources
        turn = RecordedStep(KEY, "memorizer", CURATE, sources[-1].id, messages=(), calls=tuple(self.calls))
        return Rollout(
            task=self.snapshot.task,
            n=0,
            seed=0,
            steps=(*_steps_before(self.snapshot), turn),
            answers=self._reading(self._memory, self.snapshot.questions, sources),
            items=items,
            sources=sources,
            memory_tokens=memory_tokens(items),
            source_tokens=sum(len(source.text) for source in sources) // 4,
        )

    def rewards(self, preset: RewardPreset = DEFAULT, progress: float = 0.0) -> Mapping[str, float | None]:
        """r1 to r4, `coverage` and `total` of this turn; computed once, after the last call."""
        if preset.name not in self._rewards:
            steps = add_rewards(self.rollout(), preset, progress=progress).steps
            self._rewards[preset.name] = steps[-1].rewards
        return self._rewards[preset.name]


def _steps_before(snapshot: TurnStart) -> tuple[RecordedStep, ...]:
    """The items before the turn, as if each had been inserted as it is, in a turn over its session."""
    steps: dict[str, RecordedStep] = {}
    for item in snapshot.items:
        about = snapshot.origins.get(item.id, "")
        args = {"kind": item.kind, "content": item.content, **({"time": item.time} if item.time else {})}
        call = MemoryToolCall("memory_insert", args, "applied", item_id=item.id, page_id=about)
        known = steps.get(about) or RecordedStep(f"held:{about}", "memorizer", CURATE, about, messages=(), calls=())
        steps[about] = replace(known, calls=(*(known.calls or ()), call))
    return tuple(steps.values())
