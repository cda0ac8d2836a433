"""The card's pictures: score by depth, pages, tools and length; cost against score; score by category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..stores.errors import MissingPackage
from .bench_card import read_config
from .scores import ADVERSARIAL, AMOUNTS
from .summary import ALL, ANSWERABLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLOTS = "plots"
MAX_SETUPS = 8
"""In one picture; the others are left out, or grey."""

AXIS_LABELS = {
    "depth": "rounds, at most",
    "pages": "pages that may speak",
    "context_tokens": "tokens of context",
    "chunk_tokens": "tokens of a chunk",
}
_MARKERS, _CAPS = "osD^vP*X", 2.5
# Okabe and Ito: distinct for the colour-blind, and in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#000000")
Score = Mapping[str, Any]
"""`mean`, `se` and `n`, a share."""


@dataclass(frozen=True, slots=True)
class _Plotter:
    """Draws the pictures of one metric; each returns None where the setups do not vary in what it shows."""

    target: Path
    setups: Mapping[str, Any]
    metric: str
    subtitle: str

    def by_number(self, part: str) -> Path | None:
        """Setups that differ in one number, a line each; where there is one line, also its categories."""
        lines: dict[str, list[tuple[float, Any]]] = {}
        for name, setup in self.setups.items():
            if (value := setup["setup"].get(part)) is not None:
                rest = " ".join(word for word in name.split() if not word.startswith(f"{part}="))
                lines.setdefault(rest, []).append((value, setup["scores"][self.metric]))
        lines = {rest: sorted(points, key=lambda point: point[0]) for rest, points in lines.items() if len(points) > 1}
        if not lines:
            return None
        if len(lines) == 1:
            (points,) = lines.values()
            names = [ALL, *_categories(by for _, by in points)]
            curves = [(name, [(x, by[name]) for x, by in points if name in by]) for name in names]
        else:
            averages = [[(x, by[ALL]) for x, by in points] for points in lines.values()]
            curves = list(zip(_short_names(list(lines)[:MAX_SETUPS]), averages, strict=False))
        curves = curves[:MAX_SETUPS]
        figure, (axes,) = self._figure(f"by {AXIS_LABELS[part].split(',')[0]}")
        for at, (label, scores) in enumerate(curves):
            _error_bars(axes, scores, at, label)
        _scale(axes, sorted({x for _, scores in curves for x, _ in scores}), AXIS_LABELS[part])
        return self._save(figure, part)

    def by_tools(self) -> Path | None:
        """A bar for each set of searches."""
        found = {
            " + ".join(one["setup"]["tools"]): one["scores"][self.metric][ALL]
            for one in self.setups.values()
            if one["setup"].get("tools")
        }
        if len(found) < 2:
            return None
        figure, (axes,) = self._figure("by the searches that may be used", height=1.2 + 0.36 * len(found), labels="x")
        means, errors = _percents(found.values())
        bars = axes.barh(list(found), means, xerr=errors, color=_COLOURS[0], capsize=_CAPS)
        axes.bar_label(bars, fmt="%.1f", padding=4)
        axes.invert_yaxis()
        axes.set_xlim(0, 108)
        return self._save(figure, "tools")

    def by_cost(self) -> Path | None:
        """What a question costs against its score; of many setups the Pareto front is named."""
        points = {name: one for name, one in self.setups.items() if one["online"]}
        if len(points) < 2:
            return None
        costs, label = _costs(list(points.values()))
        scores = [one["scores"][self.metric][ALL] for one in points.values()]
        front = pareto_front([(cost, score["mean"]) for cost, score in zip(costs, scores, strict=True)])
        named = range(len(points)) if len(points) <= MAX_SETUPS else sorted(front, key=costs.__getitem__)[:MAX_SETUPS]
        figure, (axes,) = self._figure("against what a question costs")
        for at, name in enumerate(_short_names(list(points))):
            if at in named:
                _error_bars(axes, [(costs[at], scores[at])], list(named).index(at), name)
            else:
                axes.plot(costs[at], 100 * scores[at]["mean"], "o", color="#BBBBBB", markersize=4)
        if _is_wide(costs):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}" if value < 1 else f"{value:,.0f}")
        axes.set_xlabel(label)
        return self._save(figure, "cost")

    def by_category(self) -> Path | None:
        """A row a category, a mark a setup."""
        by = {name: one["scores"][self.metric] for name, one in representative_setups(self.setups).items()}
        names = [ALL, *_categories(by.values())]
        if len(names) < 3:
            return None
        height = 1.6 + 0.24 * len(names) + 0.08 * len(by) * len(names)
        figure, (axes,) = self._figure("by category", height=height, labels="x")
        for at, (label, values) in enumerate(zip(_short_names(list(by)), by.values(), strict=True)):
            offset = (at - (len(by) - 1) / 2) * 0.72 / len(by)
            rows = [row for row, name in enumerate(names) if name in values]
            means, errors = _percents(values[names[row]] for row in rows)
            y = [row + offset for row in rows]
            axes.errorbar(means, y, xerr=errors, label=label, linestyle="none", capsize=_CAPS, **_style(at))
        counts = [max(values[name]["n"] for values in by.values() if name in values) for name in names]
        axes.set_yticks(range(len(names)), [f"{name} ({n})" for name, n in zip(names, counts, strict=True)])
        axes.invert_yaxis()
        return self._save(figure, "category")

    def by_length(self) -> Path | None:
        """For the first setup: the score of each family by the text's length, and the seconds it took."""
        families = next(iter(self.setups.values())).get("lengths") or {}
        ticks = sorted({int(tokens) for family in families.values() for tokens in family})
        if len(ticks) < 2:
            return None
        figure, (left, right) = self._figure("and seconds by length", panels=2)
        for at, (family, by) in enumerate(families.items()):
            x = [int(tokens) for tokens in by]
            scores = [one["scores"].get(self.metric) for one in by.values()]
            if any(scores):
                _error_bars(left, [point for point in zip(x, scores, strict=True) if point[1]], at, family)
            right.plot(x, [one["online"]["mean"] for one in by.values()], label=family, **_style(at))
            if all(one["offline"] for one in by.values()):
                right.plot(x, [one["offline"]["mean"] for one in by.values()], linestyle=":", **_style(at))
        for axes in (left, right):
            _scale(axes, ticks, "tokens of text")
        right.set_yscale("log")
        right.set_ylabel("seconds")
        right.set_title("line: to answer; dotted: to file", loc="left", fontsize=8.5)
        return self._save(figure, "length")

    def _figure(
        self, title: str, *, height: float = 4.4, panels: int = 1, labels: str = "y"
    ) -> tuple[Figure, Sequence[Axes]]:
        from matplotlib.figure import Figure  # no pyplot: its state is shared by all threads

        figure = Figure(figsize=(7.2, height), layout="constrained", dpi=110)
        axes = figure.subplots(1, panels, squeeze=False)[0]
        name = self.metric.replace("_", " ")
        figure.suptitle(f"{name.capitalize()} {title}", x=0.01, ha="left", fontweight="bold")
        axes[0].set_title(self.subtitle, loc="left", fontsize=8.5)
        (axes[0].set_xlabel if labels == "x" else axes[0].set_ylabel)(f"{name}, %")
        for one in axes:
            one.grid(axis=labels, alpha=0.4)
            one.set_axisbelow(True)
        return figure, axes

    def _save(self, figure: Figure, what: str) -> Path:
        """Without the program's version: equal pictures are equal files."""
        handles, labels = figure.axes[-1].get_legend_handles_labels()
        if labels:
            columns = max(1, min(len(labels), 100 // (max(map(len, labels)) + 8)))
            width, height = figure.get_size_inches()
            figure.set_size_inches(width, height + 0.19 * -(-len(labels) // columns))
            figure.legend(handles, labels, loc="outside lower left", ncols=columns, fontsize=8.5, frameon=False)
        path = self.target / f"{self.metric}_by_{what}.png"
        figure.savefig(path, metadata={"Software": None})
        return path


def draw_plots(folder: Path, summary: Mapping[str, Any], target: Path | None = None) -> list[Path]:
    """PNG files in `target`, or the card's `plots`: those that its setups allow. `MissingPackage` without matplotlib."""
    try:
        import matplotlib  # noqa: F401 (only to say what is missing)
    except ImportError as error:
        raise MissingPackage('Plots need matplotlib; install it with: pip install "jitmem[plots]"') from error
    config = read_config(folder)
    setups = summary["setups"]
    measured = [metric for one in setups.values() for metric in one["scores"] if metric not in AMOUNTS]
    metrics = [metric for metric in config["metrics"] if metric in measured] or measured[:1]
    if not metrics:
        return []
    target = target or folder / PLOTS
    target.mkdir(parents=True, exist_ok=True)
    plotters = []
    for metric in metrics:
        own = {name: one for name, one in setups.items() if metric in one["scores"]}
        questions = max(one["scores"][metric][ALL]["n"] for one in own.values())
        subtitle = f"{config['data']['title']}, {questions:,} questions; mean in % ± one standard error"
        plotters.append(_Plotter(target, own, metric, subtitle))
    main = plotters[0]
    paths = [*map(main.by_number, AXIS_LABELS), main.by_tools(), main.by_cost(), main.by_category()]
    return [path for path in (*paths, *(one.by_length() for one in plotters)) if path is not None]


def pareto_front(points: Sequence[tuple[float, float]]) -> set[int]:
    """Places of those (cost, score) to which no other is both as cheap and as good."""
    return {
        at
        for at, (cost, score) in enumerate(points)
        if not any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in points)
    }


def representative_setups(setups: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of several systems the plainest setup each, else the first few setups.

    The plainest has the fewest words, and of several those that most setups share: what the others vary.
    """
    shared = Counter(word for name in setups for word in name.split())
    systems: dict[str, list[str]] = {}
    for name, one in setups.items():
        systems.setdefault(one["setup"]["system"], []).append(name)
    if len(systems) < 2:
        return dict(list(setups.items())[:MAX_SETUPS])

    def plainness(name: str) -> tuple[int, int]:
        return len(name.split()), -sum(shared[word] for word in name.split())

    return {name: setups[name] for name in [min(names, key=plainness) for names in systems.values()][:MAX_SETUPS]}


def _costs(setups: Sequence[Mapping[str, Any]]) -> tuple[list[float], str]:
    dollars = [one["online"]["dollars"] for one in setups]
    if None not in dollars and any(dollars):
        return [one["online"]["dollars"] / one["answered"] for one in setups], "dollars a question"
    usages = [(one["online"]["system"], one["online"]["reader"]) for one in setups]
    tokens = [sum(usage["prompt_tokens"] + usage["completion_tokens"] for usage in both) for both in usages]
    if any(tokens):
        return tokens, "tokens a question, of system and reader"
    label = "tokens of context, which a reader would be given (no model was asked)"
    return [one["scores"]["context_tokens"][ALL]["mean"] for one in setups], label


def _style(at: int) -> dict[str, Any]:
    return {"color": _COLOURS[at % len(_COLOURS)], "marker": _MARKERS[at % len(_MARKERS)], "markersize": 5}


def _error_bars(axes: Axes, points: Sequence[tuple[float, Score]], at: int, label: str) -> None:
    means, errors = _percents(score for _, score in points)
    width = 2.4 if at == 0 else 1.3
    x = [value for value, _ in points]
    axes.errorbar(x, means, yerr=errors, label=label, linewidth=width, capsize=_CAPS, **_style(at))


def _percents(scores: Iterable[Score]) -> tuple[list[float], list[float]]:
    """Means and standard errors in percent; 0 for an error that is not known."""
    found = list(scores)
    return [100 * one["mean"] for one in found], [100 * (one["se"] or 0.0) for one in found]


def _scale(axes: Axes, x: Sequence[float], label: str) -> None:
    axes.set_xscale("log" if _is_wide(x) else "linear")
    axes.set_xticks(x, [f"{value:,}" for value in x])
    axes.minorticks_off()
    axes.set_xlabel(label)


def _is_wide(values: Sequence[float]) -> bool:
    """Whether numbers are so far apart that their axis is logarithmic."""
    return max(values) > 20 * min(values)


def _short_names(names: Sequence[str]) -> list[str]:
    """The words in which the names differ; all words where that would leave a name empty."""
    shared = set.intersection(*(set(name.split()) for name in names)) if len(names) > 1 else set()
    short = [" ".join(word for word in name.split() if word not in shared) for name in names]
    return short if all(short) and len(set(short)) == len(short) else list(names)


def _categories(scores: Iterable[Mapping[str, Any]]) -> list[str]:
    """Of all setups; the category without answers last."""
    found = dict.fromkeys(category for by in scores for category in by if category not in (ALL, ANSWERABLE))
    return sorted(found, key=lambda category: (category == ADVERSARIAL, category))
