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
    judged = judge_calls(rollout, judge or preset.judge)
    none = dict.fromkeys([*preset.rewards, "coverage", "total"])
    whole = none if judged.error else preset.rewards_of(run_input(judged), progress)
    scores = {one.id: answer_score(one) for one in judged.answers}

    def step_rewards(step: RecordedStep) -> Rewards:
        if step.role == "other":
            return {}
        failed = judged.error or step.error
        if step.name == "curate":
            return none if failed else preset.rewards_of(turn_input(judged, step), progress)
        score = whole["r1"] if step.role == "memorizer" else scores.get(step.about)
        return {"r1": None, "total": None} if failed else {"r1": score, "total": score}

    steps = tuple(replace(step, rewards=step_rewards(step)) for step in judged.steps)
    return replace(judged, steps=steps, rewards=whole)
