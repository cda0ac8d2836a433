"""Evaluate a model that was trained on short tasks on tasks 13 times as long, with the harness of `jitmem eval`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...evals import bench_card, report
from ...evals.datasets.benchmark_records import DataSet, DataSource, Sample
from ...evals.run import MeansProgress, RunPlan, run_plan
from ...evals.systems import EvalModels, Setup
from ...stores.errors import BadInput
from ..rollout_records import task_tokens

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

SETUPS = (Setup(system="memory-only", memos=False), Setup(system="memory-only", memos=False, curate=False))
"""The items that the model wrote, as in Mem-α; and nothing, which shows what the reader knows by itself."""
_SOURCE = DataSource("Tasks of your own", "the path that was given", (), "your own")


def evaluate_long_tasks(
    tasks: Sequence[Sample],
    model: str | BaseChatModel,
    folder: str | Path,
    *,
    reader: str | BaseChatModel | None = None,
    base_url: str | None = None,
    prompts: str | Path | Mapping[str, str] | None = None,
    setups: Sequence[Setup] = SETUPS,
    progress: MeansProgress = lambda done, total, means: None,
) -> dict[str, Any]:
    """A bench card in the folder, and its summary: scores by setup, with `tokens`, the mean length of a task.

    `model` is served somewhere (`openai:…`), or a folder of a training. After a stop, the same call resumes. Without a
    `reader`, only evidence is measured: how much of the gold is in the context that the items give.
    """
    if not tasks:
        raise BadInput("There are no tasks to measure on.")
    from .policy import Policy

    target = Path(folder)
    who: str | BaseChatModel = model
    if isinstance(model, str) and Path(model).is_dir():
        who = Policy.load(model, temperature=0)
    data = DataSet("tasks", "conversation", tuple(tasks), _SOURCE)
    models = EvalModels(memorizer_model=who, reader=reader, base_url=base_url, prompts=prompts)
    plan = RunPlan(data, tuple(setups), target, models)
    bench_card.begin_card(plan)
    try:
        run_plan(plan, progress)
    finally:
        summary = report.write_report(target)
    return {**summary, "tokens": round(sum(map(task_tokens, tasks)) / len(tasks))}
