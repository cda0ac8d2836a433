"""`jitmem work`: a process that files what waits in the journals of a folder."""

from __future__ import annotations

import signal
from typing import Annotated, NoReturn

import typer
from typer import Option

from ..maintenance import maintain, start_maintaining
from ..session_worker import file_waiting
from ..session_worker import work as work_on
from ..stores.records import Filed
from .errors import FAILED, complain
from .output import count, say, say_json
from .settings import open_memory, prints_json


def work(
    ctx: typer.Context,
    once: Annotated[bool, Option("--once", help="End when nothing waits that nobody else files.")] = False,
) -> None:
    """File what waits in the journal, until interrupted. It takes sessions of every namespace that were accepted for later,
    and those that a process which died has left. Several may run at once: each session is filed by one. Every ten minutes it
    finishes erasures that are open and, in PostgreSQL, builds the vector indexes of large namespaces.

    Examples:
      jitmem work --memory ~/memory --model openai:gpt-4.1-mini    until it is interrupted
      jitmem work --memory ~/memory --once                         until nothing waits

    What another process files is left to it until its lease ends, after 300 seconds or JITMEM_LEASE_S. Exit code 1 with
    --once: a model failed, and some sessions still wait.
    """
    total = pages = 0

    def report(namespace: str, filed: list[Filed]) -> None:
        nonlocal total, pages
        total, pages = total + len(filed), pages + sum(len(one.page_ids) for one in filed)
        if prints_json(ctx) and not once:
            for one in filed:
                say_json({"namespace": namespace, "session": one.session_id, "page_ids": list(one.page_ids)})
        elif filed and not once:
            say(f"Filed {count(len(filed), 'session')} of {namespace}.")

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with open_memory(ctx) as memory:
        if not once:
            start_maintaining(memory._runtime)
            work_on(memory._runtime, report, complain)
        failed = file_waiting(memory._runtime, report)
        maintain(memory._runtime)
    if prints_json(ctx):
        say_json({"sessions": total, "pages": pages, "failed": None if failed is None else str(failed)})
    else:
        say(f"Filed {count(total, 'session')}: {count(pages, 'page')}.")
    if failed is not None:
        complain(failed)
        raise typer.Exit(FAILED)
