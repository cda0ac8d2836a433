"""The commands that move a memory: `export`, `import`, `backup`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from ..stores.errors import BadInput
from .output import count, progress, say, say_json
from .where import Where, command

if TYPE_CHECKING:
    from ..transfer.transfer_report import ExportReport, ImportReport

EXPORT_EXAMPLES = """\b
Examples:
  jitmem export > ana.jsonl                    this namespace, as lines of JSON
  jitmem export ana.jsonl --vectors            a file for its owner alone, embeddings too
  jitmem export --all | gzip > all.jsonl.gz    every namespace of the folder
"""
IMPORT_EXAMPLES = """\b
Examples:
  jitmem import ana.jsonl                          into this namespace
  zcat all.jsonl.gz | jitmem import - --all        each namespace under its own name
  jitmem import memories.json --from mem0          what Memory.get_all() gives
  jitmem import store.csv --from langmem           a LangGraph store's items or table
  jitmem import agent.af --from letta              an agent file

All of an export comes in, or nothing; the same file twice is imported once.
"""
BACKUP_EXAMPLES = """\b
Examples:
  jitmem backup /backups/memory-2026-11-21
  jitmem stats --memory /backups/memory-2026-11-21     a backup is a memory
"""
_ORDER = ("session", "page", "item", "version", "proposal", "entry", "share", "retention", "vectors", "probe")
_PLURAL = {"entry": "entries", "retention": "retention rules", "vectors": "vectors"}
_SINGLE = {"retention": "retention rule", "vectors": "vector"}
_Json = Annotated[bool, typer.Option("--json", help="One JSON document that tells what was done.")]


@command
def export(
    where: Where,
    target: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A new file, for its owner alone; without it, standard output.")
    ] = "-",
    every: Annotated[bool, typer.Option("--all", help="Every namespace of the folder, not this one alone.")] = False,
    vectors: Annotated[
        bool, typer.Option("--vectors", help="Embeddings too, so that nobody pays for them again.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Write everything that is kept as lines of JSON, from one moment, whoever writes meanwhile."""
    out = target == "-"
    if out and as_json:
        raise BadInput("--json tells of an export into a file; give its name.")
    with where.look() as memory, progress("Exporting", "lines") as tell:
        sink: Any = sys.stdout.buffer if out else Path(target)
        done = memory.export_to(sink, all_namespaces=every, vectors=vectors, progress=tell)
    if as_json:
        say_json({"file": target, **_exported(done)})
        return
    said = f"Exported {_counts(done.lines) or 'nothing'}: {done.bytes:,} bytes."
    if out:
        print("jitmem:", said, file=sys.stderr)
    else:
        say(said)
        say(f"File: {target}")


@command
def import_(
    where: Where,
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="What was exported, or - for standard input.")],
    from_format: Annotated[
        str | None,
        typer.Option("--from", metavar="WHOM", help="Whose export it is, if another's: mem0, langmem, letta."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Each namespace of the file under its own name, not all in this one.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Add an export to the memory. Nothing that is there is changed; a file in conflict with it is refused whole."""
    file: str | IO[bytes] = sys.stdin.buffer if source == "-" else source
    if isinstance(file, str) and not Path(file).is_file():
        raise BadInput(f"{file}: cannot be read; give a file that exists and may be read.")  # and no memory is made
    things = "bytes" if from_format is None else "memories and sessions"
    with where.think(create=True) as memory, progress("Importing", things) as tell:
        options: dict[str, Any] = {"from_format": from_format, "all_namespaces": every, "progress": tell}
        done = memory.import_from(file, **options)  # type: ignore[arg-type]
    if as_json:
        say_json(done)
        return
    _report(done)
    say(f"Memory: {where.memory}" + ("" if every else f" (namespace {where.namespace})"))


@command
def backup(
    where: Where,
    target: Annotated[str, typer.Argument(metavar="FOLDER", help="A new or an empty folder.")],
    as_json: _Json = False,
) -> None:
    """Copy the whole folder, every namespace, while others write; the copy is checked before it gets its name."""
    with where.look() as memory, progress("Copying", "steps"):
        done = memory.backup(target)
    if as_json:
        say_json(done)
        return
    kept = [count(done.sessions, "session"), count(done.pages, "page"), count(done.items, "item")]
    say(
        f"Backed up {', '.join(kept)} and {done.entries:,} {_things('entry', done.entries)}: {done.bytes:,} bytes, checked."
    )
    say(f"Open it with: --memory {done.path}")


def _exported(done: ExportReport) -> dict[str, Any]:
    return {"lines": dict(done.lines), "bytes": done.bytes, "sha256": done.sha256}


def _report(done: ImportReport) -> None:
    known = _counts(done.known)
    say(f"Imported {_counts(done.new) or 'nothing new'}." + (f" Known already: {known}." if done.known else ""))
    for note in done.notes:
        say(note)


def _counts(counts: Any) -> str:
    told = [f"{counts[key]:,} {_things(key, counts[key])}" for key in _ORDER if counts.get(key)]
    return ", ".join(told)


def _things(type: str, number: int) -> str:
    return _SINGLE.get(type, type) if number == 1 else _PLURAL.get(type, f"{type}s")
