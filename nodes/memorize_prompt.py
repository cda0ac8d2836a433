"""How a page and the memos beside it are shown to a model that writes a memo."""

from __future__ import annotations

from collections.abc import Mapping

from ..stores.token_size import CHARS_PER_TOKEN, text_size
from .llm.prompt import fence
from .memorize import MemorizeQuestion
from .outline import OUTLINE_TOKENS, render_outline
from .page_language import name_language

_PROMPT_TOKENS = 2100  # of page and outline: beside a long page there is less room for others
_LEAST_OUTLINE = 60


def memorize_values(question: MemorizeQuestion, share: float) -> Mapping[str, str]:
    """As `MemorizeQuestion.prompt_values`."""
    page = fence(f"{question.header}\n\n{question.text}") + name_language(question.text)
    room = max(_LEAST_OUTLINE, min(OUTLINE_TOKENS, _PROMPT_TOKENS - text_size(page) // CHARS_PER_TOKEN))
    return {"page": page, "outline": render_outline(question.snapshot, question.text, share * room)}
