"""How a model is shown what a run knows so far: all of it fenced, for a page may have put words into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .prompt import clipped, fence, listed

QUESTION_TOKENS = 1000
_KNOWN_TOKENS = 400
_LIST_TOKENS = 150  # of needs, and of searches made
_REQUEST_TOKENS = 120
_QUOTE_CHARS = 160


def requested(question: str, request: str) -> str:
    """What this round asks, where that is not the question."""
    return "the question itself" if request == question else fence(clipped(request, _REQUEST_TOKENS))


def known(statements: Sequence[Mapping[str, Any]], share: float, *, sources: bool) -> str:
    """The statements, with `sources` also the page and the quote of each citation."""
    lines = [statement["text"] + (_sources(statement) if sources else "") for statement in statements]
    return listed(lines, share * _KNOWN_TOKENS, "Nothing yet.")


def needed(needs: Sequence[str], share: float) -> str:
    """What the plan says is needed."""
    return listed(needs, share * _LIST_TOKENS, "The question itself.")


def searched(asked: Sequence[str], share: float) -> str:
    """The searches made, the latest first."""
    return listed(reversed(asked), share * _LIST_TOKENS, "None.")


def _sources(statement: Mapping[str, Any]) -> str:
    return "".join(f" ({c['page_id']}: “{_short(c['quote'])}”)" for c in statement["citations"])


def _short(quote: str) -> str:
    """A beginning of the quote that still stands on its page."""
    return quote if len(quote) <= _QUOTE_CHARS else quote[:_QUOTE_CHARS].rsplit(" ", 1)[0]
