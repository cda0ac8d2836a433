"""The adapter for gepa: run candidates within a budget, each run once, collect feedback, and propose better prompts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ...evals.datasets.benchmark_records import Sample
from ...prompt_overrides import default_prompts, read_overrides
from ...stores.errors import BadInput, MissingPackage, ModelUnavailable
from ...stores.records import Progress
from ..rewards.reward_input import OWN_FAULTS
from ..rollout_records import Rollout
from ..rollouts import run_rollouts
from ..rollouts.rollout_config import RolloutConfig
from .feedback import FeedbackCase, worst_cases
from .propose import Proposer

if TYPE_CHECKING:
    from gepa.core.adapter import EvaluationBatch

Learner = Literal["memorizer", "researcher", "both"]
LEARNERS: tuple[Learner, ...] = get_args(Learner)


Words = Mapping[str, str]
"""Prompts by step."""


class RunBudgetExceeded(Exception):
    """One more run would exceed the budget. Never leaves the search."""


class RunCache:
    """Every run of a candidate over a task has a number from 0, and is made once; afterwards it is read.

    Runs in `folder` from an earlier start count too, so that a resumed command makes as many runs as one that was not
    stopped. `base_prompts` are the prompts of every step before the search.
    """

    def __init__(
        self,
        config: RolloutConfig,
        folder: Path,
        budget: int,
        *,
        concurrency: int = 1,
        progress: Progress = lambda done, most: None,
    ) -> None:
        self.config = config
        self.budget = budget
        self.base_prompts: Words = {**default_prompts(), **read_overrides(config.prompts)}
        self._folder = folder
        self._concurrency = concurrency
        self._progress = progress
        self._made: dict[tuple[str, str, int], Rollout] = {}

    @property
    def runs_left(self) -> int:
        return self.budget - len(self._made)

    def run(self, words: Words, tasks: Sequence[Sample], n: int = 1) -> list[Rollout]:
        """The first `n` runs of each task, those of a task beside each other. `ModelUnavailable` where one failed by no
        fault of its model: the same call, later, resumes."""
        changed = {step: prompt for step, prompt in words.items() if prompt != self.base_prompts[step]}
        key = prompts_hash(changed)
        keys = [(key, task.name, at) for task in tasks for at in range(n)]
        if len({one for one in keys if one not in self._made}) > self.runs_left:
            raise RunBudgetExceeded
        missing = [task for task in tasks if any((key, task.name, at) not in self._made for at in range(n))]
        if missing:
            config = replace(self.config, prompts={**read_overrides(self.config.prompts), **changed})
            folder = self._folder / key
            unique = list({task.name: task for task in missing}.values())
            for run in run_rollouts(unique, config, n=n, folder=folder, concurrency=self._concurrency):
                if run.error and not run.error.startswith(OWN_FAULTS):
                    raise ModelUnavailable(f"The run over {run.task} ended early: {run.error}")
                self._made[key, run.task, run.n] = run
            self._progress(len(self._made), self.budget)
        return [self._made[one] for one in keys]


def prompts_hash(words: Words) -> str:
    return hashlib.sha256(json.dumps(dict(words), sort_keys=True).encode()).hexdigest()[:12]


def learner_reward(run: Rollout, learner: Learner) -> float:
    """What a run counts for: r1 for the Researcher, else the total reward.

    0 for a run that ended with an unreadable reply of its model.
    """
    value = 0.0 if run.error else run.rewards.get("r1" if learner == "researcher" else "total")
    if value is None:
        raise BadInput(f"Task {run.task!r} has no reward: nothing was asked that can be scored, or no judge could say.")
    return value


def import_gepa() -> Any:
    """`MissingPackage` says how to install it."""
    try:
        import gepa
    except ImportError as error:
        raise MissingPackage(
            "Learning prompts needs the package gepa; install it with: pip install 'jitmem[prompts]'"
        ) from error
    return gepa


class PromptAdapter:
    """Implements `gepa.core.adapter.GEPAAdapter`.

    gepa goes on when a proposal fails, so `failure` keeps the error for the caller of the search.
    """

    def __init__(self, runs: RunCache, proposer: Proposer, learner: Learner) -> None:
        self.runs = runs
        self.failure: Exception | None = None
        self._proposer = proposer
        self._learner = learner

    def evaluate(
        self, batch: list[Sample], candidate: dict[str, str], capture_traces: bool = False
    ) -> EvaluationBatch[Rollout, Rollout]:
        """A run over each task, with its reward."""
        runs = self.runs.run(candidate, batch)
        kind: Callable[..., EvaluationBatch[Rollout, Rollout]] = import_gepa().EvaluationBatch
        return kind(runs, [learner_reward(run, self._learner) for run in runs], runs if capture_traces else None)

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: EvaluationBatch[Rollout, Rollout], components_to_update: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The worst cases of each step."""
        return {step: worst_cases(step, eval_batch.trajectories or []) for step in components_to_update}

    def propose_new_texts(
        self,
        candidate: Words,
        reflective_dataset: Mapping[str, Sequence[FeedbackCase]],
        components_to_update: list[str],
    ) -> dict[str, str]:
        """A new prompt for each step; the current one where nothing went wrong."""
        proposals: dict[str, str] = {}
        try:
            for step in components_to_update:
                cases = reflective_dataset[step]
                proposals[step] = self._proposer.propose(step, candidate[step], cases) if cases else candidate[step]
        except Exception as error:
            self.failure = error
            raise
        return proposals
