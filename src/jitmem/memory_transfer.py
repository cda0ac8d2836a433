"""`memory.transfer`: export, import and backup of a memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Literal

from .async_twin import async_twin
from .stores.errors import BadInput, JitmemError, StoreFull, StoreReadOnly

if TYPE_CHECKING:
    from .runtime import MemoryRuntime
    from .stores.records import Progress
    from .stores.truth.backup import Backup
    from .transfer.importers import ImportTarget
    from .transfer.transfer_report import ExportReport, ImportReport

PathLike = str | os.PathLike[str]
Source = Literal["mem0", "langmem", "letta"]


class MemoryTransfer:
    """Export, import and backup: `memory.transfer`."""

    def __init__(self, runtime: MemoryRuntime) -> None:
        self._runtime = runtime

    def export(
        self,
        target: PathLike | IO[bytes],
        *,
        all_namespaces: bool = False,
        vectors: bool = False,
        progress: Progress | None = None,
    ) -> ExportReport:
        """Write this namespace, or the whole folder, as JSON lines into a new file (0600) or an open binary one.

        It is one committed state, while other processes may write. Records hidden by retention are left out. With
        `vectors` the embeddings are included. `progress` gets the number of lines written, and an estimate of all.
        `BadInput` if `target` exists. docs/moving.md describes the format.
        """
        from . import __version__
        from .transfer.write_export import write_export

        runtime = self._runtime
        names = None if all_namespaces else [runtime.namespace.name]

        def write(file: IO[bytes]) -> ExportReport:
            return write_export(
                runtime.database, names, file.write, vectors=vectors, version=__version__, progress=progress
            )

        return _write_new_file(Path(target), write) if isinstance(target, str | os.PathLike) else write(target)

    def import_(
        self,
        source: PathLike | BinaryIO,
        *,
        from_format: Source | None = None,
        all_namespaces: bool = False,
        rules: bool = False,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Import what `export` wrote, into this namespace, or with `all_namespaces` each namespace under its own name.

        Missing records are added, with their ids; existing ones with the same content are skipped and counted. An
        existing id with other content is a conflict: `ImportConflict` names the first ten, and nothing is imported.
        Shares, retention rules and proposals are put aside and named in `put_aside`, unless `rules` asks for them.
        With `from_format` the file is the export of another memory: its memories become items, as far as `ItemOptions`
        allows, and its messages sessions. `progress` gets the number of bytes, sessions or memories done, and of all.
        `BadInput` names the line that is wrong.
        """
        runtime = self._runtime
        if from_format is not None:
            from .transfer.importers import import_foreign

            if all_namespaces or rules:
                raise BadInput(
                    "all_namespaces (--all) and rules (--rules) are for exports of jitmem; import other formats without."
                )
            with _open_source(source) as (file, name, _):
                return import_foreign(_import_target(runtime), from_format, file, name, progress)
        from .transfer.merge_export import import_export

        namespace = None if all_namespaces else runtime.namespace.name
        with _open_source(source) as (file, name, size):
            advance = None if progress is None else lambda done: progress(done, max(size, done))
            return import_export(runtime.database, namespace, file, name, advance, rules=rules)

    def backup(self, target: PathLike) -> Backup:
        """Copy the whole folder, every namespace, as a memory of its own into the new folder `target`.

        It is one committed state, verified before it gets its name, while other processes may write. Indexes are not
        copied; they are rebuilt when the copy is opened. `NotOurStore` if `target` is not empty, `BadInput` in PostgreSQL.
        """
        from .stores.truth.backup import backup
        from .stores.truth.database import SqliteDatabase

        database = self._runtime.database
        if not isinstance(database, SqliteDatabase):
            raise BadInput(
                f"A backup of {database.path} is its server's: pg_dump of the schema, or a base backup with"
                " point-in-time recovery. `export` (jitmem export --all) writes a file that a folder can import."
            )
        return backup(database, Path(target))

    aexport = async_twin(export)
    aimport_ = async_twin(import_)
    abackup = async_twin(backup)


def _import_target(runtime: MemoryRuntime) -> ImportTarget:
    from .batch import accept, file_all, to_filed
    from .graphs.memorizer import memorizer
    from .nodes.run_step import Backends
    from .transfer.importers import ImportTarget

    graph = memorizer(
        runtime.archive,
        runtime.item_index,
        runtime.editor,
        runtime.embedder,
        Backends({}, runtime.backends.rules),
        runtime.memorize_options.model_copy(update={"curate": False}),
    )
    return ImportTarget(
        archive=runtime.archive,
        editor=runtime.editor,
        core_tokens=runtime.item_options.core_tokens,
        file_records=lambda session: to_filed(graph.invoke({"session": session})),
        file_sessions=lambda sessions, progress: file_all(runtime, accept(runtime, sessions), progress=progress),
    )


@contextmanager
def _open_source(source: PathLike | BinaryIO) -> Iterator[tuple[BinaryIO, str, int]]:
    """Open the source: a binary file, its name for messages, and its size in bytes (0 if unknown)."""
    if not isinstance(source, str | os.PathLike):
        yield source, str(getattr(source, "name", "") or "the file"), 0
        return
    try:
        file = open(source, "rb")  # noqa: SIM115
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{source}: cannot be read ({reason}); give a file that exists and may be read.") from error
    with file:
        yield file, str(source), os.fstat(file.fileno()).st_size


def _write_new_file(target: Path, write: Callable[[IO[bytes]], ExportReport]) -> ExportReport:
    """Write under a temporary name first: a file with the final name is always complete."""
    if target.exists():
        raise BadInput(f"{target} exists; give a new name, an export never overwrites a file.")
    draft = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            done = write(file)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, target)
    except FileExistsError as error:
        raise BadInput(f"{target} was created by another process; give a new name.") from error
    except PermissionError as error:
        raise StoreReadOnly(f"No permission to write {target}; choose a folder you can write.") from error
    except OSError as error:
        full = StoreFull if error.errno == 28 else JitmemError
        raise full(f"{target} cannot be written ({error.strerror or error}); no export was made.") from error
    finally:
        with suppress(OSError):
            draft.unlink()
    return done
