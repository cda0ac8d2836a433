"""`jitmem memorize`: file sessions from files, folders and standard input."""

from __future__ import annotations

import sys
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from ..formats import HistoryFile, history_files
from ..stores.database_urls import hide_password
from ..stores.errors import BadInput, JitmemError
from ..stores.records import Filed, Session, Usage
from .errors import BAD_INPUT, FAILED, complain
from .output import count, progress, say, say_json, usage_text
from .settings import open_memory, prints_json, settings_of

if TYPE_CHECKING:
    from ..memory import Memory
    from ..settings import Settings


@dataclass
class _Run:
    """The result so far: `read` of `files`, ids of `accepted` sessions; `bad` counts what could not be read."""

    files: int = 0
    read: int = 0
    bad: int = 0
    resumed: list[Filed] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    filed: list[Filed] = field(default_factory=list)

    def refuse(self, error: JitmemError) -> None:
        self.bad += 1
        complain(error)


def memorize(
    ctx: typer.Context,
    paths: Annotated[list[str], Argument(metavar="FILE|DIR|-...", help="Files, folders, or - for stdin.")],
    format: Annotated[
        str | None,
        Option(
            metavar="FORMAT",
            help="A name that `jitmem formats` lists.  [default: as the content shows]",
            autocompletion=lambda incomplete: import_module(".shell_values", __package__).formats(incomplete),
        ),
    ] = None,
    day_first: Annotated[
        bool | None, Option("--day-first/--month-first", help="How 11/04/2025 is read where a file leaves it open.")
    ] = None,
    time: Annotated[str | None, Option(metavar="WHEN", help="When the session was; for one only.")] = None,
    session: Annotated[str | None, Option(metavar="ID", help="The id of the session; for one only.")] = None,
    update: Annotated[bool, Option("--update", help="File what was edited as a new version of its session.")] = False,
) -> None:
    """File sessions from files, folders or standard input. Each becomes one page or several, word for word, with a short memo.

    Examples:
      jitmem memorize notes/                              every text, note, chat, transcript and mail below
      jitmem memorize export.zip                          the export of a chat program
      jitmem memorize chat.md --time "8 May 2023 13:56"   one session, and when it was
      jitmem --memory ./work memorize log.jsonl           one session or message a line
      pbpaste | jitmem memorize - --session standup       standard input

    The same session twice is kept once, and a run that was stopped is finished by the next one.
    """
    started = clock.perf_counter()
    run = _Run()
    sessions = _sessions(run, _files(run, paths), format, day_first)
    if time is not None or session is not None:
        sessions = iter([_the_one(list(sessions), time, session)])
    first = next(sessions, None)
    if first is None:
        raise typer.Exit(BAD_INPUT)  # no memory is created for nothing
    with open_memory(ctx, create=True) as memory:
        try:
            _keep(run, memory, chain([first], sessions), update)
        except (KeyboardInterrupt, Exception):
            if waiting := memory.stats()["waiting"]:
                complain(
                    f"{count(waiting, 'session')} kept but not filed yet; run the same command again to file the rest"
                )
            raise
    _report(run, settings_of(ctx), clock.perf_counter() - started, as_json=prints_json(ctx))
    if run.bad:
        raise typer.Exit(FAILED)


def _files(run: _Run, paths: list[str]) -> list[HistoryFile]:
    """Each file of the paths, named by its place in the folder that was given."""
    files: list[HistoryFile] = []
    for path in paths:
        try:
            files += history_files(Path(path), complain) if path != "-" else [HistoryFile("-", sys.stdin.buffer.read)]
        except BadInput as error:
            run.refuse(error)
    return files


def _sessions(
    run: _Run, files: list[HistoryFile], format: str | None, day_first: bool | None
) -> Iterator[tuple[str, Session]]:
    """Every session with the name of its file, read lazily; a bad file does not stop the others."""
    run.files = len(files)
    for file in files:
        try:
            found = file.sessions(format, day_first)
        except BadInput as error:
            empty = len(files) > 1 and type(error).__name__ == "EmptyHistory"  # a log in which nobody says anything
            (complain if empty else run.refuse)(error)
        else:
            run.read += 1
            yield from ((file.name, one) for one in found)


def _the_one(sessions: list[tuple[str, Session]], time: str | None, id: str | None) -> tuple[str, Session]:
    if len(sessions) != 1:
        raise BadInput(
            f"--time and --session are for one session, and these are {len(sessions)}; write times and ids in the files"
        )
    [(name, one)] = sessions
    return name, replace(one, id=one.id if id is None else id, time=one.time if time is None else time)


def _keep(run: _Run, memory: Memory, sessions: Iterator[tuple[str, Session]], update: bool) -> None:
    """File sessions left by an earlier run, accept the new ones into the journal, then file those."""
    with progress("Finishing what was left", "sessions") as advance:
        run.resumed = memory.resume(progress=advance)
    with progress("Reading", "files") as advance:
        for name, session in sessions:
            advance(run.read, run.files)
            try:
                run.accepted.append(memory.accept(session, update=update))
            except BadInput as error:
                run.refuse(BadInput(f"{name}: {error}"))
    with progress("Filing", "sessions") as advance:
        run.filed = memory.resume(progress=advance)


def _report(run: _Run, settings: Settings, seconds: float, *, as_json: bool) -> None:
    finished = {one.session_id for one in run.resumed}
    new = [one for one in run.filed if not one.duplicate]
    known = len(run.accepted) - len(new) - len(finished.intersection(run.accepted))
    pages = sum(len(one.page_ids) for one in [*run.resumed, *new])
    if as_json:
        place = {"memory": hide_password(settings.memory), "namespace": settings.namespace}
        say_json({**place, "files": run.read, "known": known, "problems": run.bad, "filed": [*run.resumed, *new]})
        return
    filed = f"Filed {count(len(new), 'session')}"
    if run.resumed:
        filed += f", and {len(run.resumed):,} that an interrupted run had left"
    say(f"{filed}: {count(pages, 'page')} from {count(run.read, 'file')} in {seconds:.1f} s.")
    if known:
        say(f"{count(known, 'session')} known already.")
    usage = Usage.of(step for one in [*run.resumed, *run.filed] for step in one.usage.steps)
    if usage.calls:
        say(f"Models: {usage_text(usage)}.")
    if failed := sum(bool(one.failures) for one in [*run.resumed, *run.filed]):
        say(f"{count(failed, 'session')} in which a model failed and rules answered.")
    if run.bad:
        say(f"{count(run.bad, 'problem')}, named above; everything else is kept.")
    say(f"Memory: {hide_password(settings.memory)} (namespace {settings.namespace})")
