"""Rewards as pure functions on recorded outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..rollout_records import RecordedStep, Rollout
from .judge_cases import ContentJudge, JudgeCase, judge_calls
from .judge_model import ModelContentJudge
from .judge_rules import FormJudge, SourceJudge
from .reward_input import Reward, RewardInput, answer_score, run_input, turn_input
from .reward_presets import DEFAULT, MEM_ALPHA, PRESETS, RewardPreset

__all__ = [
    "DEFAULT",
    "MEM_ALPHA",
    "PRESETS",
    "ContentJudge",
    "FormJudge",
    "JudgeCase",
    "ModelContentJudge",
    "Reward",
    "RewardInput",
    "RewardPreset",
    "SourceJudge",
    "add_rewards",
    "judge_calls",
    "run_input",
    "turn_input",
]

Rewards = Mapping[str, float | None]


def add_rewards(
    rollout: Rollout, preset: RewardPreset = DEFAULT, *, judge: ContentJudge | None = None, progress: float = 0.0
) -> Rollout:
    """The run with rewards: `r1` to `r4`, `coverage` and `total`, of the whole run and of each curate turn.

    A step without calls has `r1` alone: for the Memorizer the run's, for the Researcher and the reader that of their
    question. `judge` replaces the preset's; without a model it is a pure function. `progress`, 0 to 1, is the progress
    of a training (see `RewardPreset`). A failed run, and a step without a reply, has None everywhere: a failure is no
    reward of 0.
    """
    seen = judge_calls(rollout, judge or preset.judge)
    scores = {one.id: answer_score(one) for one in seen.answers}
    whole = _no_rewards(preset) if seen.error else preset.rewards_of(run_input(seen), progress)
    steps = tuple(
        replace(step, rewards=_step_rewards(seen, step, preset, progress, whole, scores)) for step in seen.steps
    )
    return replace(seen, steps=steps, rewards=whole)


def _step_rewards(
    rollout: Rollout,
    step: RecordedStep,
    preset: RewardPreset,
    progress: float,
    whole: Rewards,
    scores: Mapping[str, float | None],
) -> Rewards:
    if step.role == "other":
        return {}
    if rollout.error or step.error:
        return _no_rewards(preset) if step.name == "curate" else {"r1": None, "total": None}
    if step.name == "curate":
        return preset.rewards_of(turn_input(rollout, step), progress)
    first = whole["r1"] if step.role == "memorizer" else scores.get(step.about)
    return {"r1": first, "total": first}


def _no_rewards(preset: RewardPreset) -> Rewards:
    return dict.fromkeys([*preset.rewards, "coverage", "total"])
