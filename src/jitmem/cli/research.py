"""`jitmem research`: answer a question with a small context in which every statement can be traced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..research import following
from ..stores.errors import BadInput
from .output import citation_rows, console, count, say, say_json, say_rows
from .where import Where, command

if TYPE_CHECKING:
    from ..memory import Memory
    from ..research import Research

EXAMPLES = """\b
Examples:
  jitmem research "Where does Ana work now?"
  jitmem research "When did we move?" --depth 1 --output integration
  jitmem research "Who painted the sign?" --trace
  jitmem research "Who painted the sign?" --json | jq -r .context
"""


@command
def research(
    where: Where,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What you want to know.")],
    depth: Annotated[
        int | None, typer.Option(metavar="N", help="Rounds of searching and reflecting, at most.  [default: 3]")
    ] = None,
    pages: Annotated[int | None, typer.Option(metavar="K", help="Pages that may speak; without it, no limit.")] = None,
    context_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="The context is never longer than this.  [default: 2000]")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FORM", help="integration (statements), snippets (and passages), or pages.  [default: snippets]"
        ),
    ] = None,
    tools: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Searches to use, of keyword,vector,page_id.  [default: all]")
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show what every round asked, found and missed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Plan, search, integrate and reflect until it is enough; then show the context and where it stands."""
    changes = {
        "depth": depth,
        "pages": pages,
        "context_tokens": context_tokens,
        "output": output,
        "tools": None if tools is None else tuple(name.strip() for name in tools.split(",") if name.strip()),
    }
    with where.think() as memory:
        result = _researched(memory, question, changes)
        if as_json:
            say_json(result.as_dict())
            return
        if trace:
            for number, one in enumerate(result.rounds, start=1):
                _show_round(number, one)
        _show(memory, result)


def _researched(memory: Memory, question: str, changes: Mapping[str, Any]) -> Research:
    """As `Memory.research`; on a terminal, stderr tells what is going on."""
    from ..research import Research

    if not question.strip():
        raise BadInput("A question needs at least one word.")
    options = memory._options(**changes)
    err = console(stderr=True)
    state: dict[str, Any] = {}
    with err.status("Planning") if err.is_terminal else nullcontext() as status:
        events: Iterable[Any] = memory.researcher.stream(
            {"question": question}, context=options, stream_mode=["custom", "values"]
        )
        for mode, said in events:
            if mode == "values":
                state = said
            elif status is not None:
                status.update(_news(said))
    return Research.from_state(state)


def _news(event: Mapping[str, Any]) -> Any:
    from rich.text import Text  # text, as a question may hold what rich takes for markup

    match event["event"]:
        case "planned":
            news = f"Searching: {event['request']}"
        case "found":
            news = f"{event['tool']} found {count(event['hits'], 'passage')}"
        case "integrated":
            news = f"{count(len(event['statements']), 'statement')} so far; reflecting"
        case _:
            missing = ", ".join(event["missing"])
            news = f"Round {event['round']}: " + ("enough" if event["enough"] else f"still missing {missing}")
    return Text(news)


def _show_round(number: int, one: Mapping[str, Any]) -> None:
    say(f"Round {number}: {one['request']}", "bold")
    for need in one["needs"]:
        say(f"  need       {need}")
    for query in one["queries"]:
        say(f"  {query['tool']:<10} {query['text']}  ({count(query['hits'], 'hit')})")
    if not one["queries"]:
        say("  no query that was not asked before")
    for statement in one["statements"]:
        say(f"  statement  {' '.join(statement.split())}")
    if one["missing"]:
        say(f"  missing    {', '.join(one['missing'])}")
    if one["next"]:
        say(f"  next       {following(one)}")
    say(f"  enough     {'yes' if one['enough'] else 'no'}\n")


def _show(memory: Memory, result: Research) -> None:
    say(result.context or "The context is empty.")
    if result.citations:
        say()
        say_rows(("mark", "page", "time", "session"), citation_rows(memory, result.citations))
    say()
    if result.unmet:
        say(f"Unmet: {', '.join(result.unmet)}")
    say(f"Stopped: {result.stopped}, after {count(len(result.rounds), 'round')}.")
