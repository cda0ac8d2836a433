"""`jitmem research`: answer a question with a small context whose statements are cited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer import Argument, Option

from .output import below, citation_rows, count, say, say_json, say_rows, say_text, usage_text
from .settings import open_memory, prints_json

if TYPE_CHECKING:
    from ..memory import Memory
    from ..results import Research


def research(
    ctx: typer.Context,
    question: Annotated[str, Argument(metavar="QUESTION", help="What you want to know.")],
    effort: Annotated[
        Literal["recall", "fast", "deep"] | None,
        Option(envvar="JITMEM_EFFORT", show_envvar=False, help="How thorough.  [env: JITMEM_EFFORT; default: deep]"),
    ] = None,
    depth: Annotated[int | None, Option(metavar="N", help="Rounds, at most.  [default: 3]")] = None,
    breadth: Annotated[
        str | None,
        Option(metavar="NAME", help="auto, narrow (the best passages) or wide (many pages).  [default: auto]"),
    ] = None,
    now: Annotated[str | None, Option(metavar="TIME", help="When it is asked.  [default: the clock]")] = None,
    answer: Annotated[bool, Option("--answer", help="Also give a short answer from the context.")] = False,
    pages: Annotated[
        int | None, Option(metavar="K", help="Pages that passages may come from.  [default: no limit]")
    ] = None,
    context_tokens: Annotated[
        int | None, Option(metavar="N", help="Size of the context, at most.  [default: 2000]")
    ] = None,
    output: Annotated[
        str | None, Option(metavar="FORM", help="integration, snippets or pages.  [default: snippets]")
    ] = None,
    tools: Annotated[str | None, Option(metavar="NAMES", help="Of keyword,vector,page_id.  [default: all]")] = None,
    budget: Annotated[
        str | None, Option(metavar="NAME=N,…", help="The most of calls, tokens in and out, or seconds.")
    ] = None,
    estimate: Annotated[bool, Option("--estimate", help="Only estimate the cost; no chat model is called.")] = False,
    trace: Annotated[bool, Option("--trace", help="Show the requests, hits and gaps of every round.")] = False,
) -> None:
    """Answer a question with a small, cited context. Plans, searches, integrates and reflects until it is enough.

    Examples:
      jitmem research "Where does Ana work now?"
      jitmem research "When did we move?" --depth 1 --output integration
      jitmem research "Who painted the sign?" --trace
      jitmem research "In what order did we repair the mill?" --breadth wide
      jitmem research "What did we do last week?" --now 2025-03-14
      jitmem research "Who painted the sign?" --effort fast --answer --budget tokens=8000
      jitmem research "Who painted the sign?" --json | jq -r .context
    """
    if budget is not None:
        from .assignments import assignments
    options: dict[str, Any] = {
        "effort": effort,
        "depth": depth,
        "pages": pages,
        "context_tokens": context_tokens,
        "output": output,
        "tools": None if tools is None else tuple(name.strip() for name in tools.split(",") if name.strip()),
        "budget": None if budget is None else assignments(budget.split(","), "--budget"),
        "answer": answer,
        "breadth": breadth,
        "now": now,
    }
    with open_memory(ctx) as memory:
        if estimate:
            from .research_details import show_estimate

            show_estimate(memory.estimate(question, **options), as_json=prints_json(ctx))
            return
        if below("stderr").isatty():
            from .terminal import research_with_status

            result = research_with_status(memory, question, options)
        else:
            result = memory.research(question, **options)
        if prints_json(ctx):
            say_json(result.as_dict())
            return
        if trace:
            from .research_details import show_round

            for number, one in enumerate(result.rounds, start=1):
                show_round(number, one)
        _show(memory, result)


def _show(memory: Memory, result: Research) -> None:
    say_text(result.context or "The context is empty.")
    if result.citations:
        say()
        say_rows(("mark", "page", "time", "session"), citation_rows(memory, result.citations))
    say()
    if result.answer is not None:
        marks = "".join(f" [{result.citations.index(citation) + 1}]" for citation in result.answer_citations)
        say(f"Answer: {result.answer}{marks}" if result.answer else "Answer: not in the context", "bold")
    if result.unmet:
        say(f"Unmet: {', '.join(result.unmet)}")
    say(f"Stopped: {result.stopped}, after {count(len(result.rounds), 'round')}.")
    for failure in result.failures:
        say(f"Failed: {failure['step']}: {failure['message']}", "yellow")
    if result.usage.calls:
        say(f"Models: {usage_text(result.usage)}.")
