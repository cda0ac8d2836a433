"""Many runs over many tasks, concurrently, each on disk when it is done; after a stop, the same call resumes."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...evals.datasets.benchmark_records import Sample
from ...evals.jsonl_log import JsonlLog, exclusive_run, run_all
from ...evals.jsonl_log import read_log as read_lines
from ...stores.errors import BadInput, JitmemError, MissingPackage
from ..rollout_records import Rollout
from .one_rollout import run_rollout
from .rollout_config import RolloutConfig
from .rollout_progress import RolloutProgress, RolloutStats, Tell
from .run_lock import claim_folder

ROLLOUTS, WORK = "rollouts.jsonl", "work"
_AT_ONCE = 8


Key = tuple[str, int]


def run_rollouts(
    tasks: Sequence[Sample],
    config: RolloutConfig,
    *,
    n: int = 8,
    folder: str | Path | None = None,
    concurrency: int = _AT_ONCE,
    tell: Tell = lambda told: None,
) -> list[Rollout]:
    """`n` runs over each task, those of a task beside each other, in order of the tasks.

    With a `folder` each is appended to its `rollouts.jsonl` as soon as it is done, and runs that are there are not
    repeated, except those that ended in an error. `BadInput` where the folder has another configuration, or other tasks
    of the same names. `ModelUnavailable` when several runs failed in a row. `concurrency` is the number of runs at
    once, where a model is asked at all; rules run sequentially.
    """
    if folder is not None:
        record_rollouts(tasks, config, folder, n=n, concurrency=concurrency, tell=tell)
        wanted = set(_run_keys(tasks, n))
        found = {(one.task, one.n): one for one in read_rollouts(folder)}
        return [found[key] for key in _run_keys(tasks, n) if key in wanted]
    finished: dict[Key, Rollout] = {}
    state = RolloutProgress(len(_run_keys(tasks, n)), tell)

    def keep(one: Rollout) -> None:
        finished[one.task, one.n] = one
        state.count(one)

    _run_all([(task, at) for task in tasks for at in range(n)], config, None, concurrency, keep)
    return [finished[key] for key in _run_keys(tasks, n)]


def record_rollouts(
    tasks: Sequence[Sample],
    config: RolloutConfig,
    folder: str | Path,
    *,
    n: int = 8,
    concurrency: int = _AT_ONCE,
    tell: Tell = lambda told: None,
) -> RolloutStats:
    """`run_rollouts` to a folder, without keeping them in memory."""
    place = Path(folder)
    keys = _run_keys(tasks, n)
    place.mkdir(parents=True, exist_ok=True)
    with exclusive_run(place):
        claim_folder(place, tasks, config)
        known: dict[Key, Mapping[str, Any]] = {}
        for line in read_lines(place / ROLLOUTS):
            known[line["task"], line["n"]] = {"error": line["error"], "rewards": line["rewards"]}
        state = RolloutProgress(len(keys), tell)
        for key in keys:
            if key in known and not known[key]["error"]:
                state.add("", known[key]["rewards"])
        left = [
            (task, at) for task in tasks for at in range(n) if known.get((task.name, at), {"error": "new"})["error"]
        ]
        work = place / WORK
        shutil.rmtree(work, ignore_errors=True)  # left by a killed run
        work.mkdir()
        try:
            with JsonlLog(place / ROLLOUTS) as lines:

                def keep(one: Rollout) -> None:
                    lines.append(one.as_dict())
                    state.count(one)

                _run_all(left, config, work, concurrency, keep)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return state.stats


def read_rollouts(source: str | Path) -> Iterator[Rollout]:
    """The rollouts of a folder of `run_rollouts`, or of a file of such lines; of two lines of one run the later.

    In the order of the file, in which they were finished.
    """
    path = Path(source)
    path = path / ROLLOUTS if path.is_dir() else path
    if not path.exists():
        raise BadInput(f"{path}: there are no rollouts; `jitmem learn rollout` makes them.")
    last = {(line["task"], line["n"]): at for at, line in enumerate(read_lines(path))}
    for at, line in enumerate(read_lines(path)):
        if last[line["task"], line["n"]] == at:
            yield Rollout.from_dict(line)


def _run_keys(tasks: Sequence[Sample], n: int) -> list[Key]:
    if n < 1:
        raise BadInput(f"n is how many runs a task has, 1 or more; got {n}.")
    return [(task.name, at) for task in tasks for at in range(n)]


def _run_all(
    left: Iterable[tuple[Sample, int]],
    config: RolloutConfig,
    work: Path | None,
    concurrency: int,
    keep: Callable[[Rollout], None],
) -> None:
    def run(task: Sample, n: int) -> None:
        keep(_run_one(task, n, config, work))

    if concurrency < 1:
        raise BadInput(f"concurrency is how many runs there are at once, 1 or more; got {concurrency}.")
    run_all(run, left, concurrency if config.uses_models else 1, "jitmem-rollout")


def _run_one(task: Sample, n: int, config: RolloutConfig, work: Path | None) -> Rollout:
    """A failure becomes the run's error, and the other runs go on; an error that the caller can fix ends all."""
    try:
        return run_rollout(task, n, config, folder=work)
    except (BadInput, MissingPackage):
        raise
    except Exception as error:
        trace = "" if isinstance(error, JitmemError) else "".join(traceback.format_exception(error)[-3:])
        text = " ".join(f"{type(error).__name__}: {error} {trace}".split())
        return Rollout(task.name, n, config.seed + n, (), (), (), (), 0, 0, error=text)
