"""`jitmem learn rollout`: run tasks many times, and record every step with what it earned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .output import count, say, say_json, watched
from .where import FAILED, Where, model_command

if TYPE_CHECKING:
    from ..learn.rollouts import RolloutStats, Tell

EXAMPLES = """\b
Examples:
  jitmem learn rollout --tasks toy:8 -n 2 --out runs                          no model: what rules make of it
  jitmem learn rollout --tasks tasks.jsonl -n 8 --out runs --model openai:my-model --base-url http://localhost:8000/v1
  jitmem learn rollout --tasks locomo:locomo10.json --limit 2 --out runs --model openai:gpt-4.1-mini --temperature 1
  jitmem learn rollout --tasks tasks.jsonl --out runs --reading memory --reader openai:gpt-4.1-mini --rewards mem-alpha
\b
Stopped, the same command goes on where it was; with a larger -n it adds runs. It ends with 0 when every run is done,
1 when some ended in an error (the same command runs them again), 2 when something that was given cannot be used.
"""


@model_command
def rollout(
    where: Where,
    tasks: Annotated[str, typer.Option(metavar="SOURCE", help="A file of JSON lines, DATASET:PATH, or toy:8.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the runs are kept.")] = Path("rollouts"),
    n: Annotated[int, typer.Option("-n", metavar="N", min=1, help="Runs of each task.")] = 8,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Tasks, at most.")] = None,
    reading: Annotated[
        str,
        typer.Option(metavar="NAME", help="research: answers come from all that is kept; memory: from items alone."),
    ] = "research",
    reader: Annotated[
        str | None, typer.Option(metavar="NAME", help="A frozen model that answers; without it, the answer step does.")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who says whether an answer is right, for --metric judge.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="f1 (default), judge, exact_match, …; may be given again.")
    ] = None,
    rewards: Annotated[str, typer.Option(metavar="NAME", help="default or mem-alpha; none for none.")] = "default",
    effort: Annotated[str | None, typer.Option(metavar="NAME", help="recall, fast or deep.")] = None,
    depth: Annotated[int | None, typer.Option(metavar="N", min=1, help="Rounds, at most.")] = None,
    context_tokens: Annotated[int | None, typer.Option(metavar="N", min=16, help="Size of the context.")] = None,
    page_tokens: Annotated[int | None, typer.Option(metavar="N", min=16, help="Size of a page.")] = None,
    temperature: Annotated[float | None, typer.Option(metavar="T", min=0, help="Of the models that think.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of each task's first run; the next has the next.")] = 0,
    concurrency: Annotated[int, typer.Option(metavar="N", min=1, help="Runs at once, with a model.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Fill a fresh memory with each task's sessions and ask its questions, N times over, and record every step."""
    from ..learn.rollouts import record_rollouts
    from ..learn.rollouts.rollout_config import RolloutConfig
    from ..learn.tasks import load_tasks

    found = load_tasks(tasks, limit=limit)
    given: dict[str, Any] = {"reading": reading, "effort": effort}
    config = RolloutConfig(
        model=where.model,
        memorizer_model=where.memorizer_model,
        researcher_model=where.researcher_model,
        embeddings=where.embeddings,
        prompts=where.prompts,
        base_url=where.base_url,
        timeout_s=where.timeout_s,
        reader=reader,
        judge=judge,
        metrics=tuple(metric or ("f1",)),
        rewards=None if rewards == "none" else rewards,
        depth=depth,
        context_tokens=context_tokens,
        page_tokens=page_tokens,
        temperature=temperature,
        seed=seed,
        **given,
    )
    with _watched() as tell:
        told = record_rollouts(found, config, out, n=n, concurrency=concurrency, tell=tell)
    _show(told, len(found), out, as_json=as_json)
    if told.failed:
        raise typer.Exit(FAILED)


@contextmanager
def _watched() -> Iterator[Tell]:
    """A bar with the time left and the mean reward so far, on stderr if that is a terminal; gone when done."""
    with watched("runs", None) as advance:

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
