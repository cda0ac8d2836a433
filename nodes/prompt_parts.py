"""How prompts show a question, evidence and statements, each within its share of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..stores.index.snapshot import Snapshot
from ..stores.records import Hit
from .llm.prompt import clip, default_prompt, fence, fence_list, fence_question
from .outline import LATER_OUTLINE_TOKENS, OUTLINE_TOKENS, render_outline

if TYPE_CHECKING:
    from .integrate import IntegrateQuestion
    from .plan import PlannedSearch, PlanQuestion
    from .reflect import ReflectQuestion

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


def render_tools(searches: Sequence[PlannedSearch]) -> str:
    """Their names, and what to ask those of which the prompt says nothing: searches that were added."""
    known = default_prompt("plan")
    return ", ".join(one.name if f"`{one.name}`" in known else f"{one.name} ({one.query_form})" for one in searches)


def render_searches(asked: Sequence[str], share: float) -> str:
    """The searches made, the latest first."""
    return fence_list(reversed(asked), share * _LIST_TOKENS, "None.")


def _sources(statement: Mapping[str, Any]) -> str:
    return "".join(f" ({c['page_id']}: “{_shorten(c['quote'])}”)" for c in statement["citations"])


def _shorten(quote: str) -> str:
    """A beginning of the quote that is still found on its page."""
    return quote if len(quote) <= _QUOTE_CHARS else quote[:_QUOTE_CHARS].rsplit(" ", 1)[0]


def plan_values(question: PlanQuestion, share: float) -> Mapping[str, str]:
    """As `PlanQuestion.prompt_values`."""
    room = share * (OUTLINE_TOKENS if question.first else LATER_OUTLINE_TOKENS)
    return {
        "question": render_question(question.question),
        "request": render_request(question.question, " ".join([question.request, *question.names])),
        "tools": render_tools(question.searches),
        "known": render_statements(question.known, share, sources=False),
        "outline": render_outline(question.snapshot, question.request, room),
    }


def integrate_values(question: IntegrateQuestion, share: float) -> Mapping[str, str]:
    """As `IntegrateQuestion.prompt_values`."""
    return {
        "question": render_question(question.question),
        "request": render_request(question.question, question.request),
        "known": render_statements(question.known, share, sources=True),
        "evidence": render_passages(question.snapshot, question.readable(share)),
    }


def reflect_values(question: ReflectQuestion, share: float) -> Mapping[str, str]:
    """As `ReflectQuestion.prompt_values`."""
    return {
        "question": render_question(question.question),
        "needs": render_needs(question.needs, share),
        "known": render_statements(question.known, share, sources=False),
        "asked": render_searches(question.asked, share),
    }
