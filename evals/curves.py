"""Pictures of a score along a number: depth, pages, tokens, and the length of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .drawing import COLOURS, MARKS, MOST, Card, Picture, categories_of, grid, is_wide, legend, line, short, spoken
from .summary import ALL

VARIED = {
    "depth": "rounds, at most",
    "pages": "pages that may speak",
    "context_tokens": "tokens of context",
    "chunk_tokens": "tokens of a chunk",
}


def along(card: Card, part: str) -> Path | None:
    """Setups that are alike but for one number, a line each; where there is one line, also its categories."""
    lines: dict[str, list[tuple[float, Any]]] = {}
    for name, one in card.setups.items():
        if (value := one["setup"].get(part)) is not None:
            rest = " ".join(word for word in name.split() if not word.startswith(f"{part}="))
            lines.setdefault(rest, []).append((value, one["scores"][card.metric]))
    lines = {rest: sorted(points, key=lambda point: point[0]) for rest, points in lines.items() if len(points) > 1}
    if not lines:
        return None
    picture = Picture(card.title(f"by {VARIED[part].split(',')[0]}"), card.under)
    shown = _parted(next(iter(lines.values()))) if len(lines) == 1 else _whole(lines)
    for at, (label, points) in enumerate(shown.items()):
        line(picture.axes, points, at, label, bold=len(lines) > 1 or at == 0)
    _numbered(picture, sorted({x for points in shown.values() for x, _ in points}), VARIED[part])
    picture.axes.set_ylabel(f"{spoken(card.metric)}, %")
    legend(picture, len(shown))
    return picture.save(card.path(part))


def _whole(lines: Mapping[str, list[tuple[float, Any]]]) -> dict[str, list[tuple[float, Any]]]:
    kept = list(lines.items())[:MOST]
    labels = short([rest for rest, _ in kept])
    return {label: [(x, by[ALL]) for x, by in points] for label, (_, points) in zip(labels, kept, strict=True)}


def _parted(points: Sequence[tuple[float, Any]]) -> dict[str, list[tuple[float, Any]]]:
    names = [ALL, *categories_of(by for _, by in points)][:MOST]
    return {name: [(x, by[name]) for x, by in points if name in by] for name in names}


def _numbered(picture: Picture, x: Sequence[float], label: str) -> None:
    if is_wide(x[0], x[-1]):
        picture.axes.set_xscale("log")
    picture.axes.set_xticks(x, [f"{value:,}" for value in x])
    picture.axes.minorticks_off()
    picture.axes.set_xlabel(label)
    grid(picture.axes)


def lengths(card: Card) -> Path | None:
    """For the first setup: the score of each family by the text's length, and how long it took beside it."""
    one = next(iter(card.setups.values()))
    families = one.get("lengths") or {}
    if len({tokens for family in families.values() for tokens in family}) < 2:
        return None
    picture = Picture(card.title("and seconds by length"), card.under, height=4.2, panels=2)
    for at, (family, by) in enumerate(families.items()):
        points = [
            (int(tokens), one["scores"][card.metric]) for tokens, one in by.items() if card.metric in one["scores"]
        ]
        if points:
            line(picture.panels[0], points, at, family, bold=False)
        x = [int(tokens) for tokens in by]
        style: dict[str, Any] = {"color": COLOURS[at], "marker": MARKS[at], "markersize": 4.5, "linewidth": 1.3}
        picture.panels[1].plot(x, [one["online"]["mean"] for one in by.values()], label=family, **style)
        if all(one["offline"] for one in by.values()):
            picture.panels[1].plot(x, [one["offline"]["mean"] for one in by.values()], linestyle=":", **style)
    ticks = sorted({int(tokens) for family in families.values() for tokens in family})
    for axes in picture.panels:
        axes.set_xscale("log" if is_wide(ticks[0], ticks[-1]) else "linear")
        axes.set_xticks(ticks, [f"{tokens // 1000}k" for tokens in ticks])
        axes.minorticks_off()
        axes.set_xlabel("tokens of text")
        grid(axes)
    picture.panels[0].set_ylim(-4, 104)
    picture.panels[0].set_ylabel(f"{spoken(card.metric)}, %")
    picture.panels[1].set_yscale("log")
    picture.panels[1].set_ylabel("seconds")
    picture.panels[1].set_title(
        "line: to answer; dotted: to take in", loc="left", fontsize=8.5, color="#666666", pad=10
    )
    legend(picture, len(families))
    return picture.save(card.path("length"))
