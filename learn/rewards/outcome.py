"""What a reward sees of a run, as a whole or of one page's turn: calls, scores, coverage and sizes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from ...evals.metrics import substring_exact_match
from ..records import Answered, Call, Rollout, Step


@dataclass(frozen=True, slots=True)
class Outcome:
    """`calls` are the edits that were asked for, in their order; None where no model was asked for any.

    `scores` are one for each question that was answered, 0 to 1. `covered` is which share of what was asked the memory
    holds, 0 to 1; None where nothing was asked. `missed` is true where something was asked that could have been kept
    here and is not held. Tokens are those of all items at the end, and of all sessions.
    """

    calls: tuple[Call, ...] | None = None
    scores: tuple[float, ...] = ()
    covered: float | None = None
    missed: bool = False
    memory_tokens: int = 0
    source_tokens: int = 0


OWN_FAULTS = ("ModelReplyError", "ModelRefused")
"""Errors that a model has made itself; any other has happened to it."""

Reward: TypeAlias = Callable[[Outcome], float | None]
"""None where it does not apply, which is not the same as 0."""


def of(rollout: Rollout) -> Outcome:
    """The run as a whole: every call of every turn, and every question."""
    turns = [step.calls for step in rollout.steps if step.name == "curate" and not step.error]
    texts = [source.text for source in rollout.sources]
    return Outcome(
        calls=tuple(call for calls in turns for call in calls or ()) if turns else None,
        scores=_scores(rollout.answers),
        covered=_covered(rollout.answers),
        missed=any(is_short(one) and (one.covered is not None or stands(one, texts)) for one in rollout.answers),
        memory_tokens=rollout.memory_tokens,
        source_tokens=rollout.source_tokens,
    )


def of_turn(rollout: Rollout, step: Step) -> Outcome:
    """One turn over a page: its own calls, what became of the whole run, and the coverage of what stood on the page.

    A question stands on a page if one of its right answers does, word for word but for case, punctuation and articles.
    Where none does, the coverage is that of the run. A reply that could not be read has made no call, and missed what
    there was to keep.
    """
    texts = [source.text for source in rollout.sources if source.id == step.about]
    near = [one for one in rollout.answers if stands(one, texts)]
    return Outcome(
        calls=step.calls or (),
        scores=_scores(rollout.answers),
        covered=_covered(near or rollout.answers),
        missed=step.calls is None or any(map(is_short, near)),
        memory_tokens=rollout.memory_tokens,
        source_tokens=rollout.source_tokens,
    )


def score_of(answered: Answered) -> float | None:
    """The mean over the metrics that were asked for; None where nothing could be scored.

    A model that answers so that nobody can read it is wrong: it must not choose the questions that count.
    """
    if answered.error.startswith(OWN_FAULTS):
        return 0.0
    if answered.error or not answered.scores:
        return None
    return sum(answered.scores.values()) / len(answered.scores)


def _scores(answers: Iterable[Answered]) -> tuple[float, ...]:
    return tuple(score for one in answers if (score := score_of(one)) is not None)


def held(answered: Answered) -> float | None:
    """How much of what was asked the memory holds. Where nobody can tell, a right answer is the evidence for it."""
    return score_of(answered) if answered.covered is None else answered.covered


def stands(answered: Answered, texts: Iterable[str]) -> bool:
    """Whether one of its right answers stands in one of the texts."""
    return any(substring_exact_match(text, answered.gold) for text in texts)


def is_short(answered: Answered) -> bool:
    """Whether the memory is known to lack something that was asked."""
    share = held(answered)
    return share is not None and share < 1


def _covered(answers: Iterable[Answered]) -> float | None:
    shares = [share for one in answers if (share := held(one)) is not None]
    return sum(shares) / len(shares) if shares else None
