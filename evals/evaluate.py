"""What `jitmem eval` does: from a request to setups, a run, and its card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..stores.errors import BadInput, MissingPackage
from . import bench_card, plots, report
from .datasets import load_data_set
from .eval_presets import ablation_setups, get_preset, setup_grid
from .run import run_plan
from .run_plan import Prices, RunOutcome, RunPlan
from .systems import SYSTEMS, EvalModels, Setup
from .systems.setups import OWN_ANSWER, restrict_setup

MetricProgress = Callable[[int, int, str, float | None], None]
"""Called with questions answered, total, the main metric and its mean so far."""


@dataclass(frozen=True, slots=True)
class EvalRequest:
    """A run as requested. `varied` are the parts of a setup with one value or several, which are crossed; `ablations`
    are named ones, each varied alone."""

    dataset: str
    data: Path | None = None
    folder: Path | None = None
    limit: int | None = None
    seed: int | None = None
    preset: str = "jitmem"
    varied: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    ablations: Sequence[str] = ()
    loading: Mapping[str, Any] = field(default_factory=dict)
    models: EvalModels = field(default_factory=EvalModels)
    concurrency: int = 8
    prices: Prices = field(default_factory=Prices)
    plots: bool = True


@dataclass(frozen=True, slots=True)
class EvalResult:
    """The card, its summary, how the run ended, and why there are no plots, if there are none."""

    folder: Path
    summary: Mapping[str, Any]
    outcome: RunOutcome
    metrics: tuple[str, ...]
    plot_error: str = ""


def expand_setups(request: EvalRequest) -> tuple[Setup, ...]:
    """The setups to compare, in order, each once. A part that a system does not have does not multiply it."""
    start = get_preset(request.preset).setup
    for system in request.varied.get("system", ()):
        if system not in SYSTEMS:
            raise BadInput(f"There is no system {system!r}; there are: {', '.join(SYSTEMS)}.")
    if request.ablations:
        single = replace(start, **{name: values[0] for name, values in request.varied.items()})
        crossed = ablation_setups(request.ablations, single)
    else:
        crossed = setup_grid(start, request.varied)
    return tuple({one.name: one for one in map(restrict_setup, crossed)}.values())


def evaluate(request: EvalRequest, progress: MetricProgress = lambda done, total, metric, mean: None) -> EvalResult:
    """Run the questions that have no answer yet and write the card, also when the run is stopped.

    `BadInput` for missing data (it says where to get it), unknown names, and a folder that holds another run.
    """
    chosen = expand_setups(request)
    if request.models.reader == OWN_ANSWER and (mute := [one.system for one in chosen if one.system != "research"]):
        raise BadInput(f"{mute[0]} has no answer of its own; name a model that reads, or compare research alone.")
    data = load_data_set(request.dataset, request.data, limit=request.limit, seed=request.seed, **request.loading)
    folder = request.folder or Path(f"bench-{request.dataset}")
    metrics = get_preset(request.preset).metrics_for(request.dataset)
    plan = RunPlan(
        data,
        chosen,
        folder,
        request.models,
        request.concurrency,
        request.prices,
        seed=request.seed,
        preset=request.preset,
        metrics=metrics,
        path=request.data,
    )
    bench_card.begin_card(plan)

    def report_progress(done: int, total: int, means: Mapping[str, float]) -> None:
        main = next((metric for metric in metrics if metric in means), "")
        progress(done, total, main, means.get(main))

    try:
        ran = run_plan(plan, report_progress)
    except BaseException:
        report.write_report(folder)
        raise
    return _write_results(folder, ran, metrics, plot=request.plots)


def rewrite_report(folder: Path, *, plot: bool = True, pictures: Path | None = None) -> EvalResult:
    """Report and plots of a card, from its answers; the plots also into `pictures`."""
    config = bench_card.read_config(folder)
    done = _write_results(folder, RunOutcome(0, 0, 0), tuple(config["metrics"]), plot=plot)
    if pictures is not None:
        plots.draw_plots(folder, done.summary, pictures)
    return done


def _write_results(folder: Path, ran: RunOutcome, metrics: tuple[str, ...], *, plot: bool) -> EvalResult:
    summary = report.write_report(folder)
    plot_error = ""
    if plot:
        try:
            if plots.draw_plots(folder, summary):
                report.write_report(folder)  # now with the pictures
        except MissingPackage as error:
            plot_error = str(error)
    measured = report.measured_metrics((*metrics, "citation_correctness", "context_tokens"), summary)
    return EvalResult(folder, summary, ran, tuple(measured), plot_error)
