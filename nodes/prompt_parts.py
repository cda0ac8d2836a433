"""How prompts show a question, evidence, statements and the outline of a memory, each within its share of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit, Page
from .llm.prompt import CHARS_PER_TOKEN, clip, fence, fence_list, fence_question

_QUESTION_TOKENS = 1000
_STATEMENTS_TOKENS = 400
_LIST_TOKENS = 150  # of needs, and of searches made
_REQUEST_TOKENS = 120
_QUOTE_CHARS = 160


def render_question(question: str) -> str:
    """The whole question, as far as there is room."""
    return fence_question(clip(question, _QUESTION_TOKENS))


def render_passages(snapshot: Snapshot, hits: Sequence[Hit]) -> str:
    """Passages page by page, the page of the best hit first, each page under its id and header."""
    by_page: dict[str, list[Hit]] = {}
    for hit in hits:
        by_page.setdefault(hit.record_id, []).append(hit)
    blocks = []
    for page in map(snapshot.record, by_page):
        lines = [hit.dated_text for hit in sorted(by_page[page.id], key=lambda hit: hit.start)]
        blocks.append("\n".join([f"[{page.id}] {page.header}", *lines]))
    return fence("\n\n".join(blocks)) if blocks else "No new passage was found."


def render_request(question: str, request: str) -> str:
    """The request of this round, where it differs from the question."""
    return "the question itself" if request == question else fence(clip(request, _REQUEST_TOKENS))


def render_statements(statements: Sequence[Mapping[str, Any]], share: float, *, sources: bool) -> str:
    """The statements, with `sources` also the page and the quote of each citation."""
    lines = [statement["text"] + (_sources(statement) if sources else "") for statement in statements]
    return fence_list(lines, share * _STATEMENTS_TOKENS, "Nothing yet.")


def render_needs(needs: Sequence[str], share: float) -> str:
    """What the plan says is needed."""
    return fence_list(needs, share * _LIST_TOKENS, "The question itself.")


def render_searches(asked: Sequence[str], share: float) -> str:
    """The searches made, the latest first."""
    return fence_list(reversed(asked), share * _LIST_TOKENS, "None.")


def _sources(statement: Mapping[str, Any]) -> str:
    return "".join(f" ({c['page_id']}: “{_shorten(c['quote'])}”)" for c in statement["citations"])


def _shorten(quote: str) -> str:
    """A beginning of the quote that is still found on its page."""
    return quote if len(quote) <= _QUOTE_CHARS else quote[:_QUOTE_CHARS].rsplit(" ", 1)[0]


OUTLINE_TOKENS = 1200
LATER_OUTLINE_TOKENS = 300  # in later rounds, where the first one's has been seen by the plan
_RELATED, _NEWEST = 12, 6
_LINE_TOKENS = 150
CORE_TOKENS = 512


def outline(snapshot: Snapshot, about: str, tokens: float = OUTLINE_TOKENS) -> str:
    """The core memory, then one line a page, related ones first, never more than `tokens` of them whatever the memory's size."""
    core = snapshot.core()
    pages = [*snapshot.pages_like(about, _RELATED), *snapshot.find_pages(newest=_NEWEST)[::-1]]
    room = int(tokens * CHARS_PER_TOKEN)
    lines: dict[str, str] = {}
    if core is not None:
        lines[core.id] = clip(f"Core memory: {' '.join(core.content.split())}", min(CORE_TOKENS, tokens / 2))
        room -= len(lines[core.id]) + 1
    for page in pages:
        line = _line(page)
        if page.id not in lines and len(line) + 1 <= room:
            lines[page.id] = line
            room -= len(line) + 1
    return fence("\n".join(lines.values())) if lines else "Nothing is in memory yet."


def _line(page: Page) -> str:
    return clip(f"[{page.id}] {page.header}: {' '.join(page.memo.split())}", _LINE_TOKENS)
