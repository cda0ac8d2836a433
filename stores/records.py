"""The records that travel between the layers, plain values without behaviour of their own, and how ids are made.

Offsets (`start`, `end`) count characters of `Page.text`, as Python slices do: `page.text[start:end]`.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from .times import explain_dates, format_time

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

RECORD_ID = re.compile(r"\b(?=[a-z]{0,11}[0-9])[0-9a-hjkmnp-tv-z]{12}\b")
"""An id of a page or an item in a text."""
Progress = Callable[[int, int], None]
"""Called with the number done, and of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One stretch of history as it came. Give exactly one of `text`, `turns` and `messages`.

    `turns` are `(speaker, text)` pairs; `messages` are LangChain messages. `id` makes a retry idempotent:
    the same id is filed once. `time` is when the session happened (`"1:56 pm on 8 May, 2023"`, an ISO
    date, or a datetime), not when it is filed; without it the session has no time.
    """

    text: str | None = None
    turns: Sequence[tuple[str, str]] | None = None
    messages: Sequence[BaseMessage] | None = None
    id: str | None = None
    time: str | datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A session, or a piece of a long one, word for word. Never edited.

    The pages of a session in order of `part` join to the session's text, byte for byte. `header` says when,
    who and which part; `memo` is the short note that the Memorizer wrote; both stand beside the text, not in it.
    `namespace` is whose it is: the reader's own, or one that was shared.
    """

    id: str
    session_id: str
    text: str
    header: str
    memo: str
    time: datetime | None
    metadata: Mapping[str, Any]
    part: int = 1
    parts: int = 1
    namespace: str = "default"


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a page: a turn, or about 60 tokens of prose. The unit of indexing, evidence and citation."""

    page_id: str
    start: int
    end: int
    speaker: str | None = None


@dataclass(slots=True, unsafe_hash=True)  # not frozen: a question makes thousands, and that takes three times as long
class Hit:
    """A passage of a page, or a whole memory item, offered as evidence: one of `page_id` and `item_id` is set.

    `text` is `[start:end]` of its page or item. `score` ranks it among the hits beside it, higher is better; `scores`
    holds what each search that found it gave it, by the name of the search, on that search's own scale. `time` is that
    of its session, or of the item. `confidence`, from 0 to 1, is given by `recall`.
    """

    page_id: str | None
    start: int
    end: int
    text: str
    score: float
    scores: Mapping[str, float] = field(hash=False)
    speaker: str | None = None
    item_id: str | None = None
    time: datetime | None = None
    confidence: float | None = None

    @property
    def record_id(self) -> str:
        """The id of the page or of the item."""
        return self.page_id or self.item_id or ""

    @property
    def dated_text(self) -> str:
        """What a reader is shown: the text, and what its relative dates mean, which an item has resolved."""
        return self.text + explain_dates(self.text, self.time) if self.page_id else self.text


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a statement stands: `[start:end]` of the text of a page, or of the content of an item, is the quote. That
    was checked when the citation was made. One of `page_id` and `item_id` is set."""

    page_id: str | None
    start: int
    end: int
    quote: str
    item_id: str | None = None

    @property
    def record_id(self) -> str:
        """The id of the page or of the item."""
        return self.page_id or self.item_id or ""


Kind = Literal["core", "semantic", "episodic"]
KINDS: tuple[Kind, ...] = ("core", "semantic", "episodic")
Op = Literal["insert", "update", "delete", "undo"]
Status = Literal["applied", "duplicate", "unknown_id", "rejected", "proposed"]


@dataclass(frozen=True, slots=True)
class MemoryItem:
    """A memory of its own beside the pages, as it stood at one version.

    `kind`: core (one paragraph for each namespace), semantic (knowledge) or episodic (an event; `time` is when it
    was). `page_ids` are the pages that it comes from. `created_at` is when its first version was written,
    `changed_at` this one, by `cause` (memorizer, tool or person). `change` is the number under which this version
    can be undone; `deleted` is true of the version that took the item away. `namespace` is whose it is.
    """

    id: str
    kind: str
    content: str
    time: datetime | None
    page_ids: tuple[str, ...]
    version: int
    change: int
    cause: str
    created_at: datetime
    changed_at: datetime
    deleted: bool = False
    namespace: str = "default"

    @property
    def text(self) -> str:
        """The content, as what is cited."""
        return self.content

    @property
    def header(self) -> str:
        """When it was and what it is, as the header of a page says it."""
        return " · ".join(part for part in (format_time(self.time), f"{self.kind} memory") if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of an item, as it is asked for. What is None in an update stays as it is."""

    op: Op
    kind: str
    content: str | None = None
    time: datetime | None = None
    id: str | None = None
    page_ids: tuple[str, ...] = ()
    cause: str = "tool"
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an edit.

    `status`: applied; duplicate (`item` is the one that says so already); unknown_id; rejected (`reason` says why and
    what would be right, `item` how it stands); proposed (`proposal` is its number). `change` numbers what was applied.
    """

    status: Status
    edit: Edit
    reason: str = ""
    item: MemoryItem | None = None
    change: int | None = None
    proposal: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the memory is now as the edit wanted it, or will be once a person approves it."""
        return self.status in ("applied", "duplicate", "proposed")


@dataclass(frozen=True, slots=True)
class Proposal:
    """An edit that waits for approval, or was decided (`decision`)."""

    number: int
    edit: Edit
    reason: str
    at: datetime
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What models cost: calls, tokens as the models counted them, seconds they took; `steps` call by call.

    A step is `{step, model, calls, prompt_tokens, completion_tokens, seconds, retries, form, reply}`, where `form` is the
    output format asked for and `reply` 1 for the first reply to its question, 2 for a repair; with `cached_tokens` where the server counts those of the prompt that it had read before, and
    with `estimated` where the model did not count, and the tokens are a quarter of the characters.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    steps: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, steps: Iterable[Mapping[str, Any]]) -> Usage:
        """The sum of the steps."""
        every = tuple(steps)
        names = ("calls", "prompt_tokens", "completion_tokens", "seconds")
        return cls(**{name: sum(step[name] for step in every) for name in names}, steps=every)

    def by_step(self) -> dict[tuple[str, str], Usage]:
        """`(step, model)` to what it cost, in the order of the first call."""
        groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for step in self.steps:
            groups.setdefault((step["step"], step["model"]), []).append(step)
        return {key: Usage.of(steps) for key, steps in groups.items()}


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of one session: its pages, and whether it had been filed before (`duplicate`).

    `failures` names what a model failed to do and rules did in its place, as `{step, error, message}`. `edits` are
    the calls that changed memory items and what became of each, as `{page_id, name, args, status, reason, item_id,
    change}`.
    """

    session_id: str
    page_ids: tuple[str, ...]
    duplicate: bool
    usage: Usage = field(default_factory=Usage)
    failures: tuple[Mapping[str, Any], ...] = ()
    edits: tuple[Mapping[str, Any], ...] = ()


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_EPOCH_S = 1_577_836_800  # 2020-01-01
_id_lock = threading.Lock()
_last_id = 0


def new_id() -> str:
    """12 characters: 8 for the time in hundredths of a second since 2020 (to 2368), 4 at random.

    Ids of one process rise strictly; the UNIQUE constraint of the truth settles the rest.
    """
    global _last_id
    with _id_lock:
        ticks = int((time.time() - _EPOCH_S) * 100)
        value = max((ticks << 20) | secrets.randbits(20), _last_id + 1)
        _last_id = value
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(55, -1, -5))


def _after_fork_in_child() -> None:
    """Another thread of the parent may hold the lock."""
    global _id_lock
    _id_lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # there is no fork elsewhere
    os.register_at_fork(after_in_child=_after_fork_in_child)
