"""A bounded look at the memory for prompts: the memos most related to an input and the newest, with page ids."""

from __future__ import annotations

from ..stores.archive import Archive
from ..stores.records import Page
from .prompt import fence

OUTLINE_TOKENS = 1200
_RELATED, _NEWEST = 12, 6
_CHARS_PER_TOKEN = 4


def outline(archive: Archive, about: str, tokens: int = OUTLINE_TOKENS) -> str:
    """One line a page, related ones first, never more than `tokens` of them whatever the memory's size."""
    pages = [*archive.pages_like(about, _RELATED), *archive.pages.pages(newest=_NEWEST)[::-1]]
    room = tokens * _CHARS_PER_TOKEN
    lines: dict[str, str] = {}
    for page in pages:
        line = _line(page)
        if page.id not in lines and len(line) + 1 <= room:
            lines[page.id] = line
            room -= len(line) + 1
    return fence("\n".join(lines.values())) if lines else "Nothing is in memory yet."


def _line(page: Page) -> str:
    return f"[{page.id}] {page.header}: {page.memo}"
