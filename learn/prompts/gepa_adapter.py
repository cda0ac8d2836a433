"""The adapter for gepa: evaluate a candidate on tasks, collect feedback, and propose better prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from ...evals.datasets.benchmark_records import Sample
from ...stores.errors import BadInput, MissingPackage
from ..rollout_records import Rollout
from .feedback import FeedbackCase, worst_cases
from .propose import Proposer
from .run_cache import RunCache, Words

if TYPE_CHECKING:
    from gepa.core.adapter import EvaluationBatch

Learner = Literal["memorizer", "researcher", "both"]
LEARNERS: tuple[Learner, ...] = get_args(Learner)


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
