"""One turn over a page: a memory as it stood, the calls that are made, and what became of it, as a rollout of one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...evals.datasets.records import Question
from ...memory import Memory
from ...tools.edit_items import told
from ...tools.editor import TOOL_NAMES
from ..records import Answered, Call, Rollout, Source, Step
from ..rewards import DEFAULT, Preset, rewarded
from ..rollouts import items_of, memory_tokens, read_items
from .snapshots import CURATE, Snapshot, restore

Reading = Callable[[Memory, Sequence[Question], Sequence[Source]], tuple[Answered, ...]]
"""Who answers the questions from a memory once the turn is over, and is scored for it."""

KEY = "turn"
_UNREAD = "<tool_call>"


class Turn:
    """Calls go in by `call` and are answered in words; `rollout` and `rewards` tell what they came to."""

    def __init__(self, memory: Memory, snapshot: Snapshot, reading: Reading | None = None) -> None:
        self.snapshot = snapshot
        self.calls: list[Call] = []
        self._memory = memory
        self._reading = reading or read_items
        self._rewards: dict[str, Mapping[str, float | None]] = {}
        restore(memory, snapshot.items)

    def call(self, name: str, given: Any) -> str:
        """Done as the Memorizer would; a fault comes back as words that say what would be right."""
        outcome = self._memory._runtime.editor.call(name, given, cause="memorizer")
        item = outcome.item.id if outcome.item else outcome.edit.id
        args = dict(given) if isinstance(given, Mapping) else {}
        self.calls.append(Call(name, args, outcome.status, outcome.reason, item, self.snapshot.sources[-1].id))
        return told(outcome)

    def heard(self, completion: Sequence[Mapping[str, Any]]) -> None:
        """The messages of the turn as TRL has them, when it is over. Calls that TRL has not made are made now; what
        could not be read as a call counts as one that was rejected."""
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
                self.calls += [Call("", {}, "rejected", "The call could not be read.")] * torn

    def rollout(self) -> Rollout:
        """As of a run that took this one turn; what was held before it stands in steps of its own, without a request."""
        items = items_of(self._memory)
        sources = self.snapshot.sources
        turn = Step(KEY, "memorizer", CURATE, sources[-1].id, messages=(), calls=tuple(self.calls))
        return Rollout(
            task=self.snapshot.task,
            n=0,
            seed=0,
            steps=(*_before(self.snapshot), turn),
            answers=self._reading(self._memory, self.snapshot.questions, sources),
            items=items,
            sources=sources,
            memory_tokens=memory_tokens(items),
            source_tokens=sum(len(source.text) for source in sources) // 4,
        )

    def rewards(self, preset: Preset = DEFAULT, progress: float = 0.0) -> Mapping[str, float | None]:
        """r1 to r4, `covered` and `total` of this turn; worked out once, when no call comes any more."""
        if preset.name not in self._rewards:
            steps = rewarded(self.rollout(), preset, progress=progress).steps
            self._rewards[preset.name] = steps[-1].rewards
        return self._rewards[preset.name]


def _before(snapshot: Snapshot) -> tuple[Step, ...]:
    """The items that were held, as if each had been inserted as it stood, in a turn over the session it came from."""
    made: dict[str, Step] = {}
    for item in snapshot.items:
        about = snapshot.origins.get(item.id, "")
        args = {"kind": item.kind, "content": item.content, **({"time": item.time} if item.time else {})}
        call = Call("memory_insert", args, "applied", item_id=item.id, page_id=about)
        known = made.get(about) or Step(f"held:{about}", "memorizer", CURATE, about, messages=(), calls=())
        made[about] = replace(known, calls=(*(known.calls or ()), call))
    return tuple(made.values())
