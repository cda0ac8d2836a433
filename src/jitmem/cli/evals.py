"""`jitmem eval`: measure a memory on public data, and compare two measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option
from typer.core import TyperGroup

from ..stores.errors import BadInput
from .errors import FAILED
from .eval_tables import answer_progress, show, show_comparison, show_setups
from .output import say, say_json
from .settings import BenchCommand, JitmemCommand, Json, assignments, settings_of

EXAMPLES = """\b
Examples:
  jitmem eval locomo --data locomo10.json                              no model: what of the evidence is found
  jitmem eval locomo --data locomo10.json --preset gam --model openai:gpt-4o-mini --reader openai:gpt-4o-mini
  jitmem eval hotpotqa --data dev.json --vary depth=1,2,3 --limit 200       a setup for each depth
  jitmem eval locomo --data locomo10.json --ablation tools,depth,pages
  jitmem eval locomo --data locomo10.json --vary system=research,rag-bm25,whole-history --reader openai:gpt-4.1-mini
  jitmem eval compare bench-a bench-b
  jitmem eval sources
\b
What can be varied: system (research, recall, memory-only, whole-history, rag-bm25, …), effort (recall, fast, deep),
depth (rounds), tools (of keyword,vector,page_id; repeat it for another set), pages (from how many pages passages come),
output (integration, snippets, pages), context_tokens, page_tokens, chunk_tokens (RAG), history_tokens (whole-history),
memos and curate (on, off).
\b
Stopped, the same command goes on where it was. It ends with 0 when every question has its answer, 1 when some
ended in an error (the report tells which), 2 when something that was given cannot be used, such as missing data.
"""
_NAMES = ("system", "effort", "output")
_NUMBERS = ("depth", "pages", "context_tokens", "page_tokens", "chunk_tokens", "history_tokens")
_SWITCHES = ("memos", "curate")
COMPARE_EXAMPLES = """\b
Examples:
  jitmem eval compare bench-before bench-after
  jitmem eval compare bench --setup-a "research depth=3"               one setup of a card with each other one
  jitmem eval compare bench bench --setup-a "research depth=1" --setup-b "research depth=3"
"""


class _DataSetFirst(TyperGroup):
    """`jitmem eval locomo …` is `jitmem eval run locomo …`: what is no command is a data set."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_DataSetFirst,
    help="Measure a memory on public data, and compare two measurements. `jitmem eval locomo --help` shows the options.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode=None,
    subcommand_metavar="DATASET [OPTIONS] | COMMAND [ARGS]…",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def run(
    ctx: typer.Context,
    dataset: Annotated[str, Argument(metavar="DATASET", help="Its name, as `jitmem eval sources` lists it.")],
    data: Annotated[Path | None, Option(metavar="PATH", help="The data set's official file.")] = None,
    out: Annotated[Path | None, Option(metavar="FOLDER", help="The card.  [default: bench-DATASET]")] = None,
    limit: Annotated[int | None, Option(metavar="N", min=1, help="Questions, at most.")] = None,
    seed: Annotated[int | None, Option(metavar="N", help="Draw the --limit questions at random.")] = None,
    option: Annotated[list[str] | None, Option(metavar="NAME=VALUE", help="Of the data set; may be repeated.")] = None,
    preset: Annotated[str, Option(metavar="NAME", help="A protocol: jitmem, gam, mem-alpha.")] = "jitmem",
    ablation: Annotated[str, Option(metavar="A,B", help="As in the papers: tools, depth, pages, output, …")] = "",
    vary: Annotated[list[str] | None, Option(metavar="NAME=A,B", help="Values to compare; see below.")] = None,
    reader: Annotated[
        str | None, Option(metavar="NAME", help="The model that answers from the context, or `itself`.")
    ] = None,
    judge: Annotated[str | None, Option(metavar="NAME", help="Who says whether an answer is right.")] = None,
    price: Annotated[
        list[str] | None, Option(metavar="MODEL=IN/OUT", help="Dollars a million tokens; may be repeated.")
    ] = None,
    max_cost: Annotated[float | None, Option(metavar="DOLLARS", min=0, help="Stop when this is spent.")] = None,
    concurrency: Annotated[int, Option(metavar="N", min=1, help="Questions at once, with a model.")] = 8,
    plots: Annotated[bool, Option("--plots/--no-plots", help="Whether pictures are drawn.")] = True,
    as_json: Json = False,
) -> None:
    """Ask every question of a data set once, and make a bench card of it."""
    from ..evals.evaluate import EvalRequest, evaluate
    from ..evals.run_plan import Prices
    from ..evals.systems import EvalModels

    settings = settings_of(ctx)
    models = EvalModels(
        model=settings.model,
        memorizer_model=settings.memorizer_model,
        researcher_model=settings.researcher_model,
        embeddings=settings.embeddings,
        reader=reader,
        judge=judge,
        base_url=settings.base_url,
        timeout_s=settings.timeout_s,
        prompts=settings.prompts,
    )
    wanted = EvalRequest(
        dataset=dataset,
        data=data,
        folder=out,
        limit=limit,
        seed=seed,
        preset=preset,
        varied=_setup_variations(vary or []),
        ablations=_words(ablation),
        loading=assignments(option or [], "--option"),
        models=models,
        concurrency=concurrency,
        prices=Prices.parse(price or [], max_cost),
        plots=plots,
    )
    with answer_progress(dataset) as tell:
        done = evaluate(wanted, tell)
    show(done, as_json=as_json)
    if done.outcome.failed:
        raise typer.Exit(FAILED)


def compare(
    ctx: typer.Context,
    a: Annotated[Path, Argument(metavar="A", help="A card.")],
    b: Annotated[Path | None, Argument(metavar="[B]", help="Another card.  [default: the setups of A]")] = None,
    setup_a: Annotated[str | None, Option(metavar="NAME", help="Which setup of A, if there are several.")] = None,
    setup_b: Annotated[str | None, Option(metavar="NAME", help="Which setup of B.")] = None,
    seed: Annotated[int, Option(metavar="N", help="Of the bootstrap.")] = 0,
    as_json: Json = False,
) -> None:
    """Say which differences between two cards, or the setups of one, are more than noise: a paired bootstrap, question
    by question."""
    from ..evals.compare import compare_cards, compare_setups, main_metric

    if b is None:
        if setup_b is not None:
            raise BadInput("--setup-b is a setup of B; name that card, or leave the option out.")
        made = compare_setups(a, setup=setup_a, seed=seed)
    else:
        made = compare_cards(a, b, setup_a=setup_a, setup_b=setup_b, seed=seed)
    if as_json:
        say_json(made)
    elif b is None:
        show_setups(made, main_metric(a, made))
    else:
        for one in made:
            show_comparison(one)


def sources(ctx: typer.Context, as_json: Json = False) -> None:
    """List the data sets: where to get them, which file, and under which licence."""
    from ..evals.datasets import DATASETS

    found = {name: benchmark.source for name, benchmark in DATASETS.items()}
    if as_json:
        say_json(found)
        return
    for name, source in found.items():
        say(f"{name}: {source.title}" + (f", {source.paper}" if source.paper else ""), "bold")
        say(f"  from     {source.address}")
        say(f"  file     {' or '.join(source.files) or 'none: it is made here'}")
        say(f"  licence  {source.licence}")
        for file in source.files:
            say(f"  sha256   {file}: {source.published_checksum(file)}")


def report(
    ctx: typer.Context,
    folder: Annotated[Path, Argument(metavar="FOLDER", help="A card.")],
    pictures: Annotated[Path | None, Option(metavar="FOLDER", help="Draw the plots there too.")] = None,
    as_json: Json = False,
) -> None:
    """Write a card's report and plots anew from its answers."""
    from ..evals.evaluate import rewrite_report

    show(rewrite_report(folder, pictures=pictures), as_json=as_json)


app.command("run", cls=BenchCommand, epilog=EXAMPLES, hidden=True)(run)
app.command(
    cls=JitmemCommand, epilog=COMPARE_EXAMPLES, short_help="Say which differences of two cards are more than noise."
)(compare)
app.command(
    cls=JitmemCommand, epilog="Example: jitmem eval sources", short_help="List the data sets and where to get them."
)(sources)
app.command(
    cls=JitmemCommand, epilog="Example: jitmem eval report bench-locomo", short_help="Write a card's report anew."
)(report)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _setup_variations(given: Sequence[str]) -> dict[str, list[Any]]:
    """`depth=1,2,3` and the like; of `tools`, each one given is a set to compare."""
    found: dict[str, list[Any]] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or name not in (*_NAMES, *_NUMBERS, *_SWITCHES, "tools"):
            parts = ", ".join(("tools", *_NAMES, *_NUMBERS, *_SWITCHES))
            raise BadInput(f"--vary is NAME=A,B with a name of {parts}; got {one!r}.")
        words = _words(text)
        if name == "tools":
            found.setdefault(name, []).append(tuple(words))
        elif name in _NUMBERS:
            found[name] = [_number(name, word) for word in words]
        elif name in _SWITCHES:
            found[name] = [_switch(name, word) for word in words]
        else:
            found[name] = list(words)
    return {name: values for name, values in found.items() if values}


def _number(name: str, word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise BadInput(f"--vary {name} takes numbers of 1 or more separated by commas, as {name}=1,3; got {word!r}.")
    return int(word)


def _switch(name: str, word: str) -> bool:
    if word not in ("on", "off"):
        raise BadInput(f"--vary {name} takes on, off, or on,off; got {word!r}.")
    return word == "on"
