"""The kinds of questions, and whether one is broad."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from .options import BaseResearchOptions

Kind = Literal["needle", "list", "order", "summary", "change", "instruction"]
BROAD: frozenset[str] = frozenset(("list", "order", "summary", "change"))
_MAYBE_BROAD = re.compile(
    r"\b(?:order|chronolog\w+|sequence|timeline|first|next|step|walk|summar\w+|overview|recap\w*|sum|everything|all|every|each|list"
    r"|over time|evolv\w+|how (?:has|have|did)|so far|progress\w*|story|catch|bring)\b",
    re.I,
)


def as_kind(value: object) -> object:
    """What a model said, or None where that is no kind: a plan is worth more than its kind."""
    return value if value in get_args(Kind) else None


def question_kind(question: str, planned: Kind | None, options: BaseResearchOptions) -> Kind:
    """The kind that a model has planned, or where that is none or a needle, the one that the words of the question say, as
    far as `breadth` allows it."""
    kind: Kind = planned or "needle"
    if kind == "needle" and _MAYBE_BROAD.search(question):
        from .breadth import kind_by_words

        kind = kind_by_words(question)
    if options.breadth == "wide":
        return kind if kind in BROAD else "list"
    return "needle" if options.breadth == "narrow" and kind in BROAD else kind
