"""The states of the two graphs: plain values only, so that any checkpointer keeps them as they are."""

from __future__ import annotations

from operator import add
from typing import Annotated, Any

from pydantic.json_schema import SkipJsonSchema
from typing_extensions import TypedDict  # pydantic reads the standard one from Python 3.12 on


class MemorizerInput(TypedDict, total=False):
    """Give one: a new `session` in any form that `Session` has, or the number of one that waits in the `journal`."""

    session: Any
    journal: Annotated[int, SkipJsonSchema()]


class MemorizerOutput(TypedDict, total=False):
    """`duplicate` is true when the session was in memory before; `page_ids` are in page order."""

    session_id: str
    page_ids: list[str]
    duplicate: bool
    usage: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    edits: list[dict[str, Any]]


class MemorizerState(MemorizerInput, MemorizerOutput, total=False):
    """`time` is the session's, in ISO 8601. `pages` are drafts: `{text, title, passages: [[start, end, speaker]], header,
    memo}`. `entry` is what was accepted, which no checkpointer keeps. `embedded`, `curated`: what `file` has done of that."""

    time: str | None
    entry: dict[str, Any] | None
    embedded: bool
    curated: list[str] | None
    pages: list[dict[str, Any]]
    usage: Annotated[list[dict[str, Any]], add]
    failures: Annotated[list[dict[str, Any]], add]


class ResearcherInput(TypedDict):
    """What is asked."""

    question: str


class ResearcherOutput(TypedDict, total=False):
    """The fields of `Research`, as plain values."""

    question: str
    context: str
    citations: list[dict[str, Any]]
    page_ids: list[str]
    enough: bool
    confidence: float
    unmet: list[str]
    stopped: str
    rounds: list[dict[str, Any]]
    usage: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    answer: str
    answer_citations: list[dict[str, Any]]


class ResearcherState(ResearcherOutput, total=False):
    """`searches` are this round's, `{tool, query, hits}`, where `query` is the place of the query in the plan; `evidence`
    and `statements` are carried from round to round. `fresh` are this round's passages that no model was shown yet. A
    hit is the list of a `Hit`'s values.

    `dated_question` is the question with what its relative dates mean: "last week [1 to 7 May 2023]".

    `instructions` are what the person wants in general, as statements. `found_by_question` are the places of passages that the question itself finds, best first, where a model has planned
    more; `read` are the places of passages that a model has been shown; `started` is the clock's time in seconds; `stop_reason` is why no model is asked any more; `reflection` is there when
    integrate has reflected as well.
    """

    started: float
    dated_question: str
    stop_reason: str
    reflection: dict[str, Any] | None
    request: str
    names: list[str]
    plan: dict[str, Any]
    searches: Annotated[list[dict[str, Any]], add]
    evidence: list[list[Any]]
    fresh: list[list[Any]]
    read: list[str]
    found_by_question: list[str]
    instructions: list[dict[str, Any]]
    statements: list[dict[str, Any]]
    asked: list[str]
    round: dict[str, Any]
    rounds: Annotated[list[dict[str, Any]], add]
    usage: Annotated[list[dict[str, Any]], add]
    failures: Annotated[list[dict[str, Any]], add]
