"""The commands that move a memory: `export`, `import`, `backup`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from ..stores.database_urls import hide_password
from ..stores.errors import BadInput
from .output import below, count, progress, say, say_json
from .settings import open_memory, prints_json, settings_of

if TYPE_CHECKING:
    from ..transfer.transfer_report import ImportReport

_ORDER = ("session", "page", "item", "version", "proposal", "entry", "share", "retention", "vectors", "probe")
_NAMES = {"retention": "retention rule", "vectors": "vector"}


def export(
    ctx: typer.Context,
    target: Annotated[str, Argument(metavar="[FILE]", help="A new file.  [default: standard output]")] = "-",
    every: Annotated[bool, Option("--all", help="Every namespace of the folder, not only this one.")] = False,
    vectors: Annotated[bool, Option("--vectors", help="Include the embeddings.")] = False,
) -> None:
    """Write the memory as JSON lines. The file is one committed state; other processes may write meanwhile.

    Examples:
      jitmem export > ana.jsonl                    this namespace, as lines of JSON
      jitmem export ana.jsonl --vectors            a file for its owner alone, embeddings too
      jitmem export --all | gzip > all.jsonl.gz    every namespace of the folder
    """
    out = target == "-"
    if out and prints_json(ctx):
        raise BadInput("--json is for an export into a file; give its name.")
    sink: Any = Path(target)
    if out and below("stdout").isatty():
        from .terminal import TerminalSink

        sink = TerminalSink()
    elif out:
        sink = sys.stdout.buffer
    with open_memory(ctx) as memory, progress("Exporting", "lines") as advance:
        done = memory.transfer.export(sink, all_namespaces=every, vectors=vectors, progress=advance)
    if prints_json(ctx):
        say_json({"file": target, "lines": dict(done.lines), "bytes": done.bytes, "sha256": done.sha256})
        return
    summary = f"Exported {_counts(done.lines) or 'nothing'}: {done.bytes:,} bytes."
    if out:
        print("jitmem:", summary, file=sys.stderr)
    else:
        say(summary)
        say(f"File: {target}")


def import_(
    ctx: typer.Context,
    source: Annotated[str, Argument(metavar="FILE|-", help="The exported file, or - for standard input.")],
    from_format: Annotated[
        str | None, Option("--from", metavar="WHOM", help="The format of another memory: mem0, langmem or letta.")
    ] = None,
    every: Annotated[bool, Option("--all", help="Each namespace under its own name.")] = False,
    rules: Annotated[bool, Option("--rules", help="Take its shares, retention rules and proposals too.")] = False,
) -> None:
    """Import an export of jitmem or of another memory. Existing records are never changed; on a conflict nothing is imported.

    Examples:
      jitmem import ana.jsonl                          into this namespace
      zcat all.jsonl.gz | jitmem import - --all        each namespace under its own name
      jitmem import memories.json --from mem0          the result of Memory.get_all()
      jitmem import store.csv --from langmem           a LangGraph store's items or table
      jitmem import agent.af --from letta              an agent file

    An export is imported as a whole or not at all; importing it again changes nothing. Its shares, retention rules and
    proposals are put aside and listed: take them with --rules where you trust who made the file.
    """
    file: str | IO[bytes] = sys.stdin.buffer if source == "-" else source
    if isinstance(file, str) and not Path(file).is_file():
        raise BadInput(
            f"{file}: cannot be read; give a file that exists and may be read."
        )  # before a memory is created
    things = "bytes" if from_format is None else "memories and sessions"
    with open_memory(ctx, create=True) as memory, progress("Importing", things) as advance:
        options: dict[str, Any] = {
            "from_format": from_format,
            "all_namespaces": every,
            "rules": rules,
            "progress": advance,
        }
        done = memory.transfer.import_(file, **options)  # type: ignore[arg-type]
    if prints_json(ctx):
        say_json(done)
        return
    _report(done)
    say(
        f"Memory: {hide_password(settings_of(ctx).memory)}"
        + ("" if every else f" (namespace {settings_of(ctx).namespace})")
    )


def backup(
    ctx: typer.Context,
    target: Annotated[str, Argument(metavar="FOLDER", help="A new or an empty folder.")],
) -> None:
    """Copy the whole folder while other processes may write. The copy is verified before it gets its name.

    Examples:
      jitmem backup /backups/memory-2026-11-21
      jitmem stats --memory /backups/memory-2026-11-21     a backup is a memory
    """
    with open_memory(ctx) as memory, progress("Copying", "steps"):
        done = memory.transfer.backup(target)
    if prints_json(ctx):
        say_json(done)
        return
    counts = [count(done.sessions, "session"), count(done.pages, "page"), count(done.items, "item")]
    say(f"Backed up {', '.join(counts)} and {count(done.entries, 'entry')}: {done.bytes:,} bytes, checked.")
    say(f"Open it with: --memory {done.path}")


def _report(done: ImportReport) -> None:
    known = _counts(done.known)
    say(f"Imported {_counts(done.new) or 'nothing new'}." + (f" Known already: {known}." if done.known else ""))
    for note in done.notes:
        say(note)
    if done.put_aside:
        say("Put aside; if you trust who made the file, import it into a new namespace with --rules:")
        for one in done.put_aside:
            say(f"  {one}")


def _counts(counts: Any) -> str:
    return ", ".join(count(counts[key], _NAMES.get(key, key)) for key in _ORDER if counts.get(key))
