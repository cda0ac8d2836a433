"""How every picture of a card looks: its colours, its axes, and what is written on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .scores import ADVERSARIAL
from .summary import ALL, ANSWERABLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's: they stay apart for the colour-blind, and in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#000000")
MARKS = "osD^vP*X"
MOST = 8  # setups in one picture
_WIDTH, _DPI, _GREY = 7.2, 110, "#666666"


@dataclass(frozen=True, slots=True)
class Card:
    """What is drawn: setups by name, the metric, and what stands under each title."""

    target: Path
    setups: Mapping[str, Any]
    metric: str
    under: str

    def path(self, what: str) -> Path:
        """Where the picture lies."""
        return self.target / f"{self.metric}_by_{what}.png"

    def title(self, what: str) -> str:
        """The metric and what it is told by."""
        return f"{spoken(self.metric).capitalize()} {what}"


class Picture:
    """One PNG: a title, what is measured on what under it, and axes without a box."""

    def __init__(self, title: str, under: str, *, height: float = 4.0, panels: int = 1) -> None:
        from matplotlib.figure import Figure  # no pyplot: its state is shared by all threads

        self.figure: Figure = Figure(figsize=(_WIDTH, height), layout="constrained", dpi=_DPI)
        made = self.figure.subplots(1, panels, squeeze=False)[0]
        self.panels: list[Axes] = list(made)
        self.figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        self.panels[0].set_title(under, loc="left", fontsize=8.5, color=_GREY, pad=10)
        for axes in self.panels:
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=9, length=3)
            axes.set_axisbelow(True)

    @property
    def axes(self) -> Axes:
        """The first panel."""
        return self.panels[0]

    def save(self, path: Path) -> Path:
        """As PNG of few colours, which is half of the size, and without a date: equal pictures are equal files."""
        from PIL import Image  # matplotlib's own

        drawn = BytesIO()
        self.figure.savefig(drawn, format="png", metadata={"Software": None})
        with Image.open(drawn) as image:
            image.convert("RGB").quantize(255, dither=Image.Dither.NONE).save(path, optimize=True)
        return path


def spoken(name: str) -> str:
    """`evidence_recall` as words."""
    return name.replace("_", " ")


def percent(value: Mapping[str, Any]) -> tuple[float, float]:
    """Mean and standard error, of a share, in percent; 0 for an error that is not known."""
    return 100 * value["mean"], 100 * (value["se"] or 0.0)


def grid(axes: Axes, axis: str = "y") -> None:
    """Faint lines behind, across the axis that is read."""
    axes.grid(axis=axis, color="#DDDDDD", linewidth=0.8)  # type: ignore[arg-type]


def is_wide(first: float, last: float) -> bool:
    """Whether numbers are so far apart that their axis is logarithmic."""
    return last > 20 * first


def line(axes: Axes, points: Sequence[tuple[float, Mapping[str, Any]]], at: int, label: str, *, bold: bool) -> None:
    """Means with their standard errors. Each line stands a little beside the one before, so that no error hides one."""
    first, last = points[0][0], points[-1][0]
    aside = 0.008 * (at - 2)
    x = [
        where * (last / first) ** aside if is_wide(first, last) else where + (last - first) * aside
        for where, _ in points
    ]
    y, errors = zip(*(percent(value) for _, value in points), strict=True)
    colour = COLOURS[at % len(COLOURS)]
    axes.errorbar(
        *(x, y),
        yerr=errors,
        color=colour,
        marker=MARKS[at % len(MARKS)],
        markersize=6 if bold else 4.5,
        linewidth=2.4 if bold else 1.3,
        elinewidth=1,
        capsize=2.5,
        label=label,
    )


def bars(axes: Axes, names: Sequence[str], values: Sequence[Mapping[str, Any]]) -> None:
    """Lying bars from 0, the first on top, each with its value behind it."""
    found = [percent(value) for value in values]
    places = range(len(names))
    axes.barh(
        places,
        [mean for mean, _ in found],
        xerr=[error for _, error in found],
        height=0.62,
        color=COLOURS[0],
        error_kw={"ecolor": _GREY, "capsize": 2.5, "elinewidth": 1},
    )
    for place, (mean, error) in zip(places, found, strict=True):
        axes.text(mean + error + 1, place, f"{mean:.1f}", va="center", fontsize=9)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 108)
    axes.set_xticks(range(0, 101, 20))
    axes.tick_params(axis="y", length=0)
    grid(axes, "x")


def legend(picture: Picture, names: int) -> None:
    """Under everything, in as many columns as there is room for."""
    handles, labels = picture.panels[-1].get_legend_handles_labels()
    longest = max(map(len, labels), default=0)
    columns = max(1, min(names, 100 // (longest + 8)))
    width, height = picture.figure.get_size_inches()
    picture.figure.set_size_inches(width, height + 0.19 * -(-names // columns))
    picture.figure.legend(
        handles, labels, loc="outside lower left", ncols=columns, fontsize=8.5, frameon=False, handlelength=1.6
    )


def short(names: Sequence[str]) -> list[str]:
    """The words that tell the names apart; all of them where that would leave one without any."""
    shared = set.intersection(*(set(name.split()) for name in names)) if len(names) > 1 else set()
    made = [" ".join(word for word in name.split() if word not in shared) for name in names]
    return made if all(made) and len(set(made)) == len(made) else list(names)


def categories_of(scores: Iterable[Mapping[str, Any]]) -> list[str]:
    """Of all setups, those without an answer last."""
    found = dict.fromkeys(category for by in scores for category in by if category not in (ALL, ANSWERABLE))
    return sorted(found, key=lambda category: (category == ADVERSARIAL, category))
