"""What a research knows so far: hits and citations as plain values, and the check of a quote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from ..stores.index.snapshot import Snapshot
from ..stores.records import Citation, Hit, MemoryItem, Page
from ..stores.times import parse_iso_time

EVIDENCE = 300  # passages carried from round to round
LOOKED_AT = 50  # passages from the top that may become statements and leads
READ = 12  # passages from the top that a round has read: a later round ranks what it finds beside them


HitRow = list[Any]
"""The values of a `Hit` in the order of its fields, its time as text. A state holds hundreds, and a mapping takes three times as long."""


_values_of = attrgetter("page_id", "start", "end", "text", "score", "scores", "speaker", "item_id")
_write_time = lru_cache(maxsize=4096)(lambda time, zone: str(time or ""))  # equal instants of two zones differ


def hits_to_state(hits: Iterable[Hit]) -> list[HitRow]:
    """Hits as plain values, for a state."""
    return [[*_values_of(hit), _write_time(hit.time, hit.time and hit.time.tzinfo)] for hit in hits]


def hits_from_state(rows: Iterable[HitRow]) -> Iterator[Hit]:
    """The hits of a state, made one by one as they are read."""
    for page_id, start, end, text, score, scores, speaker, item_id, time in rows:
        yield Hit(page_id, start, end, text, score, scores, speaker, item_id, parse_iso_time(time))


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


_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{12}")
_TELLING = 4  # words of a quote


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
    from .loose_quotes import find_loosely

    place = find_loosely(text, quote)
    return citation_of(record, *place) if place else None


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
