"""Summarize the answers of a card: means with their standard errors, and cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .bench_card import read_config
from .jsonl_log import read_log
from .length_tables import scores_by_length
from .markdown_tables import mean_with_error
from .run_plan import ANSWERS, ERRORS, OFFLINE
from .scores import ADVERSARIAL, METRICS

ALL, ANSWERABLE = "all", f"all but {ADVERSARIAL}"


def summarize(folder: Path) -> dict[str, Any]:
    """`{setups: {name: {scores, online, offline}}, questions, answered, errors}`; scores by metric and category, each
    with mean, n and se. Only answers of the card's own setups."""
    config = read_config(folder)
    answers = [_without_texts(line) for line in read_log(folder / ANSWERS)]
    offline = list(read_log(folder / OFFLINE))
    open_errors = _open_errors(answers, read_log(folder / ERRORS))
    setups = {}
    for name, setup in config["setups"].items():
        own = [line for line in answers if line["setup"] == name]
        before = [line for line in offline if line["memory_key"] == config["memory_key"][name]]
        setups[name] = {
            "setup": setup,
            "answered": len(own),
            "errors": sum(line["setup"] == name for line in open_errors),
            "unjudged": sum(bool(line.get("judgement", {}).get("error")) for line in own),
            "notes": sum(len(line["answer"]["notes"]) for line in own),
            "scores": _mean_scores(own),
            "online": _online_cost(own),
            "offline": _offline_cost(before),
            "lengths": scores_by_length(own, before),
        }
    questions = config["data"]["questions"] * len(config["setups"])
    answered = sum(one["answered"] for one in setups.values())
    return {"questions": questions, "answered": answered, "errors": _group_errors(open_errors), "setups": setups}


def _without_texts(line: Mapping[str, Any]) -> dict[str, Any]:
    """The texts of a card with many setups do not fit into memory at once, and means need none."""
    kept = ("usage", "reader_usage", "seconds", "reader_seconds", "notes")
    return {**line, "answer": {name: line["answer"][name] for name in kept}}


def _mean_scores(answers: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    categories = sorted({line["category"] for line in answers})
    sets: dict[str, list[Mapping[str, Any]]] = {ALL: list(answers)}
    if ADVERSARIAL in categories and len(categories) > 1:
        sets[ANSWERABLE] = [line for line in answers if line["category"] != ADVERSARIAL]
    if len(categories) > 1:
        sets |= {category: [line for line in answers if line["category"] == category] for category in categories}
    means: dict[str, dict[str, Any]] = {}
    for metric in METRICS:
        for category, lines in sets.items():
            if values := [line["scores"][metric] for line in lines if metric in line["scores"]]:
                means.setdefault(metric, {})[category] = mean_with_error(values)
    return means


def _online_cost(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over questions: of the system, the reader, the judge."""
    if not answers:
        return {}
    n = len(answers)
    system = [line["answer"]["usage"] for line in answers]
    reader = [line["answer"]["reader_usage"] for line in answers]
    seconds = sorted(line["answer"]["seconds"] for line in answers)
    return {
        "system": _mean_usage(system, n),
        "reader": _mean_usage(reader, n),
        "judge": _mean_usage([_sum_usage(line["judge_usage"]) for line in answers], n),
        "seconds": sum(seconds) / n,
        "seconds_p50": seconds[n // 2],
        "seconds_p95": seconds[min(n - 1, int(0.95 * n))],
        "reader_seconds": sum(line["answer"]["reader_seconds"] for line in answers) / n,
        "dollars": _sum_dollars(answers),
    }


def _offline_cost(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of all samples together. `resumed` counts interrupted ones, whose cost before the stop is not included."""
    return {
        **_mean_usage([line["usage"] for line in lines], 1),
        "seconds": sum(line["seconds"] for line in lines),
        "samples": len(lines),
        "resumed": sum(line["resumed"] for line in lines),
        "dollars": _sum_dollars(lines),
    }


def _mean_usage(usages: Sequence[Mapping[str, Any]], n: int) -> dict[str, float]:
    return {part: sum(one[part] for one in usages) / n for part in ("calls", "prompt_tokens", "completion_tokens")}


def _sum_usage(steps: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {part: sum(step[part] for step in steps) for part in ("calls", "prompt_tokens", "completion_tokens")}


def _sum_dollars(lines: Sequence[Mapping[str, Any]]) -> float | None:
    """None where one of them has no price."""
    found = [line["dollars"] for line in lines]
    return None if None in found else sum(found)


def _open_errors(answers: Iterable[Mapping[str, Any]], errors: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last error of each question without an answer."""
    answered = {(line["setup"], line["sample"], line["question"]) for line in answers}
    last = {(line["setup"], line["sample"], line["question"]): line for line in errors}
    return [line for key, line in last.items() if key not in answered]


def _group_errors(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By kind and step, the most frequent first, with one message."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for line in errors:
        groups.setdefault((line["step"], line["error"]), []).append(line)
    kinds = [
        {"step": step, "error": error, "n": len(lines), "message": lines[-1]["message"]}
        for (step, error), lines in groups.items()
    ]
    return sorted(kinds, key=lambda one: -int(one["n"]))
