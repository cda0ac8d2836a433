"""RULER's report: scores by the family of the task and the length of the text, with the seconds they took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .markdown_tables import format_score, markdown_table, mean_with_error
from .scores import METRICS


def scores_by_length(
    answers: Sequence[Mapping[str, Any]], offline: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """`{family: {tokens: {scores, online, offline}}}`, seconds a question and a sample; {} where lines have no length.

    Lengths are text, as JSON keys are.
    """
    seconds_of = {line["sample"]: line["seconds"] for line in offline}
    groups: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for line in answers:
        if {"family", "tokens"} <= set(line.get("of", ())):
            groups.setdefault((line["of"]["family"], line["of"]["tokens"]), []).append(line)
    by_family: dict[str, dict[str, Any]] = {}
    for (family, tokens), lines in sorted(groups.items(), key=lambda group: group[0][1]):
        filed = [seconds_of[line["sample"]] for line in lines if line["sample"] in seconds_of]
        values = {m: [line["scores"][m] for line in lines if m in line["scores"]] for m in METRICS}
        by_family.setdefault(family, {})[str(tokens)] = {
            "scores": {metric: mean_with_error(own) for metric, own in values.items() if own},
            "online": mean_with_error([line["answer"]["seconds"] for line in lines]),
            "offline": mean_with_error(filed) if filed else None,
        }
    return by_family


def render_lengths(summary: Mapping[str, Any], metrics: Sequence[str]) -> list[str]:
    """Scores by family and length, and the seconds of each; [] for texts without lengths."""
    by = {name: one["lengths"] for name, one in summary["setups"].items() if one.get("lengths")}
    lengths = sorted({int(tokens) for families in by.values() for family in families.values() for tokens in family})
    if not lengths:
        return []
    head = [f"{tokens:,} tokens" for tokens in lengths]
    parts = ["## By length"]
    for metric in metrics:
        rows = [
            [
                f"{name}, {family}",
                *(format_score(metric, own.get(str(at), {}).get("scores", {}).get(metric)) for at in lengths),
            ]
            for name, families in by.items()
            for family, own in families.items()
            if any(metric in one["scores"] for one in own.values())
        ]
        if rows:
            parts.append(markdown_table([metric, *head], rows))
    rows = [
        [f"{name}, {family}", *(_seconds(own.get(str(at))) for at in lengths)]
        for name, families in by.items()
        for family, own in families.items()
    ]
    return [*parts, markdown_table(["seconds: to file a text, to answer", *head], rows)]


def _seconds(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "–"
    before = "–" if one["offline"] is None else f"{one['offline']['mean']:.2f}"
    return f"{before}, {one['online']['mean']:.3f}"
