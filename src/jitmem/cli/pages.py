"""The commands that read: `recall`, `pages`, `stats` and `graph`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from ..stores.database_urls import hide_password
from ..stores.errors import BadInput
from .output import say, say_exactly, say_json, say_rows, say_text
from .settings import open_memory, prints_json, settings_of

_GRAPHS = ("memorizer", "researcher")


def recall(
    ctx: typer.Context,
    query: Annotated[str, Argument(metavar="WORDS", help="Words to look for.")],
    k: Annotated[int, Option("-k", metavar="N", help="Passages, at most.")] = 10,
    now: Annotated[str | None, Option(metavar="TIME", help="When it is asked.  [default: the clock]")] = None,
) -> None:
    """Find passages, with no chat model. The best match comes first.

    Examples:
      jitmem recall "Ana new job"
      jitmem recall "licence plate of the van" -k 3 --json
    """
    from ..stores.times import format_time

    with open_memory(ctx) as memory:
        hits = memory.recall(query, k, now=now)
        if prints_json(ctx):
            say_json(hits)
            return
        for hit in hits:
            record = memory._runtime.archive.record(hit.record_id)
            about = (f"{hit.score:.2f}", record.id, format_time(record.time), getattr(record, "session_id", ""))
            say("  ".join(filter(None, about)), "bold")
            say_text(f"{hit.dated_text.strip()}\n")
        if not hits:
            say("Nothing found.")


def pages(
    ctx: typer.Context,
    page_id: Annotated[str | None, Argument(metavar="PAGE_ID", help="The page to read; without it, list all.")] = None,
    session: Annotated[str | None, Option(metavar="ID", help="Only the pages of this session.")] = None,
    limit: Annotated[int | None, Option(metavar="N", min=1, help="Only the first N.")] = None,
    versions: Annotated[bool, Option("--versions", help="What --session was before `memorize --update`.")] = False,
) -> None:
    """List the pages, or read one: header, memo and full text. In a pipe the text is word for word; everywhere else
    jitmem writes control and invisible characters as escapes, such as \\u001b.

    Examples:
      jitmem pages --limit 20
      jitmem pages --session 2025-02-15-the-key
      jitmem pages 0m7vt5h1tg5s
    """
    with open_memory(ctx) as memory:
        if versions:
            from .earlier_versions import say_versions

            say_versions(memory, session if page_id is None else None, prints_json(ctx))
            return
        if page_id is not None:
            if session is not None or limit is not None:
                raise BadInput("--session and --limit are for the list; leave them out with a page id.")
            page = memory.page(page_id)
            if prints_json(ctx):
                say_json(page)
                return
            part = f"  part {page.part} of {page.parts}" if page.parts > 1 else ""
            say(f"{page.id}  {page.session_id}{part}", "bold")
            for line in (page.header, page.memo):
                say(line)
            say()
            say_exactly(page.text)
            return
        found = memory.pages(session_id=session, limit=limit)
    if prints_json(ctx):
        say_json(found)
    elif found:
        rows = [(page.id, str(page.time or "-")[:16], page.session_id, page.memo) for page in found]  # to the minute
        say_rows(("page", "time", "session", "memo"), rows)
    else:
        say(f"No page of session {session}." if session else f"No page in namespace {settings_of(ctx).namespace}.")


def stats(ctx: typer.Context) -> None:
    """Count sessions, pages, passages and characters. Sessions that are not filed yet count as waiting.

    Example:
      jitmem stats --json
    """
    with open_memory(ctx) as memory:
        counts: dict[str, Any] = memory.stats()
    if prints_json(ctx):
        say_json({"memory": hide_password(settings_of(ctx).memory), "namespace": settings_of(ctx).namespace, **counts})
        return
    say(f"{hide_password(settings_of(ctx).memory)} (namespace {settings_of(ctx).namespace})", "bold")
    for name, number in counts.items():
        say(f"  {name:<10} {number:>12,}")


def graph(
    ctx: typer.Context,
    name: Annotated[str | None, Argument(metavar="memorizer|researcher", help="One of them.")] = None,
) -> None:
    """Draw the two graphs as Mermaid. They are the same for every memory, so none is opened.

    Examples:
      jitmem graph > graphs.md                  both, as Markdown
      jitmem graph researcher > researcher.mmd
    """
    from tempfile import TemporaryDirectory

    from ..memory import Memory

    if name is not None and name not in _GRAPHS:
        raise BadInput(f"There is no graph {name!r}; there are {' and '.join(_GRAPHS)}.")
    with TemporaryDirectory() as folder, Memory.open(Path(folder, "memory")) as memory:
        drawn = {one: getattr(memory, one).get_graph().draw_mermaid() for one in _GRAPHS}
    if prints_json(ctx):
        say_json(drawn if name is None else {name: drawn[name]})
        return
    if name is not None:
        say_exactly(drawn[name])
        return
    say_exactly("\n".join(f"## {one}\n\n```mermaid\n{text.strip()}\n```\n" for one, text in drawn.items()))
