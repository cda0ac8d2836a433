"""The share of a question's gold that the memory items hold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ...evals.datasets.benchmark_records import Question
from ...evals.metrics.text_metrics import normalize_answer
from ...evals.scores import ADVERSARIAL
from ...stores.analyzer import stems
from ...stores.times import format_iso_time
from ..rollout_records import Item


def item_coverage(question: Question, items: Sequence[Item]) -> float | None:
    """0 to 1; None for a question without gold evidence, or without an answer.

    The pages hold every turn verbatim, whatever the Memorizer does, so only items count. An item need not repeat the
    turn. A question is covered when an item holds

    - the gold text, whole and verbatim, or
    - a right answer as whole words, together with another word of the question ("Ana lives in Lisbon" covers "Where
      does Ana live now?"; a list of all cities does not). The date of an item counts as part of it. Where each of
      several answers is asked for, it is the share of them.

    Case, punctuation, articles and inflection are ignored. Whether a newer item contradicts this one is not checked:
    the answer shows that.
    """
    if not question.evidence or not question.answers or question.category == ADVERSARIAL:
        return None
    texts = [f" {normalize_answer(_dated_content(item))} " for item in items]
    golds = [normalize_answer(gold) for gold in question.evidence]
    verbatim = sum(any(f" {gold} " in text for text in texts) for gold in golds if gold) / len(golds)
    found = [_states_answer(question, answer, items, texts) for answer in question.answers]
    answered = sum(found) / len(found) if question.all_needed else float(any(found))
    return max(verbatim, answered)


def _states_answer(question: Question, answer: str, items: Sequence[Item], texts: Sequence[str]) -> bool:
    right = normalize_answer(answer)
    if not right:
        return False
    other = _content_stems(question.text) - _content_stems(answer)
    return any(
        f" {right} " in text and (not other or other & _content_stems(_dated_content(item)))
        for item, text in zip(items, texts, strict=True)
    )


def _dated_content(item: Item) -> str:
    return f"{item.content} ({format_iso_time(item.time)})" if item.time else item.content


@lru_cache(maxsize=20_000)
def _content_stems(text: str) -> frozenset[str]:
    """Without stop words."""
    return frozenset(stems(text))
