"""What a context holds of the gold evidence, what else it holds, and whether its citations are right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from langchain_core.messages import HumanMessage
from langchain_core.messages.utils import count_tokens_approximately

from ...stores.records import Citation


def context_tokens(text: str) -> int:
    """As budgets are counted: `count_tokens_approximately` over one message of the whole text."""
    return count_tokens_approximately([HumanMessage(text)])


def evidence_recall(evidence: Sequence[str], context: str) -> float | None:
    """The share of the gold texts that stand verbatim in the context; None for a question without gold."""
    return _share(gold in context for gold in evidence)


def page_recall(gold: Collection[str], found: Collection[str]) -> float | None:
    """The share of the gold pages (or sessions) among those found; None for a question without gold."""
    return _share(page in found for page in gold)


def evidence_precision(evidence: Sequence[str], pieces: Sequence[str]) -> float | None:
    """The share of the context's characters, piece by piece, that lie in pieces with a gold text in them.

    A piece that is itself part of a gold text counts as gold. None for a question without gold or with no piece.
    """
    if not evidence or not (total := sum(len(piece) for piece in pieces)):
        return None
    return sum(len(piece) for piece in pieces if holds_gold(piece, evidence)) / total


def holds_gold(text: str, evidence: Iterable[str]) -> bool:
    """Whether a gold text stands in this one, or this one is a part of a gold text."""
    bare = text.strip()
    return bool(bare) and any(gold in text or bare in gold for gold in evidence)


def citations_stand(citations: Sequence[Citation], page_text: Callable[[str], str | None]) -> float | None:
    """The share of citations whose quote stands in the page at the place that they name; None where nothing is cited.

    `page_text` gives a page's text by its id, None for a page that there is not.
    """
    return _share(_stands(citation, page_text(citation.record_id)) for citation in citations)


def citations_support(
    citations: Sequence[Citation], evidence: Sequence[str], page_text: Callable[[str], str | None]
) -> float | None:
    """The share of citations that stand and hold a gold text; None where nothing is cited or no gold is known."""
    if not evidence:
        return None
    return _share(
        _stands(citation, page_text(citation.record_id)) and holds_gold(citation.quote, evidence)
        for citation in citations
    )


def _stands(citation: Citation, text: str | None) -> bool:
    return bool(citation.quote) and text is not None and text[citation.start : citation.end] == citation.quote


def _share(found: Iterable[bool]) -> float | None:
    values = list(found)
    return sum(values) / len(values) if values else None
