"""Measure what was trained on short tasks on tasks that are 13 times as long, with the harness of `jitmem eval`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...evals import card, report
from ...evals.datasets.records import DataSet, Sample
from ...evals.datasets.sources import Source
from ...evals.run import Plan, Tell, run
from ...evals.systems import Models, Setup
from ...stores.errors import BadInput
from ..sizes import tokens_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

SETUPS = (Setup(system="memory-only", memos=False), Setup(system="memory-only", memos=False, curate=False))
"""The items that the model wrote, as in Mem-α; and nothing at all, which shows what the reader knows by itself."""
_SOURCE = Source("Tasks of your own", "the path that was given", (), "your own")


def evaluate(
    tasks: Sequence[Sample],
    model: str | BaseChatModel,
    folder: str | Path,
    *,
    reader: str | BaseChatModel | None = None,
    base_url: str | None = None,
    prompts: str | Path | Mapping[str, str] | None = None,
    setups: Sequence[Setup] = SETUPS,
    tell: Tell = lambda done, total, means: None,
) -> dict[str, Any]:
    """A bench card in the folder, and its summary: scores by setup, with `tokens`, the mean length of a task.

    `model` is served somewhere (`openai:…`), or a folder that a training has written. Stopped, the same call goes on.
    Without a `reader`, evidence alone is measured: how much of the gold stands in what the items give as context.
    """
    if not tasks:
        raise BadInput("There are no tasks to measure on.")
    from .policy import Policy

    place = Path(folder)
    who: str | BaseChatModel = model
    if isinstance(model, str) and Path(model).is_dir():
        who = Policy.load(model, temperature=0)
    data = DataSet("tasks", "conversation", tuple(tasks), _SOURCE)
    models = Models(memorizer_model=who, reader=reader, base_url=base_url, prompts=prompts)
    plan = Plan(data, tuple(setups), place, models)
    card.begin(plan, seed=None)
    try:
        run(plan, tell)
    finally:
        made = report.finish(place)
    return {**made, "tokens": round(sum(map(tokens_of, tasks)) / len(tasks))}
