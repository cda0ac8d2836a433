"""Answer a task's questions, score the answers, and see how much of the gold the memory items hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ...evals.datasets.benchmark_records import Question
from ...evals.metrics.answer_judge import AnswerJudge
from ...evals.metrics.text_metrics import normalize_answer
from ...evals.scores import ADVERSARIAL, score_answer
from ...evals.systems.setups import SystemAnswer as Read
from ...memory import Memory
from ...nodes.llm.sync_async import Computation, run_sync
from ...stores.analyzer import stems
from ...stores.errors import ModelError
from ...stores.times import format_iso_time
from ..rewards.reward_input import OWN_FAULTS
from ..rollout_records import Item, ScoredAnswer, SessionText, current_items
from .question_readers import QuestionReader, question_reader
from .rollout_config import RolloutConfig


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


def answer_from_items(
    memory: Memory,
    questions: Sequence[Question],
    sources: Sequence[SessionText] = (),
    *,
    config: RolloutConfig | None = None,
) -> tuple[ScoredAnswer, ...]:
    """Answers from the memory's items alone, whatever `config.reading` says; by rules without a `config`.

    Nothing is filed or recorded. `ModelUnavailable` when the reader cannot be reached.
    """
    by = replace(config or RolloutConfig(), reading="memory")
    items = current_items(memory)
    read = question_reader(memory, items, by)
    return tuple(run_sync(score_question(question, items, read, by, {})) for question in questions)


def score_question(
    question: Question,
    items: Sequence[Item],
    read: QuestionReader,
    config: RolloutConfig,
    graph_config: Mapping[str, Any],
) -> Computation[ScoredAnswer]:
    """One question, with LangChain's config. An unreadable reply, or a judge without a verdict, becomes its `error`,
    and it has no scores; an unreachable model raises."""
    coverage = item_coverage(question, items)
    result = ScoredAnswer(question.id, question.text, question.answers, question.category, "", None, {}, coverage)
    try:
        context, text = yield from read(question, graph_config)
    except ModelError as failure:
        if type(failure).__name__ not in OWN_FAULTS:
            raise
        return replace(result, error=f"{type(failure).__name__}: {failure}")
    result = replace(result, context=context, answer=text)
    scores = score_answer("conversation", question, Read(context, text=text))
    if config.judge is not None:
        judge = AnswerJudge(config.chat_model(config.judge), config.timeout_s)
        verdict = judge.judge(question.text, question.answers, text, all_needed=question.all_needed)
        if verdict.correct is None:
            return replace(result, error=f"judge: {verdict.error}")
        scores["judge"] = float(verdict.correct)
    return replace(result, scores={name: scores[name] for name in config.metrics if name in scores})
