"""Answer a task's questions, and score the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...evals.datasets.benchmark_records import Question
from ...evals.metrics.answer_judge import AnswerJudge
from ...evals.scores import score_answer
from ...evals.systems.setups import SystemAnswer as Read
from ...memory import Memory
from ...nodes.llm.sync_async import Computation, run_sync
from ...stores.errors import ModelError
from ..rewards.reward_input import OWN_FAULTS
from ..rollout_records import Item, ScoredAnswer, SessionText
from ..token_counts import current_items
from .item_coverage import item_coverage
from .question_readers import QuestionReader, question_reader
from .rollout_config import RolloutConfig


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
