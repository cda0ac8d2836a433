"""How much gold evidence a context holds, how much else, and whether its citations are right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from langchain_core.messages import HumanMessage
from langchain_core.messages.utils import count_tokens_approximately


def context_tokens(text: str) -> int:
    """As budgets count: `count_tokens_approximately` over one message of the whole text."""
    return count_tokens_approximately([HumanMessage(text)])


def evidence_recall(evidence: Sequence[str], context: str) -> float | None:
    """The share of the gold texts that are verbatim in the context; None for a question without gold."""
    return _share(gold in context for gold in evidence)


def page_recall(gold: Collection[str], found: Collection[str]) -> float | None:
    """The share of the gold pages (or sessions) that were found; None for a question without gold."""
    return _share(page in found for page in gold)


def evidence_precision(evidence: Sequence[str], pieces: Sequence[str]) -> float | None:
    """The share of the context's characters that lie in pieces with a gold text.

    A piece that is itself part of a gold text counts as gold. None for a question without gold or with no piece.
    """
    if not evidence or not (total := sum(len(piece) for piece in pieces)):
        return None
    return sum(len(piece) for piece in pieces if holds_gold(piece, evidence)) / total


def holds_gold(text: str, evidence: Iterable[str]) -> bool:
    """Whether the text contains a gold text, or is part of one."""
    bare = text.strip()
    return bool(bare) and any(gold in text or bare in gold for gold in evidence)


def _share(found: Iterable[bool]) -> float | None:
    values = list(found)
    return sum(values) / len(values) if values else None
