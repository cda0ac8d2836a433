"""What a least confidence would cost: false answers against false abstentions, from the answers of a card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..stores.errors import BadInput
from .bench_card import read_config
from .datasets.longmemeval import ABSTENTION
from .jsonl_log import read_log
from .run_plan import ANSWERS
from .scores import ADVERSARIAL

THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(10))


def abstention_curve(folder: Path) -> dict[str, list[Mapping[str, Any]]]:
    """By setup, a row for each threshold: `false_answers` is the share of the questions without an answer whose confidence is at
    least that high, `false_abstentions` the share of the others whose confidence is lower. `BadInput` where a card has no
    confidences, or only questions of one sort."""
    curves: dict[str, list[Mapping[str, Any]]] = {}
    lines = list(read_log(folder / ANSWERS))
    for setup in read_config(folder)["setups"]:
        by_sort: dict[bool, list[float]] = {True: [], False: []}
        for line in lines:
            confidence = line["answer"].get("confidence")
            if line["setup"] == setup and confidence is not None:
                by_sort[line["category"] in (ADVERSARIAL, ABSTENTION)].append(confidence)
        if all(by_sort.values()):
            curves[setup] = [_row(threshold, by_sort[True], by_sort[False]) for threshold in THRESHOLDS]
    if not curves:
        raise BadInput(
            f"{folder}: no setup has confidences of questions with and without an answer; research has them."
        )
    return curves


def _row(threshold: float, absent: list[float], present: list[float]) -> dict[str, Any]:
    return {
        "threshold": threshold,
        "false_answers": sum(one >= threshold for one in absent) / len(absent),
        "false_abstentions": sum(one < threshold for one in present) / len(present),
        "absent": len(absent),
        "present": len(present),
    }
