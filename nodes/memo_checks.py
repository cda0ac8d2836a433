"""Check a memo that a model wrote against its page."""

from __future__ import annotations

from .grounding import copied_share, foreign_terms, is_about_the_prompt, is_placeholder, list_words
from .memorize import Memo, MemorizeQuestion

_SHORT = 240  # characters that may be copied: a rule's memo is as long
_COPIED = 0.6  # of the runs of six words


def find_fault(question: MemorizeQuestion, answer: Memo) -> str:
    """What is wrong with a memo, as one sentence for the model that wrote it; "" for a good one."""
    if is_placeholder(answer.memo):
        return "The memo is the example's placeholder, not a memo of the page."
    if is_about_the_prompt(answer.memo) and not is_about_the_prompt(question.text):
        return "The memo speaks of the page. Write who did, said or plans what, by name."
    if foreign := foreign_terms(answer.memo, question.header, question.text):
        return f"The memo names {list_words(foreign)}; the page does not. Say only what the page says."
    if len(answer.memo) > _SHORT and copied_share(answer.memo, question.text) > _COPIED:
        return "The memo copies the page. Write two sentences of your own, at most 50 words."
    return ""
