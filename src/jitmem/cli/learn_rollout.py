"""`jitmem learn rollout`: run tasks many times, and record every step with what it earned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from .errors import FAILED
from .learn_options import Judge, Metric, Reader, SetConfig, rollout_config
from .output import count, progress_bar, say, say_json
from .settings import Json

if TYPE_CHECKING:
    from ..learn.rollouts import RolloutStats, Tell

EXAMPLES = """\b
Examples:
  jitmem learn rollout --tasks toy:8 -n 2 --out runs                          no model: what rules make of it
  jitmem learn rollout --tasks tasks.jsonl -n 8 --out runs --model openai:my-model --base-url http://localhost:8000/v1
  jitmem learn rollout --tasks locomo:locomo10.json --limit 2 --out runs --model openai:gpt-4.1-mini --set temperature=1
  jitmem learn rollout --tasks tasks.jsonl --out runs --set reading=memory --reader openai:gpt-4.1-mini --set rewards=mem-alpha
\b
Stopped, the same command goes on where it was; with a larger -n it adds runs. It ends with 0 when every run is done,
1 when some ended in an error (the same command runs them again), 2 when something that was given cannot be used.
"""


def rollout(
    ctx: typer.Context,
    tasks: Annotated[str, Option(metavar="SOURCE", help="A file of JSON lines, DATASET:PATH, or toy:8.")],
    out: Annotated[Path, Option(metavar="FOLDER", help="Where the runs are kept.")] = Path("rollouts"),
    n: Annotated[int, Option("-n", metavar="N", min=1, help="Runs of each task.")] = 8,
    limit: Annotated[int | None, Option(metavar="N", min=1, help="Tasks, at most.")] = None,
    reader: Reader = None,
    judge: Judge = None,
    metric: Metric = None,
    set_: SetConfig = None,
    seed: Annotated[int, Option(metavar="N", help="Of each task's first run; the next has the next.")] = 0,
    concurrency: Annotated[int, Option(metavar="N", min=1, help="Runs at once, with a model.")] = 8,
    as_json: Json = False,
) -> None:
    """Fill a fresh memory with each task's sessions and ask its questions, N times over, and record every step."""
    from ..learn.rollouts import record_rollouts
    from ..learn.tasks import load_tasks

    found = load_tasks(tasks, limit=limit)
    config = rollout_config(ctx, set_ or [], reader=reader, judge=judge, metric=metric, seed=seed)
    with _progress() as tell:
        told = record_rollouts(found, config, out, n=n, concurrency=concurrency, tell=tell)
    _show(told, len(found), out, as_json=as_json)
    if told.failed:
        raise typer.Exit(FAILED)


@contextmanager
def _progress() -> Iterator[Tell]:
    """A bar with the time left and the mean reward so far, on stderr if that is a terminal; gone when done."""
    with progress_bar("runs", None) as advance:

        def tell(told: RolloutStats) -> None:
            advance(told.done, "" if told.reward is None else f"  reward {told.reward:.3f}", told.total)

        yield tell


def _show(told: RolloutStats, tasks: int, out: Path, *, as_json: bool) -> None:
    from ..learn.rollouts import ROLLOUTS

    if as_json:
        counted = {"tasks": tasks, "runs": told.done, "failed": told.failed, "reward": told.reward}
        say_json({"rollouts": str(out / ROLLOUTS), **counted})
        return
    mean = "" if told.reward is None else f", mean reward {told.reward:.3f}"
    say(f"{count(told.done, 'run')} of {count(tasks, 'task')}{mean}.")
    say(f"Rollouts: {out / ROLLOUTS}")
    if told.failed:
        say(f"{count(told.failed, 'run')} ended in an error; the same command runs them again.", "yellow")
