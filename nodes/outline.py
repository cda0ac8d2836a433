"""A bounded look at the memory for prompts: the memos most related to an input and the newest, with page ids."""

from __future__ import annotations

from ..stores.index.snapshot import Snapshot
from ..stores.records import Page
from .llm.prompt import clip, fence
from .llm.usage_tracker import CHARS_PER_TOKEN

OUTLINE_TOKENS = 1200
LATER_TOKENS = 300  # in later rounds, where the first one's has been seen by the plan
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
