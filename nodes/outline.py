"""An outline of the memory for a model: its core, and one line a page."""

from __future__ import annotations

from ..stores.index.snapshot import Snapshot
from ..stores.records import Page
from ..stores.token_size import CHARS_PER_TOKEN, text_size
from .llm.prompt import clip, fence

OUTLINE_TOKENS = 1200
LATER_OUTLINE_TOKENS = 300  # in later rounds, where the first one's has been seen by the plan
_RELATED, _NEWEST = 12, 6
_LINE_TOKENS = 150
CORE_TOKENS = 512


def render_outline(snapshot: Snapshot, about: str, tokens: float = OUTLINE_TOKENS) -> str:
    """The core memory, then one line a page, related ones first, never more than `tokens` of them whatever the memory's size."""
    core = snapshot.core()
    pages = [*snapshot.pages_like(about, _RELATED), *snapshot.find_pages(newest=_NEWEST)[::-1]]
    room = int(tokens * CHARS_PER_TOKEN)
    lines: dict[str, str] = {}
    if core is not None:
        lines[core.id] = clip(f"Core memory: {' '.join(core.content.split())}", min(CORE_TOKENS, tokens / 2))
        room -= text_size(lines[core.id]) + 1
    for page in pages:
        line = _line(page)
        size = text_size(line) + 1
        if page.id not in lines and size <= room:
            lines[page.id] = line
            room -= size
    return fence("\n".join(lines.values())) if lines else "Nothing is in memory yet."


def _line(page: Page) -> str:
    return clip(f"[{page.id}] {page.header}: {' '.join(page.memo.split())}", _LINE_TOKENS)
