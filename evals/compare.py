"""Compare two cards over the same questions, or the setups of one, by a seeded paired bootstrap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..stores.errors import BadInput
from .bench_card import read_config
from .jsonl_log import read_log
from .run_plan import ANSWERS
from .scores import METRICS

RESAMPLES = 10_000
_BLOCK = 500  # resamples at once, so that thousands of questions fit into memory

Pair = tuple[str, str]
"""Sample and question."""
ScoresByQuestion = Mapping[Pair, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Difference:
    """B - A, of the mean over the `n` questions that both have a score for. `low` to `high` is the 95 % interval of the
    resampled means; `p` is two-sided: how often a resampled mean lies on the other side of 0."""

    metric: str
    n: int
    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float

    @property
    def is_significant(self) -> bool:
        """Whether the interval excludes 0."""
        return not self.low <= 0 <= self.high

    @property
    def is_regression(self) -> bool:
        """Whether the interval lies below 0."""
        return self.high < 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """`a` and `b` are the setups; `left_out` counts questions that only one of them answered."""

    a: str
    b: str
    differences: tuple[Difference, ...]
    left_out: int


def compare_cards(
    a: Path, b: Path, *, setup_a: str | None = None, setup_b: str | None = None, seed: int = 0
) -> list[Comparison]:
    """Setups of the same name, or the named ones, or the only one of each card.

    `BadInput` where data or questions differ, or it is not clear which setups to compare.
    """
    config_a, config_b = read_config(a), read_config(b)
    _check_same_questions(a, b, config_a["data"], config_b["data"])
    pairs = _pair_setups(list(config_a["setups"]), list(config_b["setups"]), setup_a, setup_b)
    first, second = scores_by_setup(a, config_a["setups"]), scores_by_setup(b, config_b["setups"])
    return [_compare_scores(name_a, first[name_a], name_b, second[name_b], seed) for name_a, name_b in pairs]


def compare_setups(folder: Path, *, setup: str | None = None, seed: int = 0) -> list[Comparison]:
    """One setup of a card, or its first, with each of the others."""
    names = list(read_config(folder)["setups"])
    _check_setup(setup, names)
    if len(names) < 2:
        raise BadInput(f"{folder} holds one setup; name a second card to compare it with.")
    base, scores = setup or names[0], scores_by_setup(folder, names)
    return [_compare_scores(base, scores[base], name, scores[name], seed) for name in names if name != base]


def main_metric(folder: Path, comparisons: Sequence[Comparison]) -> str:
    """The first metric of the card's protocol that was compared, else the first compared; "" where none was."""
    compared = [difference.metric for one in comparisons for difference in one.differences]
    return next((metric for metric in (*read_config(folder)["metrics"], *compared) if metric in compared), "")


def _compare_scores(a: str, scores_a: ScoresByQuestion, b: str, scores_b: ScoresByQuestion, seed: int) -> Comparison:
    differences = tuple(paired_differences(scores_a, scores_b, seed=seed))
    return Comparison(a, b, differences, len(set(scores_a) ^ set(scores_b)))


def paired_differences(a: ScoresByQuestion, b: ScoresByQuestion, *, seed: int = 0) -> list[Difference]:
    """A difference for each metric that both have, over the questions for which both have it."""
    found = []
    for metric in METRICS:
        pairs = [key for key in a if key in b and metric in a[key] and metric in b[key]]
        if pairs:
            first = np.array([a[key][metric] for key in pairs])
            second = np.array([b[key][metric] for key in pairs])
            found.append(paired_difference(metric, first, second, seed))
    return found


def paired_difference(metric: str, a: Any, b: Any, seed: int) -> Difference:
    """Of two (n,) arrays of the same questions or tasks."""
    gaps = b - a
    means = bootstrap_means(gaps, seed)
    low, high = np.percentile(means, [2.5, 97.5])
    # One is added to both counts, as the data themselves are a resample: p is never 0 (Davison & Hinkley 1997, 4.2).
    least = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p = min(1.0, 2 * (least + 1) / (len(means) + 1))
    figures = (float(value) for value in (a.mean(), b.mean(), gaps.mean(), low, high, p))
    return Difference(metric, len(gaps), *figures)


def bootstrap_means(values: Any, seed: int, resamples: int = RESAMPLES) -> Any:
    """(resamples,) float64: means of samples of the same size, drawn with replacement and a fixed seed."""
    draw = np.random.default_rng(seed)
    n = len(values)
    sizes = [min(_BLOCK, resamples - at) for at in range(0, resamples, _BLOCK)]
    return np.concatenate([values[draw.integers(0, n, (size, n))].mean(axis=1) for size in sizes])


def _check_same_questions(a: Path, b: Path, data_a: Mapping[str, Any], data_b: Mapping[str, Any]) -> None:
    problems = {
        "name": f"another data set ({data_a['name']}, {data_b['name']})",
        "sessions_sha256": "other sessions",
        "questions_sha256": "other questions",
    }
    for part, problem in problems.items():
        if data_a[part] != data_b[part]:
            raise BadInput(f"{a} and {b} cannot be compared: {problem}. Run both with the same --data and --limit.")


def _check_setup(setup: str | None, names: Sequence[str]) -> None:
    if setup is not None and setup not in names:
        raise BadInput(f"There is no setup {setup!r} in the card; there are: {', '.join(names)}.")


def _pair_setups(a: Sequence[str], b: Sequence[str], setup_a: str | None, setup_b: str | None) -> list[tuple[str, str]]:
    _check_setup(setup_a, a)
    _check_setup(setup_b, b)
    if setup_a is setup_b is None and (shared := [(name, name) for name in a if name in b]):
        return shared
    first = setup_a or (a[0] if len(a) == 1 else None)
    second = setup_b or (b[0] if len(b) == 1 else None)
    if first and second:
        return [(first, second)]
    if setup_a is setup_b is None:
        raise BadInput(
            f"The cards have no setup in common; name one of each with --setup-a and --setup-b:"
            f" {', '.join(a)} and {', '.join(b)}."
        )
    raise BadInput("Name a setup of each card: --setup-a and --setup-b.")


def scores_by_setup(folder: Path, setups: Iterable[str]) -> dict[str, dict[Pair, dict[str, float]]]:
    """The answers of these setups: by setup, then by (sample, question)."""
    by_setup: dict[str, dict[Pair, dict[str, float]]] = {name: {} for name in setups}
    for line in read_log(folder / ANSWERS):
        if line["setup"] in by_setup:
            by_setup[line["setup"]][line["sample"], line["question"]] = line["scores"]
    return by_setup
