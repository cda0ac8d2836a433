"""How a page and what is known beside it are shown to a model that draws memories."""

from __future__ import annotations

from collections.abc import Mapping

from ..stores.records import MemoryItem
from ..stores.times import format_time
from .curate import CORE_SHOWN, CurateQuestion
from .llm.prompt import clip, fence, fence_list
from .page_language import name_language

_ITEMS_TOKENS = 500


def prompt_values(question: CurateQuestion, share: float) -> Mapping[str, str]:
    """As `CurateQuestion.prompt_values`."""
    core, items, page = question.core, question.items, question.page
    return {
        "core": fence(clip(core, share * CORE_SHOWN)) if core else "There is none yet.",
        "items": fence_list(map(describe_item, items), share * _ITEMS_TOKENS, "There are none yet."),
        "page": fence(f"{page.header}\n\n{question.text}") + name_language(question.text),
    }


def describe_item(item: MemoryItem) -> str:
    """`[0m7w…] episodic (8 May 2023): …`"""
    when = f" ({format_time(item.time)})" if item.time else ""
    return f"[{item.id}] {item.kind}{when}: {' '.join(item.content.split())}"
