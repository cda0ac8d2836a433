"""Summarize the answers of a card: means with their standard errors, and cost."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .bench_card import read_config
from .jsonl_log import read_log
from .run_plan import ANSWERS, ERRORS, OFFLINE
from .scores import ADVERSARIAL, METRICS

ALL, ANSWERABLE = "all", f"all but {ADVERSARIAL}"
_USAGE = ("calls", "prompt_tokens", "completion_tokens")
Line = Mapping[str, Any]
"""A line of a log."""


def summarize(folder: Path) -> dict[str, Any]:
    """`{setups: {name: {scores, online, offline, lengths}}, questions, answered, errors}`; scores by metric and
    category, each with mean, n and se. Only answers of the card's own setups."""
    config = read_config(folder)
    answers = [_without_texts(line) for line in read_log(folder / ANSWERS)]
    offline = list(read_log(folder / OFFLINE))
    open_errors = _open_errors(answers, read_log(folder / ERRORS))
    setups = {}
    for name, setup in config["setups"].items():
        own = [line for line in answers if line["setup"] == name]
        filed = [line for line in offline if line["memory_key"] == config["memory_key"][name]]
        setups[name] = {
            "setup": setup,
            "answered": len(own),
            "errors": sum(line["setup"] == name for line in open_errors),
            "unjudged": sum(bool(line.get("judgement", {}).get("error")) for line in own),
            "notes": sum(len(line["answer"]["notes"]) for line in own),
            "scores": _scores_by_category(own),
            "online": _online_cost(own),
            "offline": _offline_cost(filed),
            "lengths": _scores_by_length(own, filed),
            "steps": _by_step(own),
            "filing_steps": _by_step(filed),
            "replaced": sum(len(line.get("failures", ())) for line in filed),
        }
    questions = config["data"]["questions"] * len(config["setups"])
    answered = sum(one["answered"] for one in setups.values())
    return {"questions": questions, "answered": answered, "errors": _group_errors(open_errors), "setups": setups}


def mean_with_error(values: Sequence[float]) -> dict[str, float | int | None]:
    """Mean, n and the standard error of the mean, None for fewer than two values. The same in any order."""
    n = len(values)
    se = statistics.stdev(values) / math.sqrt(n) if n > 1 else None
    return {"mean": math.fsum(values) / n, "n": n, "se": se}


def _without_texts(line: Line) -> dict[str, Any]:
    """The texts of a card with many setups do not fit into memory at once, and means need none."""
    names = ("usage", "reader_usage", "seconds", "reader_seconds", "notes")
    return {**line, "answer": {name: line["answer"][name] for name in names}}


def _scores_by_category(answers: Sequence[Line]) -> dict[str, dict[str, Any]]:
    """`{metric: {category: mean_with_error}}`, for all answers first."""
    sets: dict[str, list[Line]] = {ALL: list(answers)}
    categories = sorted({line["category"] for line in answers})
    if len(categories) > 1:
        if ADVERSARIAL in categories:
            sets[ANSWERABLE] = [line for line in answers if line["category"] != ADVERSARIAL]
        sets |= {category: [line for line in answers if line["category"] == category] for category in categories}
    means: dict[str, dict[str, Any]] = {}
    for category, lines in sets.items():
        for metric, mean in _mean_scores(lines).items():
            means.setdefault(metric, {})[category] = mean
    return {metric: means[metric] for metric in METRICS if metric in means}


def _mean_scores(answers: Sequence[Line]) -> dict[str, Any]:
    values = {m: [line["scores"][m] for line in answers if m in line["scores"]] for m in METRICS}
    return {metric: mean_with_error(own) for metric, own in values.items() if own}


def _scores_by_length(answers: Sequence[Line], offline: Sequence[Line]) -> dict[str, dict[str, Any]]:
    """`{family: {tokens: {scores, online, offline}}}`, seconds a question and a sample; {} where lines have no length.

    Lengths are text, as JSON keys are.
    """
    seconds_of = {line["sample"]: line["seconds"] for line in offline}
    groups: dict[tuple[int, str], list[Line]] = {}
    for line in answers:
        if {"family", "tokens"} <= set(line.get("of", ())):
            groups.setdefault((line["of"]["tokens"], line["of"]["family"]), []).append(line)
    by_family: dict[str, dict[str, Any]] = {}
    for (tokens, family), lines in sorted(groups.items(), key=lambda group: group[0][0]):
        filed = [seconds_of[line["sample"]] for line in lines if line["sample"] in seconds_of]
        by_family.setdefault(family, {})[str(tokens)] = {
            "scores": _mean_scores(lines),
            "online": mean_with_error([line["answer"]["seconds"] for line in lines]),
            "offline": mean_with_error(filed) if filed else None,
        }
    return by_family


def _online_cost(answers: Sequence[Line]) -> dict[str, Any]:
    """Means over questions: of the system, the reader, the judge."""
    if not answers:
        return {}
    n = len(answers)
    seconds = sorted(line["answer"]["seconds"] for line in answers)
    return {
        "system": _sum_usage([line["answer"]["usage"] for line in answers], n),
        "reader": _sum_usage([line["answer"]["reader_usage"] for line in answers], n),
        "judge": _sum_usage([step for line in answers for step in line["judge_usage"]], n),
        "seconds": sum(seconds) / n,
        "seconds_p50": seconds[n // 2],
        "seconds_p95": seconds[min(n - 1, int(0.95 * n))],
        "reader_seconds": sum(line["answer"]["reader_seconds"] for line in answers) / n,
        "dollars": _sum_dollars(answers),
    }


def _offline_cost(lines: Sequence[Line]) -> dict[str, Any]:
    """Of all samples together. `resumed` counts interrupted ones, whose cost before the stop is not included."""
    return {
        **_sum_usage([line["usage"] for line in lines]),
        "seconds": sum(line["seconds"] for line in lines),
        "samples": len(lines),
        "resumed": sum(line["resumed"] for line in lines),
        "dollars": _sum_dollars(lines),
    }


def _by_step(lines: Sequence[Line]) -> dict[str, dict[str, float]]:
    """`{step: {asked, first_try, calls, prompt_tokens, completion_tokens, cached_tokens, seconds}}` of the system's own
    model calls: how often a step was asked, the share answered by the first reply, and means of all its calls together
    for each time it was asked."""
    entries = [step for line in lines for step in (line.get("answer") or line)["usage"]["steps"]]
    table: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(step["step"] for step in entries):
        own = [step for step in entries if step["step"] == name and step["calls"]]
        asked = sum(step.get("reply", 1) == 1 for step in own)
        if not asked:
            continue
        repaired = sum(step.get("reply", 1) == 2 for step in own)
        parts = (*_USAGE, "cached_tokens", "seconds")
        sums = {part: sum(step.get(part, 0) for step in own) / asked for part in parts}
        table[name] = {"asked": asked, "first_try": 1 - min(repaired, asked) / asked, **sums}
    return table


def _sum_usage(usages: Sequence[Line], per: int = 1) -> dict[str, float]:
    return {part: sum(one[part] for one in usages) / per for part in _USAGE}


def _sum_dollars(lines: Sequence[Line]) -> float | None:
    """None where one of them has no price."""
    found = [line["dollars"] for line in lines]
    return None if None in found else sum(found)


def _open_errors(answers: Iterable[Line], errors: Iterable[Line]) -> list[Line]:
    """The last error of each question without an answer."""
    answered = {(line["setup"], line["sample"], line["question"]) for line in answers}
    last = {(line["setup"], line["sample"], line["question"]): line for line in errors}
    return [line for key, line in last.items() if key not in answered]


def _group_errors(errors: Sequence[Line]) -> list[dict[str, Any]]:
    """By kind and step, the most frequent first, with one message."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for line in errors:
        one = groups.setdefault((line["step"], line["error"]), {"step": line["step"], "error": line["error"], "n": 0})
        one |= {"n": one["n"] + 1, "message": line["message"]}
    return sorted(groups.values(), key=lambda one: -int(one["n"]))
