"""What `jitmem eval` does: from the words of a command to setups, a run, and its card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..stores.errors import BadInput, MissingPackage
from . import card, plots, presets, report
from .datasets import load
from .plan import Plan, Ran
from .prices import Prices
from .run import run
from .systems import SYSTEMS, Models, Setup
from .systems.answer import fitting
from .systems.open import ITSELF

Tell = Callable[[int, int, str, float | None], None]
"""Told how many questions are answered, of how many, the main metric and its mean so far."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run as it was asked for. `varied` are the parts of a setup with one value or several, which are crossed;
    `ablations` are named ones, which stand side by side."""

    dataset: str
    data: Path | None = None
    folder: Path | None = None
    limit: int | None = None
    seed: int | None = None
    preset: str = "jitmem"
    varied: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    ablations: Sequence[str] = ()
    loading: Mapping[str, Any] = field(default_factory=dict)
    models: Models = field(default_factory=Models)
    concurrency: int = 8
    prices: Prices = field(default_factory=Prices)
    plots: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    """The card, what it comes to, how the run ended, and why there are no plots, if there are none."""

    folder: Path
    summary: Mapping[str, Any]
    ran: Ran
    metrics: tuple[str, ...]
    unplotted: str = ""


def setups(wanted: Wanted) -> tuple[Setup, ...]:
    """What is compared, in order, each once; a part that a system does not know does not multiply it."""
    start = presets.preset(wanted.preset).setup
    for system in wanted.varied.get("system", ()):
        if system not in SYSTEMS:
            raise BadInput(f"There is no system {system!r}; there are: {', '.join(SYSTEMS)}.")
    crossed = presets.grid(start, wanted.varied)
    if wanted.ablations:
        single = replace(start, **{name: values[0] for name, values in wanted.varied.items()})
        crossed = presets.ablation(wanted.ablations, single)
    return tuple({one.name: one for one in map(fitting, crossed)}.values())


def evaluate(wanted: Wanted, tell: Tell = lambda done, total, metric, mean: None) -> Done:
    """Run what has no answer yet, and write the card; also when the run is stopped, of what it has by then.

    `BadInput` for missing data (it says where to get it), unknown names, and a folder that holds another run.
    """
    chosen = setups(wanted)
    if wanted.models.reader == ITSELF and (mute := [one.system for one in chosen if one.system != "research"]):
        raise BadInput(f"{mute[0]} has no answer of its own; name a model that reads, or compare research alone.")
    data = load(wanted.dataset, wanted.data, limit=wanted.limit, seed=wanted.seed, **wanted.loading)
    folder = wanted.folder or Path(f"bench-{wanted.dataset}")
    plan = Plan(data, chosen, folder, wanted.models, wanted.concurrency, wanted.prices)
    metrics = presets.metrics_of(presets.preset(wanted.preset), wanted.dataset)
    card.begin(plan, seed=wanted.seed, preset=wanted.preset, metrics=metrics, path=wanted.data)

    def told(done: int, total: int, means: Mapping[str, float]) -> None:
        main = next((metric for metric in metrics if metric in means), "")
        tell(done, total, main, means.get(main))

    try:
        ran = run(plan, told)
    except BaseException:
        report.finish(folder)
        raise
    return _finished(folder, ran, metrics, plot=wanted.plots)


def again(folder: Path, *, plot: bool = True, pictures: Path | None = None) -> Done:
    """The report and plots of a card, written anew from its answers; the plots also into `pictures`."""
    made = card.config(folder)
    done = _finished(folder, Ran(0, 0, 0), tuple(made["metrics"]), plot=plot)
    if pictures is not None:
        plots.draw(folder, done.summary, pictures)
    return done


def _finished(folder: Path, ran: Ran, metrics: tuple[str, ...], *, plot: bool) -> Done:
    made = report.finish(folder)
    unplotted = ""
    if plot:
        try:
            if plots.draw(folder, made):
                report.finish(folder)  # with the pictures in it
        except MissingPackage as error:
            unplotted = str(error)
    measured = {metric for one in made["setups"].values() for metric in one["scores"]}
    shown = tuple(metric for metric in (*metrics, "citation_correctness", "context_tokens") if metric in measured)
    return Done(folder, made, ran, tuple(dict.fromkeys(shown)), unplotted)
