"""Check a citation: the quote is found on its page, or there is no citation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

from ..stores.index.snapshot import Snapshot
from ..stores.records import Citation, MemoryItem, Page

_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{12}")
_TELLING = 4  # words of a quote
_QUOTE_MARKS = str.maketrans("’‘“”", "''\"\"")


def cite(record: Page | MemoryItem, quote: str, start: int | None = None) -> Citation | None:
    """The citation with the page's own words, or None.

    Where the exact words are not there, they are looked for regardless of case, white space and the style of quote
    marks; a quote without a word is none.
    """
    text = record.text
    if start is not None and start >= 0 and re.search(r"\w", quote) and text[start : start + len(quote)] == quote:
        return citation_of(record, start, start + len(quote))
    quote = quote.strip().strip('“”"…').strip()
    if not re.search(r"\w", quote):
        return None
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
