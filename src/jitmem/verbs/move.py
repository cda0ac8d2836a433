"""Move a memory: out, in, and aside."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Literal

from ..stores.errors import BadInput, JitmemError, StoreFull, StoreReadOnly
from .opened import Opened

if TYPE_CHECKING:
    from ..parts import Parts
    from ..stores.backup import Backup
    from ..transfer.importers import ImportTarget
    from ..transfer.transfer_report import ExportReport, ImportReport

Place = str | os.PathLike[str]
Tell = Callable[[int, int], None] | None
Source = Literal["mem0", "langmem", "letta"]


class Moving(Opened):
    """Verbs that take a memory elsewhere, and bring one in."""

    def export_to(
        self,
        target: Place | IO[bytes],
        *,
        all_namespaces: bool = False,
        vectors: bool = False,
        progress: Tell = None,
    ) -> ExportReport:
        """This namespace, or all of the folder, as lines of JSON into a new file (0600) or an open binary one.

        It is one committed state, however long it takes and whoever writes meanwhile. What retention hides is left out.
        With `vectors` the embeddings go along. `progress` is told how many lines are written, and of about how many.
        `BadInput` if there is something at `target` already. The format stands in docs/moving.md.
        """
        from .. import __version__
        from ..transfer.write_export import write_export

        names = None if all_namespaces else [self._parts.archive.pages.namespace.name]

        def write(file: IO[bytes]) -> ExportReport:
            return write_export(
                self._parts.database, names, file.write, vectors=vectors, version=__version__, progress=progress
            )

        return write(target) if not isinstance(target, str | os.PathLike) else _written(Path(target), write)

    async def aexport_to(
        self,
        target: Place | IO[bytes],
        *,
        all_namespaces: bool = False,
        vectors: bool = False,
        progress: Tell = None,
    ) -> ExportReport:
        """`export_to`, awaited."""
        return await asyncio.to_thread(
            self.export_to, target, all_namespaces=all_namespaces, vectors=vectors, progress=progress
        )

    def import_from(
        self,
        source: Place | BinaryIO,
        *,
        from_format: Source | None = None,
        all_namespaces: bool = False,
        progress: Tell = None,
    ) -> ImportReport:
        """What `export_to` wrote, into this namespace, or with `all_namespaces` each into the one of its name.

        What is missing is added, with its ids; what is here with the same id and content is skipped and counted. An id
        that is here with other content is a conflict: `ImportConflict` names the first ten, and nothing is imported.
        With `from_format` what other memories export: their memories become items, as far as this memory's rules for
        edits allow, and their messages sessions. `progress` is told how many bytes, sessions or memories are done, and
        of how many. `BadInput` names the line that is wrong.
        """
        if from_format is not None:
            from ..transfer.importers import import_foreign

            if all_namespaces:
                raise BadInput("Other memories know no namespaces of ours; import into one at a time.")
            with _opened(source) as (file, name, _):
                return import_foreign(_import_target(self._parts), from_format, file, name, progress)
        from ..transfer.merge_export import import_export

        namespace = None if all_namespaces else self._parts.archive.pages.namespace.name
        with _opened(source) as (file, name, size):
            tell = None if progress is None else lambda done: progress(done, max(size, done))
            return import_export(self._parts.database, namespace, file, name, tell)

    async def aimport_from(
        self,
        source: Place | BinaryIO,
        *,
        from_format: Source | None = None,
        all_namespaces: bool = False,
        progress: Tell = None,
    ) -> ImportReport:
        """`import_from`, awaited."""
        return await asyncio.to_thread(
            self.import_from, source, from_format=from_format, all_namespaces=all_namespaces, progress=progress
        )

    def backup(self, target: Place) -> Backup:
        """A copy of the whole folder, every namespace, as a memory of its own in the new folder `target`.

        It is one committed state, whoever writes meanwhile, and checked before it gets its name. Indexes are not
        copied; they are made anew when the copy is opened. `NotOurStore` if there is something at `target` already.
        """
        from ..stores.backup import backup

        return backup(self._parts.database, Path(target))

    async def abackup(self, target: Place) -> Backup:
        """`backup`, awaited."""
        return await asyncio.to_thread(self.backup, target)


def _import_target(parts: Parts) -> ImportTarget:
    from ..batch import accept, filed, run
    from ..graphs.memorizer import memorizer
    from ..nodes.run_step import Backends
    from ..transfer.importers import ImportTarget

    graph = memorizer(
        parts.archive,
        parts.item_index,
        parts.editor,
        parts.embedder,
        Backends({}, parts.backends.rules),
        parts.memorize_options.model_copy(update={"curate": False}),
    )
    return ImportTarget(
        archive=parts.archive,
        editor=parts.editor,
        core_tokens=parts.editing.core_tokens,
        file_records=lambda session: filed(graph.invoke({"session": session})),
        file_sessions=lambda sessions, progress: run(
            parts, accept(parts, sessions), 8 if parts.waits_for_memos else 1, progress
        ),
    )


@contextmanager
def _opened(source: Place | BinaryIO) -> Iterator[tuple[BinaryIO, str, int]]:
    """A source as an open binary file, its name for messages, and its size in bytes (0 where nobody knows)."""
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


def _written(target: Path, write: Callable[[IO[bytes]], ExportReport]) -> ExportReport:
    """Under another name first: a file that has its name is whole."""
    if target.exists():
        raise BadInput(f"{target} is there already; give a new name, an export never goes over a file.")
    draft = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            done = write(file)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, target)
    except FileExistsError as error:
        raise BadInput(f"{target} was made by somebody else meanwhile; give a new name.") from error
    except PermissionError as error:
        raise StoreReadOnly(f"No permission to write {target}; choose a folder you can write.") from error
    except OSError as error:
        full = StoreFull if error.errno == 28 else JitmemError
        raise full(f"{target} cannot be written ({error.strerror or error}); no export was made.") from error
    finally:
        with suppress(OSError):
            draft.unlink()
    return done
