"""Search for better prompts by their rewards (gepa), accepted only if they are better on held-out tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from langchain_core.language_models import BaseChatModel

from ...evals.datasets.benchmark_records import Sample
from ...evals.jsonl_log import claim_folder
from ...nodes.llm.ask import name_of
from ...nodes.steps import STEPS, steps_of
from ...prompt_overrides import read_overrides
from ...stores.errors import BadInput
from ...stores.records import Progress
from ..rewards import PRESETS
from ..rollouts.many_rollouts import task_hash
from ..rollouts.rollout_config import RolloutConfig
from .gepa_adapter import LEARNERS, Learner, PromptAdapter, RunCache, Words, import_gepa
from .propose import Proposer
from .search_report import GainCheck, LearnedPrompts, compare_prompts, write_search

MINIBATCH = 3
"""Training tasks of a proposal, on which it is tried first."""

PATIENCE = 8
"""Consecutive proposals without an improvement before the search stops."""

_STEPS: Mapping[str, tuple[str, ...]] = {
    "memorizer": steps_of("memorizer"),
    "researcher": steps_of("researcher", "reader"),
    "both": tuple(STEPS),
}
_CLAIM, _REFLECTIONS, _LOG, _RUNS = "search.json", "reflections.jsonl", "search.log", "runs"


def improve_prompts(
    train: Sequence[Sample],
    val: Sequence[Sample],
    config: RolloutConfig,
    reflection: BaseChatModel,
    folder: str | Path,
    *,
    role: Learner,
    budget: int,
    test: Sequence[Sample] = (),
    repeats: int = 1,
    patience: int = PATIENCE,
    seed: int = 0,
    concurrency: int = 1,
    progress: Progress = lambda done, most: None,
) -> LearnedPrompts:
    """Better prompts for the steps of a role, and files about them in `folder`.

    Never more than `budget` runs; those that the check needs are reserved. A candidate is made from the worst cases of
    a few training tasks, tried on those, then on `val`. The best is run `repeats` more times over `val`, beside the
    original prompts, with other seeds: it is accepted only if a paired bootstrap over tasks tells the gain from chance,
    and no right answers are lost. `test` is run with both, and only reported.

    After a stop, the same call resumes: every run and every reflection is kept. `BadInput` for a folder of another
    search, for overlapping task sets, and for too small a budget.
    """
    engine = import_gepa()
    target = Path(folder)
    minibatch = min(MINIBATCH, len(train))
    # The most runs of a proposal: its training tasks before and after, and validation. The most of the check:
    # validation beyond the search's own runs, and all of test, twice.
    proposal_runs = 2 * minibatch + len(val)
    check_runs = 2 * len(val) * repeats + 2 * len(test) * (1 + repeats)
    tasks = {"train": train, "val": val, "test": test}
    _check_search(tasks, config, role, repeats)
    if budget < (least := len(val) + proposal_runs + check_runs):
        raise BadInput(
            f"A budget of {budget} runs is too small: {len(val)} are for the current prompts, {proposal_runs} for"
            f" one proposal and {check_runs} for the check; give {least} or more."
        )
    claim_folder(
        target / _CLAIM,
        "a search",
        {  # not the budget: with a larger one the search goes on
            "role": role,
            "seed": seed,
            "repeats": repeats,
            "reflection": name_of(reflection),
            "config": config.as_dict(),
            **{name: {task.name: task_hash(task) for task in many} for name, many in tasks.items()},
        },
    )
    runs = RunCache(config, target / _RUNS, budget, concurrency=concurrency, progress=progress)
    asked_steps = {step.name for run in runs.run({}, val) for step in run.steps}
    before = {step: runs.base_prompts[step] for step in _STEPS[role] if step in asked_steps}
    if not before:
        raise BadInput(f"No model is asked for a step of the {role}; name a model for it.")
    proposer = Proposer(reflection, target / _REFLECTIONS, config.timeout_s)
    adapter = PromptAdapter(runs, proposer, role)

    with (target / _LOG).open("w", encoding="utf-8") as log:
        found = engine.optimize(
            seed_candidate=before,
            trainset=list(train),
            valset=list(val),
            adapter=adapter,
            reflection_minibatch_size=minibatch,
            skip_perfect_score=False,
            stop_callbacks=_StopCondition(adapter, proposal_runs + check_runs, patience),
            logger=SimpleNamespace(log=lambda message: log.write(f"{message}\n")),
            seed=seed,
        )
    if adapter.failure is not None:
        raise adapter.failure
    best = {step: str(prompt) for step, prompt in found.best_candidate.items()}
    validation = outcome = None
    if found.val_aggregate_scores[found.best_idx] <= found.val_aggregate_scores[0]:
        best, reason = before, "no candidate was better on validation"
    else:
        validation = _check_gain(runs, before, best, val, repeats, role, fresh=True)
        reason = validation.rejection
        outcome = _check_gain(runs, before, best, test, repeats, role, fresh=False) if test else None
    learned = LearnedPrompts(
        accepted=not reason,
        reason=reason,
        before=before,
        words=best,
        validation=validation,
        test=outcome,
        candidates=len(found.candidates),
        spent=budget - runs.runs_left,
        reflections=proposer.requests,
    )
    write_search(target, learned, {**read_overrides(config.prompts), **learned.changes}, role=role, budget=budget)
    return learned


def _check_search(tasks: Mapping[str, Sequence[Sample]], config: RolloutConfig, role: str, repeats: int) -> None:
    """`BadInput` for an impossible search."""
    if role not in LEARNERS:
        raise BadInput(f"There is no role {role!r}; there are: {', '.join(LEARNERS)}.")
    if repeats < 1:
        raise BadInput(f"repeats is how often the check runs each task, 1 or more; got {repeats}.")
    if config.rewards is None:
        raise BadInput("Words are improved by rewards; name a preset of them, such as default.")
    if not tasks["train"] or not tasks["val"]:
        raise BadInput("There must be tasks to learn from, and others to check on.")
    for one, other in combinations(tasks.values(), 2):
        if twice := {task.name for task in one} & {task.name for task in other}:
            raise BadInput(
                f"The task {min(twice)!r} is in two of train, val and test; what is learned is checked on others."
            )


def _check_gain(
    runs: RunCache, before: Words, after: Words, tasks: Sequence[Sample], repeats: int, role: Learner, *, fresh: bool
) -> GainCheck:
    """`fresh`: without the first run of each task, by which the candidate was chosen."""
    old, new = (
        [run for run in runs.run(words, tasks, 1 + repeats) if not (fresh and run.n == 0)] for words in (before, after)
    )
    scaled = PRESETS[runs.config.rewards or ""].cold is not None
    return compare_prompts(old, new, role, scaled=scaled)


class _StopCondition:
    """Ends the search while the runs of one more proposal and of the check are still left."""

    def __init__(self, adapter: PromptAdapter, needed: int, patience: int) -> None:
        self._adapter, self._needed, self._patience = adapter, needed, patience
        self._candidates, self._since = 1, 0

    def __call__(self, state: Any) -> bool:
        rounds = state.i + 1
        if len(state.program_candidates) > self._candidates:
            self._candidates, self._since = len(state.program_candidates), rounds
        tired = rounds - self._since >= self._patience
        return tired or self._adapter.failure is not None or self._adapter.runs.runs_left < self._needed
