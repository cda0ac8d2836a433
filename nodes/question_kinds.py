"""The kinds of questions, and which are broad."""

from __future__ import annotations

import re
from typing import Literal

from .options import Breadth

QuestionKind = Literal["needle", "list", "order", "summary", "change", "instruction"]
BROAD: frozenset[str] = frozenset(("list", "order", "summary", "change"))
_MAYBE_BROAD = re.compile(
    r"\b(?:order|chronolog\w+|sequence|timeline|first|next|step|walk|summar\w+|overview|recap\w*|sum|everything|all|every|each|list"
    r"|over time|evolv\w+|how (?:has|have|did)|so far|progress\w*|story|catch|bring)\b",
    re.I,
)


def question_kind(question: str, planned: QuestionKind | None, breadth: Breadth) -> QuestionKind:
    """The kind that a model has planned, or where that is none or a needle, the one that the words of the question say, as
    far as `breadth` allows it."""
    kind: QuestionKind = planned or "needle"
    if kind == "needle" and _MAYBE_BROAD.search(question):
        from .breadth import kind_by_words

        kind = kind_by_words(question)
    if kind in BROAD:
        return "needle" if breadth == "narrow" else kind
    return "list" if breadth == "wide" else kind
