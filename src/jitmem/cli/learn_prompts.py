"""`jitmem learn prompts`: better words for the models, by rewards, checked on tasks held back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .output import console, count, say, say_json, say_rows
from .where import FAILED, Where, model_command

if TYPE_CHECKING:
    from ..learn.prompts import GainCheck, LearnedPrompts
    from ..learn.prompts.run_cache import BudgetProgress

EXAMPLES = """\b
Examples:
  jitmem learn prompts --train train.jsonl --val val.jsonl --role memorizer --budget 200 --out words \\
      --model openai:my-model --reflection-model openai:gpt-4.1
  jitmem learn prompts --train toy:6 --val toy:8,seed=1 --test toy:8,seed=2 --role both --budget 300 --out words \\
      --model openai:gpt-4.1-mini
  jitmem research "Where does Ana work now?" --prompts words/prompts.md
\b
A run fills a memory with one task's sessions and asks its questions; --budget is how many there may be. Stopped, the
same command goes on where it was. It ends with 0 when better prompts were found and proved it (prompts.md), 1 when not,
and the old ones stay, 2 when something that was given cannot be used.
"""


@model_command
def prompts(
    where: Where,
    train: Annotated[str, typer.Option(metavar="SOURCE", help="Tasks to learn from: a file, DATASET:PATH, or toy:8.")],
    val: Annotated[str, typer.Option(metavar="SOURCE", help="Other tasks, by which words are chosen and checked.")],
    role: Annotated[str, typer.Option(metavar="NAME", help="memorizer, researcher or both.")],
    budget: Annotated[int, typer.Option(metavar="N", min=1, help="Runs, at most.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where prompts, diff and report go.")] = Path("prompts"),
    test: Annotated[str | None, typer.Option(metavar="SOURCE", help="Tasks that are only reported on.")] = None,
    reflection_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who writes new words.  [default: that of --model]")
    ] = None,
    repeats: Annotated[int, typer.Option(metavar="N", min=1, help="Runs of each task in the check.")] = 1,
    patience: Annotated[int, typer.Option(metavar="N", min=1, help="Vain proposals in a row, at most.")] = 8,
    reading: Annotated[str, typer.Option(metavar="NAME", help="research, or memory: from items alone.")] = "research",
    reader: Annotated[str | None, typer.Option(metavar="NAME", help="A frozen model that answers.")] = None,
    judge: Annotated[str | None, typer.Option(metavar="NAME", help="Who says whether an answer is right.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="f1 (default), judge, exact_match, …; may be given again.")
    ] = None,
    rewards: Annotated[str, typer.Option(metavar="NAME", help="default or mem-alpha.")] = "default",
    effort: Annotated[str | None, typer.Option(metavar="NAME", help="fast or deep.")] = None,
    depth: Annotated[int | None, typer.Option(metavar="N", min=1, help="Rounds, at most.")] = None,
    temperature: Annotated[float | None, typer.Option(metavar="T", min=0, help="Of the models that think.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the search, and of each task's first run.")] = 0,
    concurrency: Annotated[int, typer.Option(metavar="N", min=1, help="Runs at once.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Improve the prompts of the Memorizer, the Researcher or both, and keep only what proves better (gepa)."""
    from ..learn.prompts import improve_prompts
    from ..learn.rollouts.rollout_config import RolloutConfig
    from ..learn.tasks import load_tasks
    from ..models import chat_model
    from ..stores.errors import BadInput

    reflects = reflection_model or where.model or where.memorizer_model or where.researcher_model
    if reflects is None:
        raise BadInput("Learning prompts needs a model: name one with --model, such as openai:gpt-4.1-mini.")
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
        rewards=rewards,
        depth=depth,
        temperature=temperature,
        seed=seed,
        **given,
    )
    learner: Any = role
    with _watched(budget) as tell:
        learned = improve_prompts(
            load_tasks(train),
            load_tasks(val),
            config,
            chat_model(reflects, base_url=where.base_url, timeout_s=where.timeout_s),
            out,
            role=learner,
            budget=budget,
            test=load_tasks(test) if test else (),
            repeats=repeats,
            patience=patience,
            seed=seed,
            concurrency=concurrency,
            tell=tell,
        )
    _show(learned, out, as_json=as_json)
    if not learned.accepted:
        raise typer.Exit(FAILED)


@contextmanager
def _watched(budget: int) -> Iterator[BudgetProgress]:
    """A bar of the runs, on stderr if that is a terminal; gone when done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    err = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("runs", total=budget)
        yield lambda done, most: bar.update(task, completed=done, total=most)


def _show(learned: LearnedPrompts, out: Path, *, as_json: bool) -> None:
    from ..learn.prompts import prompt_diff
    from ..learn.prompts.search_report import PROMPTS, REPORT, search_as_dict

    if as_json:
        told = {"prompts": str(out / PROMPTS) if learned.accepted else None, **search_as_dict(learned)}
        say_json({**told, "diff": list(prompt_diff(learned.before, learned.words))})
        return
    for line in prompt_diff(learned.before, learned.words):
        say(line, {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], ""))
    rows = [
        (name, what, str(gain.n), f"{gain.before:.3f}", f"{gain.after:.3f}", f"{gain.low:+.3f} to {gain.high:+.3f}")
        for name, check in (("validation", learned.validation), ("test", learned.test))
        if check is not None
        for what, gain in _gains(check)
    ]
    if rows:
        say_rows(("tasks", "what", "n", "before", "after", "95 % of the gain"), rows)
    spent = f"{count(learned.spent, 'run')}, {count(learned.reflections, 'reflection')}"
    if learned.accepted:
        say(f"Better: {', '.join(learned.changes)}. {spent}.", "bold")
        say(f"Prompts: {out / PROMPTS}; report: {out / REPORT}")
    else:
        say(f"Nothing accepted: {learned.reason}. The prompts stay as they are. {spent}.", "yellow")
        say(f"Report: {out / REPORT}")


def _gains(check: GainCheck) -> tuple[tuple[str, Any], ...]:
    return ("reward", check.worth), ("answers", check.r1)
