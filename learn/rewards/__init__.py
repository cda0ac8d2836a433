"""Rewards as pure functions on recorded outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..records import Rollout, Step
from .cases import Case, ContentJudge, judged
from .judge_model import ByModel
from .judge_rules import ByForm, BySource
from .outcome import Outcome, Reward, of, of_turn, score_of
from .presets import DEFAULT, MEM_ALPHA, PRESETS, Preset

__all__ = [
    "DEFAULT",
    "MEM_ALPHA",
    "PRESETS",
    "ByForm",
    "ByModel",
    "BySource",
    "Case",
    "ContentJudge",
    "Outcome",
    "Preset",
    "Reward",
    "judged",
    "of",
    "of_turn",
    "rewarded",
]

Rewards = Mapping[str, float | None]


def rewarded(
    rollout: Rollout, preset: Preset = DEFAULT, *, judge: ContentJudge | None = None, progress: float = 0.0
) -> Rollout:
    """The run with rewards: `r1` to `r4`, `covered` and `total`, of the whole and of each turn of calls in its step.

    A step that asks for no calls has `r1` alone: of the Memorizer the run's, of the Researcher and the reader that of
    the question they are about. `judge` takes the place of the preset's; without a model of its own it is a pure
    function. `progress`, 0 to 1, is how far a training has come (see `Preset`). A run that failed, and a step that got
    no reply, has None everywhere: a failure is no reward of 0.
    """
    seen = judged(rollout, judge or preset.judge)
    scores = {one.id: score_of(one) for one in seen.answers}
    whole = _none(preset) if seen.error else preset.of(of(seen), progress)
    steps = tuple(replace(step, rewards=_of_step(seen, step, preset, progress, whole, scores)) for step in seen.steps)
    return replace(seen, steps=steps, rewards=whole)


def _of_step(
    rollout: Rollout,
    step: Step,
    preset: Preset,
    progress: float,
    whole: Rewards,
    scores: Mapping[str, float | None],
) -> Rewards:
    if step.role == "other":
        return {}
    if rollout.error or step.error:
        return _none(preset) if step.name == "curate" else {"r1": None, "total": None}
    if step.name == "curate":
        return preset.of(of_turn(rollout, step), progress)
    first = whole["r1"] if step.role == "memorizer" else scores.get(step.about)
    return {"r1": first, "total": first}


def _none(preset: Preset) -> Rewards:
    return dict.fromkeys([*preset.rewards, "covered", "total"])
