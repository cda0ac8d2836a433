"""What the answers of a card come to: means with their standard errors, and what it took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .card import config
from .lengths import by_length
from .lines import read
from .plan import ANSWERS, ERRORS, OFFLINE
from .scores import ABSTAINS, MEANING
from .tables import mean

ALL, ANSWERABLE = "all", f"all but {ABSTAINS}"


def summary(folder: Path) -> dict[str, Any]:
    """`{setups: {name: {scores, online, offline}}, questions, answered, errors}`; scores by metric and category, each
    with mean, n and se. Only what the card's own setups answered."""
    told = config(folder)
    answers = [_without_texts(line) for line in read(folder / ANSWERS)]
    offline = list(read(folder / OFFLINE))
    open_errors = _open_errors(answers, read(folder / ERRORS))
    made = {}
    for name, setup in told["setups"].items():
        own = [line for line in answers if line["setup"] == name]
        before = [line for line in offline if line["taken_in"] == told["taken_in"][name]]
        made[name] = {
            "setup": setup,
            "answered": len(own),
            "errors": sum(line["setup"] == name for line in open_errors),
            "unjudged": sum(bool(line.get("judgement", {}).get("error")) for line in own),
            "notes": sum(len(line["answer"]["notes"]) for line in own),
            "scores": _scores(own),
            "online": _online(own),
            "offline": _offline(before),
            "lengths": by_length(own, before),
        }
    questions = told["data"]["questions"] * len(told["setups"])
    answered = sum(one["answered"] for one in made.values())
    return {"questions": questions, "answered": answered, "errors": _kinds(open_errors), "setups": made}


def _without_texts(line: Mapping[str, Any]) -> dict[str, Any]:
    """A card of many setups holds more text than fits into memory at once, and means need none of it."""
    kept = ("usage", "reader_usage", "seconds", "reader_seconds", "notes")
    return {**line, "answer": {name: line["answer"][name] for name in kept}}


def _scores(answers: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    categories = sorted({line["category"] for line in answers})
    sets: dict[str, list[Mapping[str, Any]]] = {ALL: list(answers)}
    if ABSTAINS in categories and len(categories) > 1:
        sets[ANSWERABLE] = [line for line in answers if line["category"] != ABSTAINS]
    if len(categories) > 1:
        sets |= {category: [line for line in answers if line["category"] == category] for category in categories}
    made: dict[str, dict[str, Any]] = {}
    for metric in MEANING:
        for category, lines in sets.items():
            if values := [line["scores"][metric] for line in lines if metric in line["scores"]]:
                made.setdefault(metric, {})[category] = mean(values)
    return made


def _online(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A question's share of what was spent: the system's, the reader's, the judge's."""
    if not answers:
        return {}
    n = len(answers)
    system = [line["answer"]["usage"] for line in answers]
    reader = [line["answer"]["reader_usage"] for line in answers]
    seconds = sorted(line["answer"]["seconds"] for line in answers)
    return {
        "system": _usage(system, n),
        "reader": _usage(reader, n),
        "judge": _usage([_sum(line["judge_usage"]) for line in answers], n),
        "seconds": sum(seconds) / n,
        "seconds_p50": seconds[n // 2],
        "seconds_p95": seconds[min(n - 1, int(0.95 * n))],
        "reader_seconds": sum(line["answer"]["reader_seconds"] for line in answers) / n,
        "dollars": _dollars(answers),
    }


def _offline(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of all samples together. `resumed` are those that a stop interrupted: what went before it is not counted."""
    return {
        **_usage([line["usage"] for line in lines], 1),
        "seconds": sum(line["seconds"] for line in lines),
        "samples": len(lines),
        "resumed": sum(line["resumed"] for line in lines),
        "dollars": _dollars(lines),
    }


def _usage(usages: Sequence[Mapping[str, Any]], n: int) -> dict[str, float]:
    return {part: sum(one[part] for one in usages) / n for part in ("calls", "prompt_tokens", "completion_tokens")}


def _sum(steps: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {part: sum(step[part] for step in steps) for part in ("calls", "prompt_tokens", "completion_tokens")}


def _dollars(lines: Sequence[Mapping[str, Any]]) -> float | None:
    """None where one of them could not be priced."""
    found = [line["dollars"] for line in lines]
    return None if None in found else sum(found)


def _open_errors(answers: Iterable[Mapping[str, Any]], errors: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last error of each question that has no answer."""
    known = {(line["setup"], line["sample"], line["question"]) for line in answers}
    last = {(line["setup"], line["sample"], line["question"]): line for line in errors}
    return [line for key, line in last.items() if key not in known]


def _kinds(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By kind and step, the most frequent first, with one message."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for line in errors:
        groups.setdefault((line["step"], line["error"]), []).append(line)
    made = [
        {"step": step, "error": error, "n": len(lines), "message": lines[-1]["message"]}
        for (step, error), lines in groups.items()
    ]
    return sorted(made, key=lambda one: -int(one["n"]))
