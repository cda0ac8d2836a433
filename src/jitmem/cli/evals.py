"""`jitmem eval`: measure a memory on public data, and compare two measurements."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import getdoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option
from typer.core import TyperGroup

from ..stores.errors import BadInput
from .assignments import assignments, model_settings
from .errors import FAILED
from .output import count, progress_bar, say, say_json, say_rows
from .settings import STYLE, JitmemCommand, prints_json, split_help

if TYPE_CHECKING:
    from ..evals.compare import Comparison, Difference
    from ..evals.evaluate import EvalResult

_NAMES = ("system", "effort", "output")
_NUMBERS = ("depth", "pages", "context_tokens", "page_tokens", "chunk_tokens", "history_tokens")
_SWITCHES = ("memos", "curate")


class _DataSetFirst(TyperGroup):
    """`jitmem eval locomo …` means `jitmem eval run locomo …`: a word that is not a command is a data set."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)


def run(
    ctx: typer.Context,
    dataset: Annotated[str, Argument(metavar="DATASET", help="Its name, as `jitmem eval sources` lists it.")],
    data: Annotated[Path | None, Option(metavar="PATH", help="The data set's official file.")] = None,
    out: Annotated[Path | None, Option(metavar="FOLDER", help="The card.  [default: bench-DATASET]")] = None,
    limit: Annotated[int | None, Option(metavar="N", min=1, help="Questions, at most.")] = None,
    seed: Annotated[int | None, Option(metavar="N", help="Sample the --limit questions at random.")] = None,
    option: Annotated[list[str] | None, Option(metavar="NAME=VALUE", help="Of the data set; may be repeated.")] = None,
    preset: Annotated[str, Option(metavar="NAME", help="A protocol: jitmem, gam, mem-alpha.")] = "jitmem",
    ablation: Annotated[str, Option(metavar="A,B", help="As in the papers: tools, depth, pages, output, …")] = "",
    vary: Annotated[list[str] | None, Option(metavar="NAME=A,B", help="Values to compare; see below.")] = None,
    reader: Annotated[
        str | None, Option(metavar="NAME", help="The model that answers from the context, or `itself`.")
    ] = None,
    judge: Annotated[str | None, Option(metavar="NAME", help="The model that judges answers.")] = None,
    price: Annotated[
        list[str] | None, Option(metavar="MODEL=IN/OUT", help="Dollars a million tokens; may be repeated.")
    ] = None,
    max_cost: Annotated[float | None, Option(metavar="DOLLARS", min=0, help="Stop when this is spent.")] = None,
    concurrency: Annotated[int, Option(metavar="N", min=1, help="Questions at once, with a model.")] = 8,
    plots: Annotated[bool, Option("--plots/--no-plots", help="Draw plots.")] = True,
) -> None:
    """Ask every question of a data set once, and write a bench card.

    Examples:
      jitmem eval locomo --data locomo10.json                              no model: recall of the evidence
      jitmem eval locomo --data locomo10.json --preset gam --model openai:gpt-4o-mini --reader openai:gpt-4o-mini
      jitmem eval hotpotqa --data dev.json --vary depth=1,2,3 --limit 200       a setup for each depth
      jitmem eval locomo --data locomo10.json --ablation tools,depth,pages
      jitmem eval locomo --data locomo10.json --vary system=research,rag-bm25,whole-history --reader openai:gpt-4.1-mini
      jitmem eval locomo --data locomo10.json --option form=whatsapp       what the readers of files lose: nothing
      jitmem eval compare bench-a bench-b
      jitmem eval sources

    What can be varied: system (research, recall, memory-only, whole-history, rag-bm25, …), effort (recall, fast, deep),
    depth (rounds), tools (of keyword,vector,page_id; repeat it for another set), pages (from how many pages passages come),
    output (integration, snippets, pages), context_tokens, page_tokens, chunk_tokens (RAG), history_tokens (whole-history),
    memos and curate (on, off).

    After an interruption, the same command continues. Exit codes: 0 when every question was answered, 1 when some ended in
    an error (the report names them), 2 for bad input, such as missing data.
    """
    from ..evals.evaluate import EvalRequest, evaluate
    from ..evals.run_plan import Prices
    from ..evals.systems import EvalModels

    request = EvalRequest(
        dataset=dataset,
        data=data,
        folder=out,
        limit=limit,
        seed=seed,
        preset=preset,
        varied=_setup_variations(vary or []),
        ablations=_words(ablation),
        loading=assignments(option or [], "--option"),
        models=EvalModels(reader=reader, judge=judge, **model_settings(ctx)),
        concurrency=concurrency,
        prices=Prices.parse(price or [], max_cost),
        plots=plots,
    )
    with progress_bar(dataset, None) as advance:

        def report_score(done: int, total: int, metric: str, mean: float | None) -> None:
            advance(done, "" if mean is None else f"  {metric} {100 * mean:.1f} %", total)

        done = evaluate(request, report_score)
    _show(done, as_json=prints_json(ctx))
    if done.outcome.failed:
        raise typer.Exit(FAILED)


def compare(
    ctx: typer.Context,
    a: Annotated[Path, Argument(metavar="A", help="A card.")],
    b: Annotated[Path | None, Argument(metavar="[B]", help="Another card.  [default: the setups of A]")] = None,
    setup_a: Annotated[str | None, Option(metavar="NAME", help="Which setup of A, if there are several.")] = None,
    setup_b: Annotated[str | None, Option(metavar="NAME", help="Which setup of B.")] = None,
    seed: Annotated[int, Option(metavar="N", help="Of the bootstrap.")] = 0,
) -> None:
    """Show which differences of two cards, or of the setups of one, are significant. A paired bootstrap over questions.

    Examples:
      jitmem eval compare bench-before bench-after
      jitmem eval compare bench --setup-a "research depth=3"               one setup of a card with each other one
      jitmem eval compare bench bench --setup-a "research depth=1" --setup-b "research depth=3"
    """
    from ..evals.compare import compare_cards, compare_setups, main_metric

    if b is None:
        if setup_b is not None:
            raise BadInput("--setup-b is a setup of B; name that card, or leave the option out.")
        made = compare_setups(a, setup=setup_a, seed=seed)
    else:
        made = compare_cards(a, b, setup_a=setup_a, setup_b=setup_b, seed=seed)
    if prints_json(ctx):
        say_json(made)
    elif b is None:
        _show_setups(made, main_metric(a, made))
    else:
        for one in made:
            _show_comparison(one)


def sources(ctx: typer.Context) -> None:
    """List the data sets: source, files and licence.

    Example: jitmem eval sources
    """
    from ..evals.datasets import DATASETS

    found = {name: benchmark.source for name, benchmark in DATASETS.items()}
    if prints_json(ctx):
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
) -> None:
    """Rewrite a card's report and plots from its answers.

    Example: jitmem eval report bench-locomo
    """
    from ..evals.evaluate import rewrite_report

    _show(rewrite_report(folder, pictures=pictures), as_json=prints_json(ctx))


def languages(
    ctx: typer.Context,
    data: Annotated[Path, Option(metavar="FILE", help="Paragraphs and questions by language, as JSON.")],
    only: Annotated[str, Option(metavar="A,B", help="Of these languages alone.")] = "",
    recall_only: Annotated[
        bool, Option("--recall-only", help="Recall alone, which takes a tenth of the time.")
    ] = False,
) -> None:
    """Show recall of the right page by language, without a model: among the first one and the first five pages.

    `enough` is the share of questions that the rules call answered, `absent` of those they call not in memory.

    Example: jitmem eval languages --data languages.json --only de,ko
    """
    from ..evals.languages import score_languages

    found = list(score_languages(data, _words(only), research=not recall_only))
    if prints_json(ctx):
        say_json(found)
        return
    rows = []
    for one in found:
        shares = (one.recall_at_1, one.recall_at_5, one.enough, one.not_in_memory)
        rows.append((one.language, str(one.questions), *("" if each is None else f"{each:.3f}" for each in shares)))
    say_rows(("language", "questions", "recall@1", "recall@5", "enough", "absent"), rows)


def abstention(
    ctx: typer.Context,
    folder: Annotated[Path, Argument(metavar="FOLDER", help="A card.")],
) -> None:
    """Show what a least confidence would cost: false answers against false abstentions.

    Example: jitmem eval abstention bench-locomo
    """
    from ..evals.abstention import abstention_curve

    curves = abstention_curve(folder)
    if prints_json(ctx):
        say_json(curves)
        return
    for setup, rows in curves.items():
        say(f"{setup}: {rows[0]['absent']} questions without an answer, {rows[0]['present']} with one", "bold")
        shares = [(row["false_answers"], row["false_abstentions"]) for row in rows]
        cells = [
            (f"{row['threshold']}", *(f"{100 * one:.1f} %" for one in pair))
            for row, pair in zip(rows, shares, strict=True)
        ]
        say_rows(("min_confidence", "false answers", "false abstentions"), cells)


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
            found[name] = [_parse_number(name, word) for word in words]
        elif name in _SWITCHES:
            found[name] = [_parse_switch(name, word) for word in words]
        else:
            found[name] = list(words)
    return {name: values for name, values in found.items() if values}


def _parse_number(name: str, word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise BadInput(f"--vary {name} takes numbers of 1 or more separated by commas, as {name}=1,3; got {word!r}.")
    return int(word)


def _parse_switch(name: str, word: str) -> bool:
    if word not in ("on", "off"):
        raise BadInput(f"--vary {name} takes on, off, or on,off; got {word!r}.")
    return word == "on"


def _show(done: EvalResult, *, as_json: bool) -> None:
    if as_json:
        say_json({"card": str(done.folder), **done.summary})
        return
    from ..evals.report import format_score

    rows = []
    for name, one in done.summary["setups"].items():
        cells = [format_score(metric, one["scores"].get(metric, {}).get("all")) for metric in done.metrics]
        rows.append((name, str(one["answered"]), str(one["errors"]), *cells))
    say_rows(("setup", "answered", "errors", *done.metrics), rows)
    say(f"Card: {done.folder}; its report: {done.folder / 'report.md'}")
    if done.plot_error:
        say(done.plot_error)
    if done.outcome.failed:
        say(f"{count(done.outcome.failed, 'question')} ended in an error; the same command runs them again.", "yellow")


def _show_setups(made: Sequence[Comparison], metric: str) -> None:
    rows = [
        (one.b, *_difference_cells(difference, "higher", "lower"))
        for one in made
        for difference in one.differences
        if difference.metric == metric
    ]
    say(f"{metric}; A: {made[0].a}", "bold")
    say_rows(("B", "n", "A", "B", "B - A", "95 % interval", "p", ""), rows)


def _difference_cells(one: Difference, higher: str, lower: str) -> tuple[str, ...]:
    return (
        str(one.n),
        f"{one.a:.4g}",
        f"{one.b:.4g}",
        f"{one.difference:+.4g}",
        f"{one.low:+.4g} to {one.high:+.4g}",
        f"{one.p:.4f}",
        (higher if one.difference > 0 else lower) if one.is_significant else "no difference shown",
    )


def _show_comparison(one: Comparison) -> None:
    say(one.a if one.a == one.b else f"A: {one.a}; B: {one.b}", "bold")
    rows = [(each.metric, *_difference_cells(each, "B is higher", "B is lower")) for each in one.differences]
    say_rows(("metric", "n", "A", "B", "B - A", "95 % interval", "p", ""), rows)
    if one.left_out:
        say(f"{count(one.left_out, 'question')} left out: only one of the two answered.", "yellow")


eval_ = typer.Typer(
    cls=_DataSetFirst,
    help="Measure a memory on public data, and compare two measurements. `jitmem eval locomo --help` shows the options.",
    epilog=split_help(getdoc(run) or "")[1],
    subcommand_metavar="DATASET [OPTIONS] | COMMAND [ARGS]…",
    **STYLE,
)
for _command in (compare, sources, languages, report, abstention):
    eval_.command(cls=JitmemCommand)(_command)
eval_.command(cls=JitmemCommand, hidden=True)(run)
