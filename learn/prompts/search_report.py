"""The results of a search: whether the candidate is better and not by chance, the learned prompts, and a report."""

from __future__ import annotations

import difflib
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...evals.compare import Difference, paired_difference
from ...prompt_overrides import write_overrides
from ..rollout_records import Rollout
from .gepa_adapter import Learner, Words, learner_reward

PROMPTS, CANDIDATE, DIFF, REPORT = "prompts.md", "candidate.md", "prompts.diff", "report.json"


@dataclass(frozen=True, slots=True)
class GainCheck:
    """The reward of the role that learns (`worth`), and the answers (`r1`), which must not get worse: from the prompts
    before (`a`) to the candidate (`b`), means over tasks, each the mean of its runs.

    `coverage_scaled` is false of rewards that pay for calls whether or not they cover a question: then more reward is
    no gain unless more answers are right, as it may be paid for lies.
    """

    worth: Difference
    r1: Difference
    coverage_scaled: bool = True

    @property
    def rejection(self) -> str:
        """Why it is no improvement; "" if it is one."""
        worth, answers = self.worth, self.r1
        change = f"the reward went from {worth.a:.3f} to {worth.b:.3f}"
        if worth.difference <= 0:
            return change
        if worth.low <= 0:
            return f"a gain of {worth.difference:.3f} may be chance (95 % between {worth.low:.3f} and {worth.high:.3f})"
        if answers.difference < 0:
            return f"answers became worse, from {answers.a:.3f} to {answers.b:.3f}"
        if not self.coverage_scaled and answers.difference == 0:
            return f"{change}, and no more answers are right"
        return ""


def compare_prompts(
    before: Sequence[Rollout], after: Sequence[Rollout], learner: Learner, *, scaled: bool = True
) -> GainCheck:
    """Over runs of the same tasks, equally many with each prompt."""
    worth, r1 = (
        paired_difference("reward", _task_means(before, by), _task_means(after, by), seed=0)
        for by in (learner, "researcher")
    )
    return GainCheck(worth, r1, scaled)


def _task_means(runs: Sequence[Rollout], learner: Learner) -> NDArray[np.float64]:
    """(tasks,) in the order of the runs: the mean reward of each task's runs."""
    rewards: dict[str, list[float]] = {}
    for run in runs:
        rewards.setdefault(run.task, []).append(learner_reward(run, learner))
    return np.array([statistics.fmean(own) for own in rewards.values()])


@dataclass(frozen=True, slots=True)
class LearnedPrompts:
    """`accepted` says whether `words` are better than those `before`; if not, `reason` says why. Both map a step to its
    prompt; `words` has the candidate's for the steps that were learned.

    `validation` is None where no candidate was better even in the search, `test` where there were no such tasks.
    `candidates` counts those tried on all of validation, the first included; `spent` counts runs.
    """

    accepted: bool
    reason: str
    before: Words
    words: Words
    validation: GainCheck | None
    test: GainCheck | None
    candidates: int
    spent: int
    reflections: int

    @property
    def changes(self) -> dict[str, str]:
        """Steps whose prompt differs."""
        return {step: prompt for step, prompt in self.words.items() if prompt != self.before[step]}


def write_search(folder: Path, learned: LearnedPrompts, words: Words, **search: Any) -> None:
    """`prompts.md` (for `Memory.open(prompts=…)`) where it was accepted, else `candidate.md`, so that nobody takes it
    for an accepted one. `words` are those of every step that differ from the package's."""
    for name in (PROMPTS, CANDIDATE):
        (folder / name).unlink(missing_ok=True)
    if learned.changes:
        write_overrides(folder / (PROMPTS if learned.accepted else CANDIDATE), words)
    diff = "".join(f"{line}\n" for line in prompt_diff(learned.before, learned.words))
    (folder / DIFF).write_text(diff, encoding="utf-8")
    report = {**search, **search_as_dict(learned)}
    (folder / REPORT).write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def search_as_dict(learned: LearnedPrompts) -> dict[str, Any]:
    """For JSON, without the prompts."""
    checks = {"validation": learned.validation, "test": learned.test}
    return {
        **{name: getattr(learned, name) for name in ("accepted", "reason", "candidates", "spent", "reflections")},
        "steps": list(learned.before),
        "changed": list(learned.changes),
        **{name: check and {"worth": asdict(check.worth), "r1": asdict(check.r1)} for name, check in checks.items()},
    }


def prompt_diff(before: Words, after: Words) -> Iterator[str]:
    """A unified diff of every step whose prompt differs, line by line, without line ends."""
    for step, old in before.items():
        yield from difflib.unified_diff(
            old.splitlines(), after.get(step, old).splitlines(), f"{step} (before)", f"{step} (after)", lineterm=""
        )
