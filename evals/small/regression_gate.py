"""Has evidence recall dropped by more than its noise since the baseline was written?"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from ...stores.errors import BadInput
from ..bench_card import describe_content
from ..compare import Difference, Pair, paired_differences, scores_by_setup
from ..datasets.benchmark_records import DataSet
from ..run import run_plan
from ..run_plan import RunPlan
from ..systems import Setup
from .small_data import small_data

METRIC = "evidence_recall"
BASELINE = "baseline.json"
WRITE = "python -m jitmem.evals.small --write"
SETUPS = {  # small contexts: large ones hold nearly everything, and would hide a loss
    "recall": Setup("recall", context_tokens=300, curate=False),
    "research, one round": Setup(depth=1, context_tokens=300, curate=False),
    "research, three rounds": Setup(depth=3, context_tokens=300, curate=False),
    "research, 1,000 tokens": Setup(depth=3, context_tokens=1000, curate=False),
}
Scores = Mapping[str, Mapping[Pair, float]]
"""By setup, by sample and question: recall."""


def measure_small(
    tools: Sequence[str] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    names: Sequence[str] = tuple(SETUPS),
    data: DataSet | None = None,
) -> Scores:
    """Evidence recall of every question under the setups, without a model; `tools` instead of all searches."""
    data = data or small_data()
    setups = {name: replace(SETUPS[name], tools=tuple(tools) if tools else None) for name in names}
    with tempfile.TemporaryDirectory(prefix="jitmem-eval-") as folder:
        plan = RunPlan(data, tuple(setups.values()), Path(folder) / "card")
        ran = run_plan(plan, lambda done, total, means: progress(done, total))
        if ran.failed:
            raise BadInput(f"{ran.failed} questions ended in an error; a card over the same data shows them.")
        found = scores_by_setup(plan.folder, [setup.name for setup in plan.setups])
    return {
        name: {pair: scores[METRIC] for pair, scores in found[setup.name].items() if METRIC in scores}
        for name, setup in setups.items()
    }


def compare_with_baseline(now: Scores, before: Scores) -> dict[str, Difference]:
    """By setup, paired by question; `BadInput` where setups or questions differ."""
    if {name: set(scores) for name, scores in now.items()} != {name: set(scores) for name, scores in before.items()}:
        raise BadInput(f"The baseline is of other setups or questions; write it again and say why: {WRITE}")
    return {name: paired_differences(_as_scores(before[name]), _as_scores(scores))[0] for name, scores in now.items()}


def read_baseline(data: DataSet | None = None) -> Scores:
    """`BadInput` where there is none, or it is of other data."""
    try:
        baseline = json.loads(resources.files(__package__).joinpath(BASELINE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"There is no baseline yet; make it: {WRITE}") from error
    if baseline["data"] != describe_content(data or small_data()):
        raise BadInput(f"The baseline is of other data; write it again and say why: {WRITE}")
    return {
        name: {(sample, question): value for sample, own in by.items() for question, value in own.items()}
        for name, by in baseline["scores"].items()
    }


def write_baseline(scores: Scores, path: Path) -> None:
    """A line a question, so that its diff is readable."""
    by: dict[str, dict[str, dict[str, Any]]] = {}
    for name, own in scores.items():
        for (sample, question), value in own.items():
            by.setdefault(name, {}).setdefault(sample, {})[question] = round(value, 6)
    baseline = {"metric": METRIC, "made_by": WRITE, "data": describe_content(small_data()), "scores": by}
    path.write_text(json.dumps(baseline, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _as_scores(own: Mapping[Pair, float]) -> dict[Pair, dict[str, float]]:
    return {pair: {METRIC: round(value, 6)} for pair, value in own.items()}
