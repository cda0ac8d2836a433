"""What writers have begun and what they have acknowledged, as far as anybody outside knows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from . import plan


class WriterFailed(AssertionError):
    """A writer met an error: none of its calls should."""


@dataclass
class Ledger:
    """Of one folder. What is done has happened; what is begun and not done may have happened or not."""

    sessions_begun: list[int] = field(default_factory=list)
    sessions: dict[int, list[str] | None] = field(default_factory=dict)
    """Number to the ids of its pages, None for one that was accepted and perhaps not filed."""
    items_begun: dict[int, int] = field(default_factory=dict)
    """Number to the last of its steps that was begun."""
    items: dict[int, tuple[int, str, int]] = field(default_factory=dict)
    """Number to the last step that is done, the id of the item, and the change that `undo` is told."""
    proposals_begun: dict[int, int] = field(default_factory=dict)
    proposals: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Number to the last step that is done (0 proposed, 1 decided), and the proposal's own number."""
    entry_begun: int = -1
    entry: int = -1
    """The last batch of entries."""
    acknowledged: int = 0
    """How many writes were, in all."""

    def note(self, line: str) -> str:
        """Take in a line of a writer; gives what it says, without numbers."""
        word, *rest = json.loads(line)
        if word == "error":
            raise WriterFailed(rest[0])
        if word in ("begin", "done"):
            kind, n, *more = rest
            self.acknowledged += word == "done"
            getattr(self, f"{word}_{kind}")(n, *more)
            return f"{word} {kind}"
        return str(word)

    def first(self) -> dict[str, int]:
        """From where the next writer goes on."""
        return {
            "session": max(self.sessions_begun, default=-1) + 1,
            "item": max(self.items_begun, default=-1) + 1,
            "proposal": max(self.proposals_begun, default=-1) + 1,
            "entry": self.entry + 1,  # a batch that may or may not be there is put again
        }

    def begin_session(self, n: int) -> None:
        self.sessions_begun.append(n)

    def done_session(self, n: int, page_ids: list[str] | None) -> None:
        self.sessions[n] = page_ids

    def begin_item(self, n: int, at: int) -> None:
        self.items_begun[n] = at

    def done_item(self, n: int, at: int, item_id: str, change: int) -> None:
        undone = self.items[n][2] if plan.STEPS[at] == "undo" else change
        self.items[n] = (at, item_id, undone)

    def begin_proposal(self, n: int, at: int) -> None:
        self.proposals_begun[n] = at

    def done_proposal(self, n: int, at: int, number: int) -> None:
        self.proposals[n] = (at, number)

    def begin_entry(self, n: int) -> None:
        self.entry_begun = n

    def done_entry(self, n: int) -> None:
        self.entry = n

    def versions(self, n: int) -> tuple[list[str | None], list[str | None]]:
        """What the history of item `n` must begin with, and what it may be at most."""
        whole = plan.item_versions(n)
        done = self.items[n][0] + 1 if n in self.items else 0
        return whole[:done], whole[: self.items_begun[n] + 1]

    def while_more_was_begun(self, later: Ledger) -> Ledger:
        """What this one knows to be done, and the later one to be begun; a copy."""
        begun = {name: value for name, value in asdict(later).items() if name.endswith("_begun")}
        return Ledger(**{**asdict(self), **begun})

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Ledger:
        def numbered(value: Any) -> Any:
            return {int(n): one for n, one in value.items()} if isinstance(value, dict) else value

        return cls(**{name: numbered(value) for name, value in json.loads(text).items()})
