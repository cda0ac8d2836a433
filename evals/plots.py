"""The card's pictures: score by depth, pages, tools and length; cost against score; recall by category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..stores.errors import MissingPackage
from .bench_card import read_config
from .curves import VARIED, along, lengths
from .drawing import (
    COLOURS,
    MARKS,
    MOST,
    Card,
    Picture,
    bars,
    categories_of,
    grid,
    is_wide,
    legend,
    percent,
    short,
    spoken,
)
from .scores import AMOUNTS
from .summary import ALL

PLOTS = "plots"


def draw(folder: Path, made: Mapping[str, Any], target: Path | None = None) -> list[Path]:
    """PNG files in `target`, or the card's `plots`: those that its setups allow. `MissingPackage` without matplotlib."""
    try:
        import matplotlib  # noqa: F401 (only to say what is missing)
    except ImportError as error:
        raise MissingPackage('Plots need matplotlib; install it with: pip install "jitmem[plots]"') from error
    told = read_config(folder)
    target = target or folder / PLOTS
    cards = [_card(target, told["data"]["title"], made["setups"], metric) for metric in _metrics(told, made)]
    if not cards:
        return []
    target.mkdir(parents=True, exist_ok=True)
    main = cards[0]
    drawn = [along(main, part) for part in VARIED]
    drawn += [_tools(main), _cost(main), _categories(main), *(lengths(card) for card in cards)]
    return [path for path in drawn if path is not None]


def _metrics(told: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    """Those of the protocol that were measured, the main one first; of another protocol the first that was."""
    measured = [metric for one in made["setups"].values() for metric in one["scores"] if metric not in AMOUNTS]
    return [metric for metric in told["metrics"] if metric in measured] or measured[:1]


def _card(target: Path, title: str, setups: Mapping[str, Any], metric: str) -> Card:
    own = {name: one for name, one in setups.items() if metric in one["scores"]}
    questions = max(one["scores"][metric][ALL]["n"] for one in own.values())
    return Card(target, own, metric, f"{title}, {questions:,} questions; mean in % ± one standard error")


def _tools(card: Card) -> Path | None:
    found = {
        " + ".join(one["setup"]["tools"]): one["scores"][card.metric][ALL]
        for one in card.setups.values()
        if one["setup"].get("tools")
    }
    if len(found) < 2:
        return None
    picture = Picture(card.title("by the searches that may be used"), card.under, height=1.2 + 0.36 * len(found))
    bars(picture.axes, list(found), list(found.values()))
    picture.axes.set_xlabel(f"{spoken(card.metric)}, %")
    return picture.save(card.path("tools"))


def _cost(card: Card) -> Path | None:
    """What a question costs against its score; where setups are many, those are named that no other beats in both."""
    points = [(name, one) for name, one in card.setups.items() if one["online"]]
    if len(points) < 2:
        return None
    cost, label = _prices([one for _, one in points])
    picture = Picture(card.title("against what a question costs"), card.under, height=4.4)
    labels = short([name for name, _ in points])
    scores = [percent(one["scores"][card.metric][ALL]) for _, one in points]
    best = unbeaten([(price, score) for price, (score, _) in zip(cost, scores, strict=True)])
    named = range(len(points)) if len(points) <= MOST else sorted(best, key=lambda at: cost[at])[:MOST]
    for at, ((score, error), price) in enumerate(zip(scores, cost, strict=True)):
        if at not in named:
            picture.axes.errorbar([price], [score], yerr=[error], marker="o", color="#BBBBBB", markersize=4)
    for rank, at in enumerate(named):
        score, error = scores[at]
        style: dict[str, Any] = {
            "marker": MARKS[rank],
            "color": COLOURS[rank],
            "capsize": 2.5,
            "linestyle": "none",
            "markersize": 7,
        }
        picture.axes.errorbar([cost[at]], [score], yerr=[error], label=labels[at], **style)
    if is_wide(min(cost), max(cost)):
        picture.axes.set_xscale("log")
        picture.axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}" if value < 1 else f"{value:,.0f}")
    picture.axes.set_xlabel(label)
    picture.axes.set_ylabel(f"{spoken(card.metric)}, %")
    grid(picture.axes)
    legend(picture, len(named))
    return picture.save(card.path("cost"))


def unbeaten(points: Sequence[tuple[float, float]]) -> set[int]:
    """Places of those (cost, score) that no other is both cheaper than and as good as: Pareto's front."""
    return {
        at
        for at, (cost, score) in enumerate(points)
        if not any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in points)
    }


def _prices(points: Sequence[Mapping[str, Any]]) -> tuple[list[float], str]:
    if all(one["online"]["dollars"] is not None for one in points) and any(one["online"]["dollars"] for one in points):
        return [one["online"]["dollars"] / one["answered"] for one in points], "dollars a question"
    tokens = [
        sum(one["online"][who][part] for who in ("system", "reader") for part in ("prompt_tokens", "completion_tokens"))
        for one in points
    ]
    if any(tokens):
        return tokens, "tokens a question, of system and reader"
    told = "tokens of context, which a reader would be given (no model was asked)"
    return [one["scores"]["context_tokens"][ALL]["mean"] for one in points], told


def _categories(card: Card) -> Path | None:
    """A row a category, a mark a setup: of several systems the plainest setup each, else the first few."""
    by = {name: one["scores"][card.metric] for name, one in told_apart(card.setups).items()}
    names = [ALL, *categories_of(by.values())]
    if len(names) < 3:
        return None
    picture = Picture(
        card.title("by category"), card.under, height=1.6 + 0.24 * len(names) + 0.08 * len(by) * len(names)
    )
    step = 0.72 / len(by)
    for at, (label, values) in enumerate(zip(short(list(by)), by.values(), strict=True)):
        rows = [(row, percent(values[name])) for row, name in enumerate(names) if name in values]
        places = [row + (at - (len(by) - 1) / 2) * step for row, _ in rows]
        style: dict[str, Any] = {
            "marker": MARKS[at],
            "color": COLOURS[at],
            "linestyle": "none",
            "capsize": 2,
            "markersize": 5.5,
        }
        x, errors = [mean for _, (mean, _) in rows], [error for _, (_, error) in rows]
        picture.axes.errorbar(x, places, xerr=errors, label=label, elinewidth=1, **style)
    counts = [max(values[name]["n"] for values in by.values() if name in values) for name in names]
    picture.axes.set_yticks(range(len(names)), [f"{name} ({n})" for name, n in zip(names, counts, strict=True)])
    for row in range(1, len(names)):
        picture.axes.axhline(row - 0.5, color="#EEEEEE", linewidth=1)
    picture.axes.invert_yaxis()
    picture.axes.tick_params(axis="y", length=0)
    picture.axes.set_xlabel(f"{spoken(card.metric)}, %")
    grid(picture.axes, "x")
    legend(picture, len(by))
    return picture.save(card.path("category"))


def told_apart(setups: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of several systems the plainest setup each, else the first few setups.

    The plainest has the fewest words, and of several those that most setups share: what the others vary.
    """
    shared = Counter(word for name in setups for word in name.split())
    systems: dict[str, list[str]] = {}
    for name, one in setups.items():
        systems.setdefault(one["setup"]["system"], []).append(name)
    if len(systems) < 2:
        return dict(list(setups.items())[:MOST])

    def plain(name: str) -> tuple[int, int]:
        return len(name.split()), -sum(shared[word] for word in name.split())

    return {name: setups[name] for name in [min(names, key=plain) for names in systems.values()][:MOST]}
