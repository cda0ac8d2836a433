"""The records that travel between the layers: plain, frozen, and without behaviour of their own.

Offsets (`start`, `end`) count characters of `Page.text`, as Python slices do: `page.text[start:end]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


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


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a page: a turn, or about 60 tokens of prose. The unit of indexing, evidence and citation."""

    page_id: str
    start: int
    end: int
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage offered as evidence by one tool, with that tool's own score (higher is better).

    Scores of different tools are not comparable; `jitmem.stores.fusion` brings them to one scale.
    """

    page_id: str
    start: int
    end: int
    text: str
    tool: str
    score: float
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a statement stands: `page.text[start:end] == quote`, checked when the citation was made."""

    page_id: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of one session: its pages, and whether it had been filed before (`duplicate`)."""

    session_id: str
    page_ids: tuple[str, ...]
    duplicate: bool
