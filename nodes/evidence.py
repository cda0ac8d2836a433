"""What a research knows so far: hits and citations as plain values, the check of a quote, and how prompts show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, starmap
from typing import Any

from ..stores.index.snapshot import Snapshot
from ..stores.records import Citation, Hit, MemoryItem, Page
from ..stores.times import parse_iso_time
from ..stores.token_size import text_size
from .llm.prompt import CHARS_PER_TOKEN, clip, fence, fence_list

EVIDENCE = 300  # passages carried from round to round
LOOKED_AT = 50  # passages from the top that may become statements and leads
READ = 12  # passages from the top that a round has read: a later round ranks what it finds beside them
FIRST_TOKENS = 2200  # of new passages that the first round shows a model
LATER_TOKENS = 900


HitRow = list[Any]
"""The values of a `Hit` in the order of its fields, its time as text. A state holds hundreds, and a mapping takes three times as long."""


def hits_to_state(hits: Iterable[Hit]) -> list[HitRow]:
    """Hits as plain values, for a state."""
    return [
        [
            hit.page_id,
            hit.start,
            hit.end,
            hit.text,
            hit.score,
            hit.scores,
            hit.speaker,
            hit.item_id,
            str(hit.time or ""),
        ]
        for hit in hits
    ]


def hits_from_state(rows: Iterable[HitRow]) -> Iterator[Hit]:
    """The hits of a state, made one by one as they are read."""
    return starmap(Hit, ([*row[:-1], parse_iso_time(row[-1])] for row in rows))


def row_record_id(row: HitRow) -> str:
    """The id of the page or the item of a hit in a state."""
    record_id: str = row[0] or row[-2]
    return record_id


def place_of(hit: Hit) -> str:
    """Where a hit begins, as one text."""
    return f"{hit.page_id or hit.item_id}:{hit.start}"


def record_id(values: Mapping[str, Any]) -> str:
    """Of the plain values of a citation: the id of its page or its item."""
    return str(values["page_id"] or values["item_id"])


def take_fitting(snapshot: Snapshot, hits: Iterable[Hit], tokens: float) -> list[Hit]:
    """The first of the hits that can be shown within a budget, each page's id and header counted once."""
    room = int(tokens * CHARS_PER_TOKEN)
    longest, used = [], 0
    for hit in hits:
        used += text_size(hit.dated_text) + 1
        if used > room:
            break
        longest.append(hit)
    snapshot.records(hit.record_id for hit in longest)
    pages: set[str] = set()
    for count, hit in enumerate(longest):
        room -= text_size(hit.dated_text) + 1
        if hit.record_id not in pages:
            pages.add(hit.record_id)
            room -= len(snapshot.record(hit.record_id).header) + 18
        if room < 0:
            return longest[:count]
    return longest


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


_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{12}")
_TELLING = 4  # words of a quote
_QUOTE_MARKS = str.maketrans("’‘“”", "''\"\"")


def cite(record: Page | MemoryItem, quote: str, start: int | None = None) -> Citation | None:
    """The citation with the page's own words, or None.

    If there is no exact match, case, white space and the style of quote marks are ignored. A quote without a word
    matches nothing.
    """
    text = record.text
    if start is not None and start >= 0 and re.search(r"\w", quote) and text[start : start + len(quote)] == quote:
        return citation_of(record, start, start + len(quote))
    quote = quote.strip().strip('“”"…').strip()
    if not re.search(r"\w", quote):
        return None
    if "[" in quote and quote not in text:
        from ..stores.date_phrases import without_notes

        quote = without_notes(quote)
    at = text.find(quote)
    if at >= 0:
        return citation_of(record, at, at + len(quote))
    loose, sought = _normalize_quote(text), _normalize_quote(quote)
    at = loose.find(sought)
    if at < 0:
        return None
    before, inside = (len(part.replace(" ", "")) for part in (loose[:at], sought))
    place = [match.start() for match in islice(re.finditer(r"\S", text), before, before + inside)]
    return citation_of(record, place[0], place[-1] + 1)


def citation_of(record: Page | MemoryItem, start: int, end: int) -> Citation:
    """A span of a page, or of the content of an item."""
    quote = record.text[start:end]
    if isinstance(record, Page):
        return Citation(record.id, start, end, quote)
    return Citation(None, start, end, quote, record.id)


def cite_retrieved(
    snapshot: Snapshot, page_id: str, quote: str, start: int | None, retrieved: Sequence[str]
) -> Citation | None:
    """The citation on the page that is named, if it was retrieved; else on the only retrieved page that has the
    quote, if that is long enough to tell pages apart."""
    named = _ID.search(page_id.lower())
    if named and named[0] in retrieved and (found := cite(snapshot.record(named[0]), quote, start)):
        return found
    if len(quote.split()) < _TELLING:
        return None
    snapshot.records(retrieved)
    elsewhere = [found for other in retrieved if (found := cite(snapshot.record(other), quote))]
    return elsewhere[0] if len(elsewhere) == 1 else None


def as_values(citation: Citation) -> dict[str, Any]:
    """The plain values of a citation, for a state."""
    return {
        "page_id": citation.page_id,
        "item_id": citation.item_id,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
    }


def _normalize_quote(text: str) -> str:
    """Without case, runs of white space and styles of quote marks. Character by character otherwise, so that places can
    be counted: in a pattern of all this, what repeats itself would be compared with itself from every place on."""
    lower = text.lower() if text.isascii() else "".join(map(_lower, text))
    return " ".join(lower.translate(_QUOTE_MARKS).split())


def _lower(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 else character


QUESTION_TOKENS = 1000
_STATEMENTS_TOKENS = 400
_LIST_TOKENS = 150  # of needs, and of searches made
_REQUEST_TOKENS = 120
_QUOTE_CHARS = 160


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
