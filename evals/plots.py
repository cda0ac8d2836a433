"""The card's pictures: score by depth, pages and tools; cost against score; recall by category."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..stores.errors import MissingPackage
from .card import config
from .scores import ABSTAINS, PLAIN
from .summary import ALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOTS = "plots"
_VARIED = ("depth", "pages", "context_tokens", "chunk_tokens")
_SIZE = (7.0, 4.2)
_MOST = 8  # setups in one picture of bars


def draw(folder: Path, made: Mapping[str, Any]) -> list[Path]:
    """PNG files in the card's `plots`, those that its setups allow. `MissingPackage` without matplotlib."""
    try:
        import matplotlib  # noqa: F401 (only to say what is missing; figures are made without pyplot's global state)
    except ImportError as error:
        raise MissingPackage('Plots need matplotlib; install it with: pip install "jitmem[plots]"') from error
    metric = _main(config(folder), made)
    if metric is None:
        return []
    target = folder / PLOTS
    target.mkdir(exist_ok=True)
    setups = made["setups"]
    drawn = [_line(target, part, _along(setups, part), metric) for part in _VARIED]
    drawn += [_tools(target, setups, metric), _cost(target, setups, metric), _categories(target, setups, metric)]
    return [path for path in drawn if path is not None]


def _main(told: Mapping[str, Any], made: Mapping[str, Any]) -> str | None:
    """The first metric of the protocol that was measured."""
    measured = [metric for one in made["setups"].values() for metric in one["scores"]]
    wanted = [metric for metric in (*told["metrics"], *measured) if metric in measured and metric not in PLAIN]
    return wanted[0] if wanted else None


def _along(setups: Mapping[str, Any], part: str) -> dict[str, list[tuple[float, Any]]]:
    """Setups that are alike but for one number: `{the rest: [(the number, its setup)]}`, two or more of each."""
    lines: dict[str, list[tuple[float, Any]]] = {}
    for name, one in setups.items():
        value = one["setup"].get(part)
        if value is not None:
            rest = " ".join(word for word in name.split() if not word.startswith(f"{part}="))
            lines.setdefault(rest, []).append((value, one))
    return {rest: sorted(points, key=lambda point: point[0]) for rest, points in lines.items() if len(points) > 1}


def _line(target: Path, part: str, lines: Mapping[str, list[tuple[float, Any]]], metric: str) -> Path | None:
    made = {}
    for rest, points in lines.items():
        kept = [(at, one["scores"][metric][ALL]) for at, one in points if metric in one["scores"]]
        if len(kept) > 1:
            made[rest] = kept
    if not made:
        return None
    axes, save = _axes(target / f"{metric}_by_{part}.png")
    for rest, kept in made.items():
        x, y = [at for at, _ in kept], [100 * value["mean"] for _, value in kept]
        axes.errorbar(x, y, yerr=[100 * (value["se"] or 0) for _, value in kept], marker="o", capsize=3, label=rest)
    axes.set_xticks(sorted({at for kept in made.values() for at, _ in kept}))
    axes.set_xlabel(part.replace("_", " "))
    return save(axes, f"{metric} by {part}", metric)


def _tools(target: Path, setups: Mapping[str, Any], metric: str) -> Path | None:
    bars = {
        "+".join(one["setup"]["tools"]): one["scores"][metric][ALL]
        for one in setups.values()
        if one["setup"].get("tools") and metric in one["scores"]
    }
    if len(bars) < 2:
        return None
    axes, save = _axes(target / f"{metric}_by_tools.png")
    _bars(axes, bars)
    return save(axes, f"{metric} by searches", metric)


def _cost(target: Path, setups: Mapping[str, Any], metric: str) -> Path | None:
    """What a question costs against its score: dollars where all is priced, else tokens, else seconds."""
    points = {name: one for name, one in setups.items() if one["online"] and metric in one["scores"]}
    if len(points) < 2:
        return None
    cost, label = _prices(list(points.values()))
    axes, save = _axes(target / f"{metric}_by_cost.png")
    for name, one, at in zip(_labels(list(points)), points.values(), cost, strict=True):
        value = one["scores"][metric][ALL]
        axes.errorbar([at], [100 * value["mean"]], yerr=[100 * (value["se"] or 0)], marker="o", capsize=3, label=name)
    axes.set_xlabel(label)
    return save(axes, f"{metric} against what a question costs", metric)


def _prices(points: Sequence[Mapping[str, Any]]) -> tuple[list[float], str]:
    if all(one["online"]["dollars"] is not None for one in points) and any(one["online"]["dollars"] for one in points):
        return [one["online"]["dollars"] / one["answered"] for one in points], "dollars a question"
    tokens = [
        sum(one["online"][who][part] for who in ("system", "reader") for part in ("prompt_tokens", "completion_tokens"))
        for one in points
    ]
    if any(tokens):
        return tokens, "tokens a question, of system and reader"
    return [1000 * one["online"]["seconds"] for one in points], "milliseconds a question (no model was asked)"


def _categories(target: Path, setups: Mapping[str, Any], metric: str) -> Path | None:
    by = {name: one["scores"].get(metric, {}) for name, one in setups.items()}
    categories = sorted({c for values in by.values() for c in values if c not in (ALL, f"all but {ABSTAINS}")})
    measured = {name: values for name, values in by.items() if values}
    shown = dict(zip(_labels(list(measured)), measured.values(), strict=True))
    left = len(shown) - _MOST
    shown = dict(list(shown.items())[:_MOST])
    if len(categories) < 2 or not shown:
        return None
    axes, save = _axes(target / f"{metric}_by_category.png")
    width = 0.8 / len(shown)
    for number, (name, values) in enumerate(shown.items()):
        known = [(at, values[category]) for at, category in enumerate(categories) if category in values]
        x = [at + (number - (len(shown) - 1) / 2) * width for at, _ in known]
        errors = [100 * (value["se"] or 0) for _, value in known]
        axes.bar(x, [100 * value["mean"] for _, value in known], width, yerr=errors, capsize=2, label=name)
    axes.set_xticks(range(len(categories)), categories)
    more = f" ({left} more setups in the report)" if left > 0 else ""
    return save(axes, f"{metric} by category{more}", metric)


def _labels(names: Sequence[str]) -> list[str]:
    """The words that tell the names apart; all of them where that would leave one without any."""
    shared = set.intersection(*(set(name.split()) for name in names)) if len(names) > 1 else set()
    short = [" ".join(word for word in name.split() if word not in shared) for name in names]
    return short if all(short) and len(set(short)) == len(short) else list(names)


def _bars(axes: Axes, bars: Mapping[str, Mapping[str, Any]]) -> None:
    heights = [100 * value["mean"] for value in bars.values()]
    axes.bar(list(bars), heights, yerr=[100 * (value["se"] or 0) for value in bars.values()], capsize=3)
    axes.tick_params(axis="x", rotation=30)


def _axes(path: Path) -> tuple[Any, Callable[[Any, str, str], Path]]:
    """A figure of its own, which no other thread shares, and what saves it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")

    def save(axes: Any, title: str, metric: str) -> Path:
        axes.set_title(title)
        axes.set_ylabel(f"{metric}, % ± standard error")
        axes.grid(alpha=0.3)
        if named := len(axes.get_legend_handles_labels()[1]):
            columns = 2 if named > 4 else 1
            figure.set_size_inches(_SIZE[0], _SIZE[1] + 0.18 * -(-named // columns))
            figure.legend(loc="outside lower center", ncols=columns, fontsize=7)
        figure.savefig(path, dpi=130)
        return path

    return figure.subplots(), save
