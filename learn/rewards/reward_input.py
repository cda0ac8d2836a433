"""What a reward sees of a run, or of one page's turn: calls, scores, coverage and sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from ...evals.metrics.text_metrics import substring_exact_match
from ..rollout_records import MemoryToolCall, RecordedStep, Rollout, ScoredAnswer


@dataclass(frozen=True, slots=True)
class RewardInput:
    """`calls` are the requested edits, in order; None where no model was asked for any.

    `scores` has one for each answered question, 0 to 1. `coverage` is the share of what the questions ask that the
    memory holds, 0 to 1; None without questions. `missed` is true where a question asks for something that could have
    been kept here and is not held. Tokens are those of all items at the end, and of all sessions.
    """

    calls: tuple[MemoryToolCall, ...] | None = None
    scores: tuple[float, ...] = ()
    coverage: float | None = None
    missed: bool = False
    memory_tokens: int = 0
    source_tokens: int = 0


OWN_FAULTS = ("ModelReplyError", "ModelRefused")
"""Errors that are the model's own fault."""

Reward: TypeAlias = Callable[[RewardInput], float | None]
"""None where it does not apply, which is not 0."""


def run_input(rollout: Rollout) -> RewardInput:
    """The whole run: every call of every turn, and every question."""
    turns = [step.calls for step in rollout.steps if step.name == "curate" and not step.error]
    texts = [source.text for source in rollout.sources]
    lacking = [one for one in rollout.answers if is_incomplete(one)]
    return _input(
        rollout,
        tuple(call for calls in turns for call in calls or ()) if turns else None,
        rollout.answers,
        missed=any(one.coverage is not None or is_in_texts(one, texts) for one in lacking),
    )


def turn_input(rollout: Rollout, step: RecordedStep) -> RewardInput:
    """One turn over a page: its calls, the run's scores, and the coverage of the questions about the page.

    A question is about a page if one of its right answers stands there, ignoring case, punctuation and articles.
    Without such a question, the coverage is that of the run. An unreadable reply has no calls, and missed what there
    was to keep.
    """
    texts = [source.text for source in rollout.sources if source.id == step.about]
    near = [one for one in rollout.answers if is_in_texts(one, texts)]
    missed = step.calls is None or any(map(is_incomplete, near))
    return _input(rollout, step.calls or (), near or rollout.answers, missed=missed)


def _input(
    rollout: Rollout, calls: tuple[MemoryToolCall, ...] | None, questions: Iterable[ScoredAnswer], *, missed: bool
) -> RewardInput:
    """`questions` are those whose coverage counts."""
    scores = tuple(score for one in rollout.answers if (score := answer_score(one)) is not None)
    shares = [share for one in questions if (share := memory_share(one)) is not None]
    coverage = sum(shares) / len(shares) if shares else None
    return RewardInput(calls, scores, coverage, missed, rollout.memory_tokens, rollout.source_tokens)


def answer_score(answered: ScoredAnswer) -> float | None:
    """The mean over the requested metrics; None where nothing could be scored.

    An unreadable answer of the model is wrong: a model must not choose which questions count.
    """
    if answered.error.startswith(OWN_FAULTS):
        return 0.0
    if answered.error or not answered.scores:
        return None
    return sum(answered.scores.values()) / len(answered.scores)


def memory_share(answered: ScoredAnswer) -> float | None:
    """The coverage; where it is unknown, the score of the answer instead."""
    return answer_score(answered) if answered.coverage is None else answered.coverage


def is_in_texts(answered: ScoredAnswer, texts: Iterable[str]) -> bool:
    """Whether one of its right answers is in one of the texts."""
    return any(substring_exact_match(text, answered.gold) for text in texts)


def is_incomplete(answered: ScoredAnswer) -> bool:
    """Whether the memory is known to lack something that the question asks for."""
    share = memory_share(answered)
    return share is not None and share < 1
