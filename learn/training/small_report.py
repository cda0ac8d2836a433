"""What `make train-small` found: the curves of every seed as a picture, and the figures as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from ...stores.errors import MissingPackage

PICTURE, PAGE = Path("pictures") / "training.png", "training.md"
_BEGIN, _END = "<!-- train-small -->", "<!-- end of train-small -->"
RISE = 0.2
_CURVES = {"r1": "r1: right answers", "r2": "r2: sound calls"}
_OVER = 10  # steps that a point of a curve is the mean of


def write_small_report(made: Sequence[Mapping[str, Any]], told: Mapping[str, str], folder: Path) -> bool:
    """Into the folder: the picture, and the table, in its place of `training.md`. Whether r2 rose by 0.2 or more and r1 did not fall, in
    every seed, on held-out tasks."""
    _plot_curves(made, folder / PICTURE)
    good = [_is_improved(one) for one in made]
    lines = [
        "| seed | r1 before | r1 after | r2 before | r2 after | r4 before | r4 after | CPU seconds |",
        "|---|---|---|---|---|---|---|---|",
        *(_table_row(one) for one in made),
    ]
    steps = len(made[0]["steps"])
    lines += ["", f"{made[0]['weights']:,} weights, {steps} steps of GRPO; {told['date']}, {told['machine']}."]
    text = "\n".join(lines) + "\n"
    _replace_section(folder / PAGE, text)
    print(text)
    held = sum(good)
    print(f"r2 rose by {RISE} or more, and r1 did not fall, in {held} of {len(made)} seeds. Curves: {folder / PICTURE}")
    return all(good)


def _replace_section(page: Path, text: str) -> None:
    """Between the marks of a page that has them; else into a page of its own."""
    old = page.read_text(encoding="utf-8") if page.exists() else f"{_BEGIN}\n{_END}\n"
    head, begin, rest = old.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    picture = f"![r1 and r2 of each seed along the steps]({PICTURE.as_posix()})"
    page.write_text(f"{head}{begin}\n{picture}\n\n{text}{end}{tail}", encoding="utf-8")


def _is_improved(one: Mapping[str, Any]) -> bool:
    before, after = one["before"], one["after"]
    return bool(after["r2"] - before["r2"] >= RISE and after["r1"] >= before["r1"])


def _table_row(one: Mapping[str, Any]) -> str:
    cells = [f"{one[when][name]:.2f}" for name in ("r1", "r2", "r4") for when in ("before", "after")]
    return f"| {one['seed']} | {' | '.join(cells)} | {one['cpu_seconds']} |"


def _plot_curves(made: Sequence[Mapping[str, Any]], path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackage('Curves need matplotlib; install it with: pip install "jitmem[plots]"') from error
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(8, 2.8))
    axes = figure.subplots(1, len(_CURVES), sharey=True)
    for axis, (name, title) in zip(axes, _CURVES.items(), strict=True):
        for one in made:
            values = [step.get(name) for step in one["steps"]]
            points = [_mean(values[at : at + _OVER]) for at in range(0, len(values), _OVER)]
            axis.plot([at * _OVER + _OVER / 2 for at in range(len(points))], points, label=f"seed {one['seed']}")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("step of GRPO")
        axis.set_ylim(0, 1)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return mean(known) if known else float("nan")
