"""Check a citation: the quote is found on its page, or there is no citation."""

from __future__ import annotations

import re
from typing import Any

from ..stores.archive import Archive
from ..stores.records import Citation


def cite(archive: Archive, page_id: str, quote: str, start: int | None = None) -> Citation | None:
    """The citation with the page's own words, or None.

    Where the exact words are not there, they are looked for regardless of case, white space and the style of quote
    marks; a quote without a word is none.
    """
    text = archive.page(page_id).text
    if start is not None and start >= 0 and re.search(r"\w", quote) and text[start : start + len(quote)] == quote:
        return Citation(page_id, start, start + len(quote), quote)
    quote = quote.strip().strip('“”"…').strip()
    if not re.search(r"\w", quote):
        return None
    at = text.find(quote)
    if at >= 0:
        return Citation(page_id, at, at + len(quote), quote)
    pattern = r"\s+".join(_loose(word) for word in quote.split())
    match = re.search(pattern, text, re.I)
    return Citation(page_id, match.start(), match.end(), match.group()) if match else None


def as_values(citation: Citation) -> dict[str, Any]:
    """The plain values of a citation, for a state."""
    return {
        "page_id": citation.page_id,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
    }


def _loose(word: str) -> str:
    pattern = re.escape(word)
    return re.sub(r"['’‘]", "['’‘]", re.sub(r"[\"“”]", '["“”]', pattern))
