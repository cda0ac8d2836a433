"""The parameters of a search, validated before anything is run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from langchain_core.language_models import BaseChatModel

from ...evals.datasets.benchmark_records import Sample
from ...nodes.llm.ask import name_of
from ...stores.errors import BadInput
from ..rollouts.rollout_config import RolloutConfig
from ..rollouts.run_lock import task_hash
from .gepa_adapter import LEARNERS, Learner

MINIBATCH = 3
"""Training tasks of a proposal, on which it is tried first."""

_CLAIM = "search.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpec:
    """See `improve_prompts`. `BadInput` for an impossible search."""

    train: Sequence[Sample]
    val: Sequence[Sample]
    test: Sequence[Sample]
    config: RolloutConfig
    reflection: BaseChatModel
    role: Learner
    budget: int
    repeats: int
    seed: int

    def __post_init__(self) -> None:
        if self.role not in LEARNERS:
            raise BadInput(f"There is no role {self.role!r}; there are: {', '.join(LEARNERS)}.")
        if self.repeats < 1:
            raise BadInput(f"repeats is how often the check runs each task, 1 or more; got {self.repeats}.")
        if self.config.rewards is None:
            raise BadInput("Words are improved by rewards; name a preset of them, such as default.")
        if not self.train or not self.val:
            raise BadInput("There must be tasks to learn from, and others to check on.")
        names = [{task.name for task in tasks} for tasks in (self.train, self.val, self.test)]
        for one, other in ((0, 1), (0, 2), (1, 2)):
            if twice := names[one] & names[other]:
                raise BadInput(
                    f"The task {min(twice)!r} is in two of train, val and test; what is learned is checked on others."
                )
        least = len(self.val) + self.proposal_runs + self.check_runs
        if self.budget < least:
            raise BadInput(
                f"A budget of {self.budget} runs is too small: {len(self.val)} are for the current prompts, {self.proposal_runs} for"
                f" one proposal and {self.check_runs} for the check; give {least} or more."
            )

    @property
    def minibatch(self) -> int:
        """Training tasks of a proposal."""
        return min(MINIBATCH, len(self.train))

    @property
    def proposal_runs(self) -> int:
        """The most runs that a proposal takes: its training tasks before and after, and validation."""
        return 2 * self.minibatch + len(self.val)

    @property
    def check_runs(self) -> int:
        """The most runs that the check takes: validation beyond the search's own runs, and all of test, twice."""
        return 2 * len(self.val) * self.repeats + 2 * len(self.test) * (1 + self.repeats)

    def claim_folder(self, folder: Path) -> None:
        """Record the search in the folder; `BadInput` where another search is recorded there.

        The budget may differ: with a larger one the search goes on.
        """
        tasks = (("train", self.train), ("val", self.val), ("test", self.test))
        spec = {
            "role": self.role,
            "seed": self.seed,
            "repeats": self.repeats,
            "reflection": name_of(self.reflection),
            "config": self.config.as_dict(),
            **{name: {task.name: task_hash(task) for task in many} for name, many in tasks},
        }
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _CLAIM
        text = json.dumps(spec, ensure_ascii=False, indent=1, default=str)
        if path.exists() and (known := path.read_text(encoding="utf-8")) != text:
            was = json.loads(known)
            differing = next((name for name, value in json.loads(text).items() if was.get(name) != value), "something")
            raise BadInput(f"{folder} holds a search with another {differing}; choose another folder.")
        path.write_text(text, encoding="utf-8")
