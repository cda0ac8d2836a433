"""`jitmem learn prompts`: better words for the models, by rewards, checked on tasks held back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from .errors import FAILED
from .learn_options import Judge, Metric, Reader, SetConfig, rollout_config
from .output import count, progress, say, say_json, say_rows
from .settings import Json

if TYPE_CHECKING:
    from ..learn.prompts import GainCheck, LearnedPrompts

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


def prompts(
    ctx: typer.Context,
    train: Annotated[str, Option(metavar="SOURCE", help="Tasks to learn from: a file, DATASET:PATH, or toy:8.")],
    val: Annotated[str, Option(metavar="SOURCE", help="Other tasks, by which words are chosen and checked.")],
    role: Annotated[str, Option(metavar="NAME", help="memorizer, researcher or both.")],
    budget: Annotated[int, Option(metavar="N", min=1, help="Runs, at most.")],
    out: Annotated[Path, Option(metavar="FOLDER", help="Where prompts, diff and report go.")] = Path("prompts"),
    test: Annotated[str | None, Option(metavar="SOURCE", help="Tasks that are only reported on.")] = None,
    reflection_model: Annotated[
        str | None, Option(metavar="NAME", help="Writes new prompts.  [default: --model]")
    ] = None,
    repeats: Annotated[int, Option(metavar="N", min=1, help="Runs of each task in the check.")] = 1,
    patience: Annotated[int, Option(metavar="N", min=1, help="Vain proposals in a row, at most.")] = 8,
    reader: Reader = None,
    judge: Judge = None,
    metric: Metric = None,
    set_: SetConfig = None,
    seed: Annotated[int, Option(metavar="N", help="Of the search, and of each task's first run.")] = 0,
    concurrency: Annotated[int, Option(metavar="N", min=1, help="Runs at once.")] = 8,
    as_json: Json = False,
) -> None:
    """Improve the prompts of the Memorizer, the Researcher or both, and keep only what proves better (gepa)."""
    from ..learn.prompts import improve_prompts
    from ..learn.tasks import load_tasks
    from ..models import chat_model
    from ..stores.errors import BadInput

    config = rollout_config(ctx, set_ or [], reader=reader, judge=judge, metric=metric, seed=seed)
    reflects = reflection_model or config.model or config.memorizer_model or config.researcher_model
    if reflects is None:
        raise BadInput("Learning prompts needs a model: name one with --model, such as openai:gpt-4.1-mini.")
    learner: Any = role
    with progress("runs", "") as tell:
        learned = improve_prompts(
            load_tasks(train),
            load_tasks(val),
            config,
            chat_model(reflects, base_url=config.base_url, timeout_s=config.timeout_s),
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
        (name, what, str(gain.n), f"{gain.a:.3f}", f"{gain.b:.3f}", f"{gain.low:+.3f} to {gain.high:+.3f}")
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
