"""Many runs over many tasks, concurrently, each on disk when it is done; after a stop, the same call resumes."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...evals.datasets.benchmark_records import Sample
from ...evals.jsonl_log import JsonlLog, claim_folder, exclusive_run, read_json, read_log, run_all, write_json
from ...stores.errors import BadInput, JitmemError, MissingPackage, ModelUnavailable
from ...stores.truth.database import make_folder
from ..rollout_records import Rollout
from ..tasks import task_as_dict
from .one_rollout import run_rollout
from .rollout_config import RolloutConfig

PATIENCE = 10
"""Consecutive failed runs before all runs are stopped."""
ROLLOUTS, WORK = "rollouts.jsonl", "work"
_AT_ONCE = 8
CONFIG_FILE, TASKS_FILE = "config.json", "tasks.json"


def _record_tasks(folder: Path, tasks: Sequence[Sample]) -> None:
    """`BadInput` where other tasks of the same names are recorded; more tasks may follow."""
    path, hashes = folder / TASKS_FILE, {task.name: task_hash(task) for task in tasks}
    known = read_json(path) if path.exists() else {}
    for name, digest in hashes.items():
        if known.get(name, digest) != digest:
            raise BadInput(f"{folder} holds rollouts of another task {name!r}; choose another folder.")
    write_json(path, {**known, **hashes})


def task_hash(task: Sample) -> str:
    """The same for the same sessions and questions."""
    return hashlib.sha256(json.dumps(task_as_dict(task), sort_keys=True, default=str).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class RolloutStats:
    """Runs done, of how many, those that ended in an error, and the mean total reward of the others."""

    done: int
    total: int
    failed: int
    reward: float | None


StatsProgress = Callable[[RolloutStats], None]


class RolloutProgress:
    """Counts, from several threads."""

    def __init__(self, total: int, progress: StatsProgress) -> None:
        self._total, self._progress = total, progress
        self._lock = threading.Lock()
        self._done = self._failed = self._in_a_row = 0
        self._sum, self._rewarded = 0.0, 0

    @property
    def stats(self) -> RolloutStats:
        return RolloutStats(
            self._done, self._total, self._failed, self._sum / self._rewarded if self._rewarded else None
        )

    def count(self, error: str, rewards: Mapping[str, float | None]) -> None:
        """Count a run; `ModelUnavailable` when too many have failed in a row."""
        with self._lock:
            self._done += 1
            self._failed += bool(error)
            self._in_a_row = self._in_a_row + 1 if error else 0
            if (total := rewards.get("total")) is not None:
                self._sum += total
                self._rewarded += 1
            self._progress(self.stats)
            if self._in_a_row >= PATIENCE:
                raise ModelUnavailable(
                    f"{PATIENCE} runs failed one after the other, the last with {error} The same command goes on from here."
                )


def run_rollouts(
    tasks: Sequence[Sample],
    config: RolloutConfig,
    *,
    n: int = 8,
    folder: str | Path | None = None,
    concurrency: int = _AT_ONCE,
    progress: StatsProgress = lambda stats: None,
) -> list[Rollout]:
    """`n` runs over each task, those of a task beside each other, in order of the tasks.

    With a `folder` each is appended to its `rollouts.jsonl` as soon as it is done, and runs that are there are not
    repeated, except those that ended in an error. `BadInput` where the folder has another configuration, or other tasks
    of the same names. `ModelUnavailable` when several runs failed in a row. `concurrency` is the number of runs at
    once, where a model is asked at all; rules run sequentially.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="rollouts-") as place:
            return run_rollouts(tasks, config, n=n, folder=place, concurrency=concurrency, progress=progress)
    record_rollouts(tasks, config, folder, n=n, concurrency=concurrency, progress=progress)
    found = {(one.task, one.n): one for one in read_rollouts(folder)}
    return [found[key] for key in _run_keys(tasks, n)]


def record_rollouts(
    tasks: Sequence[Sample],
    config: RolloutConfig,
    folder: str | Path,
    *,
    n: int = 8,
    concurrency: int = _AT_ONCE,
    progress: StatsProgress = lambda stats: None,
) -> RolloutStats:
    """`run_rollouts` to a folder, without keeping them in memory."""
    if concurrency < 1:
        raise BadInput(f"concurrency is how many runs there are at once, 1 or more; got {concurrency}.")
    place, keys = Path(folder), _run_keys(tasks, n)
    make_folder(place)
    with exclusive_run(place):
        claim_folder(place / CONFIG_FILE, "rollouts", config.as_dict())
        _record_tasks(place, tasks)
        known = {(line["task"], line["n"]): (line["error"], line["rewards"]) for line in read_log(place / ROLLOUTS)}
        finished = {key: rewards for key, (error, rewards) in known.items() if not error}
        state = RolloutProgress(len(keys), progress)
        for key in keys:
            if key in finished:
                state.count("", finished[key])
        left = [(task, at) for task in tasks for at in range(n) if (task.name, at) not in finished]
        work = place / WORK
        shutil.rmtree(work, ignore_errors=True)  # left by a killed run
        work.mkdir()
        try:
            with JsonlLog(place / ROLLOUTS) as lines:

                def run(task: Sample, number: int) -> None:
                    one = _run_one(task, number, config, work)
                    lines.append(one.as_dict())
                    state.count(one.error, one.rewards)

                run_all(run, left, concurrency if config.uses_models else 1, "jitmem-rollout")
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
    last = {(line["task"], line["n"]): at for at, line in enumerate(read_log(path))}
    for at, line in enumerate(read_log(path)):
        if last[line["task"], line["n"]] == at:
            yield Rollout.from_dict(line)


def _run_keys(tasks: Sequence[Sample], n: int) -> list[tuple[str, int]]:
    if n < 1:
        raise BadInput(f"n is how many runs a task has, 1 or more; got {n}.")
    return [(task.name, at) for task in tasks for at in range(n)]


def _run_one(task: Sample, n: int, config: RolloutConfig, work: Path) -> Rollout:
    """A failure becomes the run's error, and the other runs go on; an error that the caller can fix ends all."""
    try:
        return run_rollout(task, n, config, folder=work)
    except (BadInput, MissingPackage):
        raise
    except Exception as error:
        trace = "" if isinstance(error, JitmemError) else "".join(traceback.format_exception(error)[-3:])
        text = " ".join(f"{type(error).__name__}: {error} {trace}".split())
        return Rollout(task.name, n, config.seed + n, (), (), (), (), 0, 0, error=text)
