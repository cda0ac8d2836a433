"""The results of a search: the learned prompts, their diff, and a report."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...evals.compare import bootstrap_means
from ...prompt_overrides import write_overrides
from ..rollout_records import Rollout
from .gepa_adapter import Learner, Words, learner_reward


@dataclass(frozen=True, slots=True)
class Gain:
    """Means over `n` tasks, each the mean of its runs. `low` to `high` holds 95 % of the resampled mean differences
    (paired bootstrap over tasks, 10,000 resamples of one seed)."""

    n: int
    before: float
    after: float
    low: float
    high: float

    @property
    def gain(self) -> float:
        return self.after - self.before

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "gain": self.gain}


@dataclass(frozen=True, slots=True)
class GainCheck:
    """The reward of the role that learns (`worth`), and the answers (`r1`), which must not get worse.

    `coverage_scaled` is false of rewards that pay for calls whether or not they cover a question: then more reward is
    no gain unless more answers are right, as it may be paid for lies.
    """

    worth: Gain
    r1: Gain
    coverage_scaled: bool = True

    @property
    def rejection(self) -> str:
        """Why it is no improvement; "" if it is one."""
        if self.worth.gain <= 0:
            return f"the reward went from {self.worth.before:.3f} to {self.worth.after:.3f}"
        if self.worth.low <= 0:
            return f"a gain of {self.worth.gain:.3f} may be chance (95 % between {self.worth.low:.3f} and {self.worth.high:.3f})"
        if self.r1.gain < 0:
            return f"answers became worse, from {self.r1.before:.3f} to {self.r1.after:.3f}"
        if not self.coverage_scaled and self.r1.gain == 0:
            return (
                f"the reward went from {self.worth.before:.3f} to {self.worth.after:.3f}, and no more answers are right"
            )
        return ""

    def as_dict(self) -> dict[str, Any]:
        return {"worth": self.worth.as_dict(), "r1": self.r1.as_dict()}


def compare_prompts(
    before: Sequence[Rollout], after: Sequence[Rollout], learner: Learner, *, scaled: bool = True
) -> GainCheck:
    """Over runs of the same tasks, equally many with each prompt."""
    return GainCheck(
        _paired_gain(
            [learner_reward(run, learner) for run in before], [learner_reward(run, learner) for run in after], before
        ),
        _paired_gain(
            [learner_reward(run, "researcher") for run in before],
            [learner_reward(run, "researcher") for run in after],
            before,
        ),
        scaled,
    )


def _paired_gain(before: Sequence[float], after: Sequence[float], runs: Sequence[Rollout]) -> Gain:
    first, second = (_task_means(values, runs) for values in (before, after))
    old, new = np.array(list(first.values())), np.array([second[task] for task in first])
    low, high = np.percentile(bootstrap_means(new - old, seed=0), [2.5, 97.5])
    return Gain(len(old), *(round(float(value), 9) for value in (old.mean(), new.mean(), low, high)))


def _task_means(values: Sequence[float], runs: Sequence[Rollout]) -> Mapping[str, float]:
    found: dict[str, list[float]] = {}
    for value, run in zip(values, runs, strict=True):
        found.setdefault(run.task, []).append(value)
    return {task: sum(many) / len(many) for task, many in found.items()}


PROMPTS, CANDIDATE, DIFF, REPORT = "prompts.md", "candidate.md", "prompts.diff", "report.json"


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
        return {step: said for step, said in self.words.items() if said != self.before[step]}


def write_search(folder: Path, learned: LearnedPrompts, words: Words, **told: Any) -> None:
    """`prompts.md` (for `Memory.open(prompts=…)`) where it was accepted, else `candidate.md`, so that nobody takes it
    for an accepted one. `words` are those of every step that differ from the package's."""
    for name in (PROMPTS, CANDIDATE):
        (folder / name).unlink(missing_ok=True)
    if learned.changes:
        write_overrides(folder / (PROMPTS if learned.accepted else CANDIDATE), words)
    (folder / DIFF).write_text(
        "".join(f"{line}\n" for line in prompt_diff(learned.before, learned.words)), encoding="utf-8"
    )
    report = {**told, **search_as_dict(learned)}
    (folder / REPORT).write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def search_as_dict(learned: LearnedPrompts) -> dict[str, Any]:
    """For JSON, without the prompts."""
    return {
        "accepted": learned.accepted,
        "reason": learned.reason,
        "steps": list(learned.before),
        "changed": list(learned.changes),
        "validation": learned.validation.as_dict() if learned.validation else None,
        "test": learned.test.as_dict() if learned.test else None,
        "candidates": learned.candidates,
        "spent": learned.spent,
        "reflections": learned.reflections,
    }


def prompt_diff(before: Words, after: Words) -> Iterator[str]:
    """A unified diff of every step whose prompt differs, line by line, without line ends."""
    for step, old in before.items():
        yield from difflib.unified_diff(
            old.splitlines(), after.get(step, old).splitlines(), f"{step} (before)", f"{step} (after)", lineterm=""
        )
