"""`jitmem eval`: measure a memory on public data, and compare two measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..stores.errors import BadInput
from .eval_tables import show, show_comparison, show_setups, watched
from .output import say, say_json
from .where import FAILED, Where, bare_command, model_command

EXAMPLES = """\b
Examples:
  jitmem eval locomo --data locomo10.json                              no model: what of the evidence is found
  jitmem eval locomo --data locomo10.json --preset gam --model openai:gpt-4o-mini --reader openai:gpt-4o-mini
  jitmem eval hotpotqa --data dev.json --depth 1,2,3 --limit 200       a setup for each depth
  jitmem eval locomo --data locomo10.json --ablation tools,depth,pages
  jitmem eval locomo --data locomo10.json --system research,rag-bm25,whole-history --reader openai:gpt-4.1-mini
  jitmem eval compare bench-a bench-b
  jitmem eval sources
\b
Stopped, the same command goes on where it was. It ends with 0 when every question has its answer, 1 when some
ended in an error (the report tells which), 2 when something that was given cannot be used, such as missing data.
"""
COMPARE_EXAMPLES = """\b
Examples:
  jitmem eval compare bench-before bench-after
  jitmem eval compare bench --setup-a "research depth=3"               one setup of a card with each other one
  jitmem eval compare bench bench --setup-a "research depth=1" --setup-b "research depth=3"
"""
_Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


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


def _several(what: str) -> Any:
    return typer.Option(metavar="A,B", help=f"{what}; several, separated by commas, are compared.")


@model_command
def run(
    where: Where,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Its name, as `jitmem eval sources` lists it.")],
    data: Annotated[Path | None, typer.Option(metavar="PATH", help="The data set's official file.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the card is made.  [default: bench-DATASET]")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Questions, at most.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Draw the --limit questions by chance.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Of the data set itself; may be given again.")
    ] = None,
    preset: Annotated[str, typer.Option(metavar="NAME", help="A protocol: jitmem, gam, mem-alpha.")] = "jitmem",
    ablation: Annotated[
        str, typer.Option(metavar="A,B", help="What to vary, as the papers do: tools, depth, pages, output, …")
    ] = "",
    system: Annotated[str, _several("Who remembers: research, recall, memory-only, whole-history, rag-bm25, …")] = "",
    effort: Annotated[str, _several("recall, fast or deep")] = "",
    depth: Annotated[str, _several("Rounds, at most")] = "",
    tools: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Searches to use; given again, another set to compare.")
    ] = None,
    pages: Annotated[str, _several("Pages that may speak")] = "",
    output: Annotated[str, _several("integration, snippets or pages")] = "",
    context_tokens: Annotated[str, _several("Size of the context")] = "",
    page_tokens: Annotated[str, _several("Size of a page")] = "",
    chunk_tokens: Annotated[str, _several("Size of a chunk, for RAG")] = "",
    history_tokens: Annotated[str, _several("What whole-history is cut to")] = "",
    memos: Annotated[str, _several("on or off: whether pages have memos")] = "",
    curate: Annotated[str, _several("on or off: whether items are drawn")] = "",
    reader: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Who answers from the context, or `itself` for research's own answer; without it, evidence alone counts.",
        ),
    ] = None,
    judge: Annotated[str | None, typer.Option(metavar="NAME", help="Who says whether an answer is right.")] = None,
    price: Annotated[
        list[str] | None, typer.Option(metavar="MODEL=IN/OUT", help="Dollars for a million tokens; may be given again.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(metavar="DOLLARS", min=0, help="Stop when so much is spent.")
    ] = None,
    concurrency: Annotated[int, typer.Option(metavar="N", min=1, help="Questions at once, with a model.")] = 8,
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Whether pictures are drawn.")] = True,
    as_json: _Json = False,
) -> None:
    """Ask every question of a data set once, and make a bench card of it."""
    from ..evals.evaluate import EvalRequest, evaluate
    from ..evals.prices import Prices
    from ..evals.systems import EvalModels

    numbers = {
        "depth": depth,
        "pages": pages,
        "context_tokens": context_tokens,
        "page_tokens": page_tokens,
        "chunk_tokens": chunk_tokens,
        "history_tokens": history_tokens,
    }
    varied: dict[str, Sequence[Any]] = {
        **{name: _words(text) for name, text in (("system", system), ("effort", effort), ("output", output))},
        **{name: _numbers(name, text) for name, text in numbers.items()},
        **{name: _switches(name, text) for name, text in (("memos", memos), ("curate", curate))},
        "tools": [tuple(_words(one)) for one in tools or []],
    }
    models = EvalModels(
        model=where.model,
        memorizer_model=where.memorizer_model,
        researcher_model=where.researcher_model,
        embeddings=where.embeddings,
        reader=reader,
        judge=judge,
        base_url=where.base_url,
        timeout_s=where.timeout_s,
        prompts=where.prompts,
    )
    wanted = EvalRequest(
        dataset=dataset,
        data=data,
        folder=out,
        limit=limit,
        seed=seed,
        preset=preset,
        varied={name: values for name, values in varied.items() if values},
        ablations=_words(ablation),
        loading=_loading(option or []),
        models=models,
        concurrency=concurrency,
        prices=Prices.parse(price or [], max_cost),
        plots=plots,
    )
    with watched(dataset) as tell:
        done = evaluate(wanted, tell)
    show(done, as_json=as_json)
    if done.outcome.failed:
        raise typer.Exit(FAILED)


@bare_command
def compare(
    where: Where,
    a: Annotated[Path, typer.Argument(metavar="A", help="A card.")],
    b: Annotated[
        Path | None, typer.Argument(metavar="[B]", help="Another over the same questions; without it, the setups of A.")
    ] = None,
    setup_a: Annotated[str | None, typer.Option(metavar="NAME", help="Which setup of A, if there are several.")] = None,
    setup_b: Annotated[str | None, typer.Option(metavar="NAME", help="Which setup of B.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the bootstrap.")] = 0,
    as_json: _Json = False,
) -> None:
    """Say which differences between two cards, or the setups of one, are more than noise: a paired bootstrap, question
    by question."""
    from ..evals.compare import compare_cards as compared
    from ..evals.compare import compare_setups, main_metric

    if b is None:
        if setup_b is not None:
            raise BadInput("--setup-b is a setup of B; name that card, or leave the option out.")
        made = compare_setups(a, setup=setup_a, seed=seed)
    else:
        made = compared(a, b, setup_a=setup_a, setup_b=setup_b, seed=seed)
    if as_json:
        say_json(made)
    elif b is None:
        show_setups(made, main_metric(a, made))
    else:
        for one in made:
            show_comparison(one)


@bare_command
def sources(where: Where, as_json: _Json = False) -> None:
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


@bare_command
def report(
    where: Where,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A card.")],
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Draw the plots there too, for a page that shows them.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Write a card's report and plots anew from its answers."""
    from ..evals.evaluate import rewrite_report

    show(rewrite_report(folder, pictures=pictures), as_json=as_json)


app.command("run", epilog=EXAMPLES, hidden=True)(run)
app.command(epilog=COMPARE_EXAMPLES, short_help="Say which differences of two cards are more than noise.")(compare)
app.command(epilog="Example: jitmem eval sources", short_help="List the data sets and where to get them.")(sources)
app.command(epilog="Example: jitmem eval report bench-locomo", short_help="Write a card's report anew.")(report)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(name: str, text: str) -> list[int]:
    try:
        made = [int(word) for word in _words(text)]
    except ValueError as error:
        raise BadInput(
            f"--{name.replace('_', '-')} takes numbers separated by commas, as 1,3; got {text!r}."
        ) from error
    if any(number < 1 for number in made):
        raise BadInput(f"--{name.replace('_', '-')} takes numbers of 1 or more; got {text!r}.")
    return made


def _switches(name: str, text: str) -> list[bool]:
    known = {"on": True, "off": False}
    if wrong := [word for word in _words(text) if word not in known]:
        raise BadInput(f"--{name} is on, off, or on,off; got {wrong[0]!r}.")
    return [known[word] for word in _words(text)]


def _loading(given: Sequence[str]) -> dict[str, Any]:
    """`length=32000` and the like; numbers and true or false as such, the rest as text."""
    import json

    made: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise BadInput(f"--option is NAME=VALUE, such as length=32000; got {one!r}.")
        try:
            made[name] = json.loads(value)
        except ValueError:
            made[name] = value
    return made
