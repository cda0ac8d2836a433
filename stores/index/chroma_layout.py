"""Inspect a Chroma folder before Chroma opens it: nothing may be in it but what Chroma and this package write.

Chroma builds the embedding functions that its own tables name, takes names of folders from them, and reads the graph's
files without checks. So every table, row kind and file is compared with what is expected, by SQLite alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..truth.foreign_content import ends_in_super_journal
from .hnsw_files import GRAPH_FILES, find_graph_fault, find_unreached

DATABASE = "chroma.sqlite3"
OWN_FILES = frozenset({DATABASE, f"{DATABASE}-journal", "opened", "trial"})
KNOWN = {
    "schema": "08ecfb93076003cf7611f4d992005ee333092d660da5dccb66a94b42517535cd",
    "passages": "db8819c0f2c34f642a24271233e3202276434674a61d49ddd42dedd9f418ca31",
    "items": "3a4d11493d2b55e28a6ed50045815589d09d6c21191fbbf7ddc745932e1a69c9",
}
"""Digests of what chromadb 1.5.9 writes. Another version's are taken from a folder that it makes."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COLLECTION = re.compile(r"(passages|items)-[0-9a-f]{16}(-\d{1,12})?")
_PLACE = "00000000-0000-0000-0000-000000000000"  # Chroma's only database
_MOST_COLLECTIONS, _MOST_THREADS, _MOST_DIMENSIONS = 1000, 4096, 65_536
_MOST_BYTES, _MOST_S = 1 << 20, 60.0  # of one row, and of the queries
_SEGMENTS = {
    ("urn:chroma:segment/vector/hnsw-local-persisted", "VECTOR"),
    ("urn:chroma:segment/metadata/sqlite", "METADATA"),
}
_FIXED = {  # tables whose rows are the same in every folder of one version of Chroma
    "migrations": "SELECT dir, version, filename, hash FROM migrations ORDER BY dir, version LIMIT 99",
    "tenants": "SELECT id FROM tenants ORDER BY id LIMIT 9",
    "databases": "SELECT id, name, tenant_id FROM databases ORDER BY id LIMIT 9",
    "embeddings_queue_config": "SELECT id, config_json_str FROM embeddings_queue_config ORDER BY id LIMIT 9",
}
_FOREIGN_ROWS = {  # queries that give a row only where the table holds what is never written
    "collection_metadata": "key IS NOT 'read' OR typeof(int_value) != 'integer' OR str_value IS NOT NULL"
    " OR float_value IS NOT NULL OR bool_value IS NOT NULL",
    "segment_metadata": "1",
    "maintenance_log": "1",
    "embedding_metadata": "key IS NOT 'namespace' OR typeof(int_value) != 'integer' OR string_value IS NOT NULL"
    " OR float_value IS NOT NULL OR bool_value IS NOT NULL",
    "embedding_metadata_array": "1",
    "embedding_fulltext_search_content": "1",
    "embeddings": "typeof(embedding_id) != 'text' OR embedding_id GLOB '*[^0-9]*'"
    " OR segment_id NOT IN (SELECT id FROM segments)",
    "embeddings_queue": "operation NOT IN (0, 1, 2, 3) OR typeof(id) != 'text' OR id GLOB '*[^0-9]*'"
    " OR encoding NOT IN ('FLOAT32') OR metadata IS NOT NULL"
    " AND metadata IS NOT '{\"namespace\":' || json_extract(metadata, '$.namespace') || '}'"
    " OR topic NOT IN (SELECT 'persistent://default/default/' || id FROM collections)",
    "max_seq_id": "typeof(seq_id) != 'integer' OR segment_id NOT IN (SELECT id FROM segments)",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """What the tables of a Chroma folder say of themselves."""

    schema: Mapping[str, str]
    """Definitions, by kind and name; of the tables in `_FIXED` their rows too, by table."""
    collections: Mapping[str, tuple[str, str]]
    """By name: its subject, and its configuration in canonical JSON."""

    def digests(self) -> dict[str, str]:
        """By what they are of: the schema, and each subject's configuration."""
        forms = dict(self.collections.values())
        return {name: _digest(form) for name, form in {"schema": json.dumps(self.schema), **forms}.items()}


class ForeignFolder(Exception):
    """The reason why a folder is not one that Chroma and this package have written."""


def find_foreign(folder: Path, *, roll_back: bool = True) -> str | None:
    """Why the folder must not be opened; None for one that is missing, empty, or all ours.

    A journal that a killed owner left is rolled back first, which only the new owner may do; without `roll_back` the
    tables are then not looked at.
    """
    try:
        _check_kinds(folder)
        journal = folder / f"{DATABASE}-journal"
        if journal.exists() and ends_in_super_journal(journal):
            raise ForeignFolder(f"{journal.name} names another file")
        if (folder / DATABASE).exists() and (roll_back or not journal.exists()):
            _check_database(folder, "rw" if journal.exists() else "ro")
    except ForeignFolder as error:
        return str(error)
    except (sqlite3.Error, OSError, ValueError, TypeError, RecursionError) as error:
        return f"it cannot be read ({type(error).__name__})"
    return None


def _check_kinds(folder: Path) -> None:
    """Folders are folders and files are files, under one name each, and no others are there."""
    for path, is_folder in _entries(folder):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise ForeignFolder(f"{path.name!r} is a symbolic link")
        if not (stat.S_ISDIR(mode) if is_folder else stat.S_ISREG(mode)):
            raise ForeignFolder(f"{path.name!r} is not a {'folder' if is_folder else 'file'}")
        if not is_folder and path.lstat().st_nlink > 1:
            raise ForeignFolder(f"{path.name!r} is also known by another name (a hard link)")


def _entries(folder: Path) -> Iterator[tuple[Path, bool]]:
    """`(path, whether it should be a folder)` of all that lies there; each is yielded before it is looked into."""
    yield folder, True
    for path in sorted(folder.iterdir()):
        if path.name in OWN_FILES:
            yield path, False
        elif _UUID.fullmatch(path.name):
            yield path, True
            for file in sorted(path.iterdir()):
                if file.name not in GRAPH_FILES:
                    raise ForeignFolder(f"it holds a file {file.name!r}, which Chroma does not make")
                yield file, False
        else:
            raise ForeignFolder(f"it holds {path.name!r}, which Chroma does not make")


def find_unreached_vectors(folder: Path) -> dict[str, list[int]]:
    """By collection: the numbers whose vectors no search of its graph finds. Only for a folder that is not foreign."""
    path = folder / DATABASE
    if not path.exists() or not path.stat().st_size or path.with_name(f"{DATABASE}-journal").exists():
        return {}
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        segments = "SELECT name, segments.id FROM segments JOIN collections ON collections.id = collection"
        rows = db.execute(f"{segments} WHERE scope = 'VECTOR'").fetchall()
    return {name: found for name, segment in rows if (found := find_unreached(folder / segment))}


def _check_database(folder: Path, mode: str) -> None:
    path = folder / DATABASE
    with path.open("rb") as file:
        header = file.read(100)
    if not header:
        return  # a killed owner made it and wrote nothing
    if header[18:20] != b"\1\1":
        raise ForeignFolder(f"{DATABASE} is no SQLite file in the mode that Chroma uses")
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=5)) as db:
        db.execute("PRAGMA trusted_schema = OFF")
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
        until = time.monotonic() + _MOST_S
        db.set_progress_handler(lambda: time.monotonic() > until, 100_000)
        _check_layout(read_layout(db))
        _check_rows(db)
        for segment, collection in db.execute("SELECT id, collection FROM segments WHERE scope = 'VECTOR'").fetchall():
            dimension, form = db.execute(
                "SELECT dimension, schema_str FROM collections WHERE id = ?", (collection,)
            ).fetchone()
            hnsw = json.loads(form)["keys"]["#embedding"]["float_list"]["vector_index"]["config"]["hnsw"]
            if fault := find_graph_fault(folder / segment, dimension, hnsw["max_neighbors"]):
                raise ForeignFolder(f"the graph of {segment} cannot be Chroma's: {fault}")


def read_layout(db: sqlite3.Connection) -> Layout:
    """`ForeignFolder` for more than Chroma would ever hold, before it is read."""
    objects = db.execute(
        "SELECT type || ' ' || name, tbl_name || ' ' || coalesce(sql, '') FROM sqlite_master LIMIT 200"
    )
    schema = {name: hashlib.sha256(sql.encode()).hexdigest() for name, sql in sorted(objects)}
    for table, query in _FIXED.items():
        if f"table {table}" in schema:
            schema[f"rows of {table}"] = _digest(json.dumps(db.execute(query).fetchall()))
    if "table collections" not in schema:
        return Layout(schema, {})
    found: dict[str, tuple[str, str]] = {}
    for name, *config in db.execute("SELECT name, config_json_str, schema_str FROM collections"):
        if len(found) == _MOST_COLLECTIONS:
            raise ForeignFolder(f"it has more than {_MOST_COLLECTIONS:,} collections")
        if not (match := _COLLECTION.fullmatch(str(name))):
            raise ForeignFolder(f"it has a collection {str(name)!r:.60}")
        found[str(name)] = match[1], _canonical(str(name), *config)
    return Layout(schema, found)


def _canonical(name: str, config: str, schema: str) -> str:
    """The configuration of a collection, without what differs between machines, and before and after the first vector."""
    try:
        known = json.loads(schema)
        config_of = [known["defaults"]["float_list"], known["keys"]["#embedding"]["float_list"]]
        for one in config_of:
            threads = one["vector_index"]["config"]["hnsw"].pop("num_threads")
            if not (type(threads) is int and 0 < threads <= _MOST_THREADS):
                raise ValueError
        namespace = known["keys"].pop("namespace", None)
        if namespace not in (None, {"int": {"int_inverted_index": {"enabled": True, "config": {}}}}):
            raise ValueError
        return json.dumps([json.loads(config), known], sort_keys=True)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise ForeignFolder(f"the configuration of its collection {name!r} is not Chroma's") from None


def _check_layout(layout: Layout) -> None:
    known = KNOWN
    if any(known.get(name) != digest for name, digest in layout.digests().items()):
        expected = installed_layout()
        known = expected.digests()
        if changed := sorted(
            name
            for name in layout.schema.keys() | expected.schema
            if layout.schema.get(name) != expected.schema.get(name)
        ):
            raise ForeignFolder(f"its database has another schema than Chroma gives it: {', '.join(changed[:9])}")
    for name, (subject, form) in layout.collections.items():
        if _digest(form) != known[subject]:
            raise ForeignFolder(f"its collection {name!r} is configured otherwise, or names a function to embed with")


def _check_rows(db: sqlite3.Connection) -> None:
    for segment, kind, scope, collection in db.execute("SELECT id, type, scope, collection FROM segments"):
        if not _UUID.fullmatch(str(segment)) or (kind, scope) not in _SEGMENTS or not _UUID.fullmatch(str(collection)):
            raise ForeignFolder(f"it has a segment {str(segment)!r:.60} of {str(kind)!r:.60}")
    orphan = "SELECT collection FROM segments WHERE collection NOT IN (SELECT id FROM collections) LIMIT 1"
    if found := db.execute(orphan).fetchone():
        raise ForeignFolder(f"it has a segment of no collection ({found[0]})")
    for collection, name, dimension, place in db.execute("SELECT id, name, dimension, database_id FROM collections"):
        if not _UUID.fullmatch(str(collection)) or place != _PLACE:
            raise ForeignFolder(f"its collection {name!r} is {str(collection)!r:.60} in {place!r:.60}")
        if dimension is not None and not (type(dimension) is int and 0 < dimension <= _MOST_DIMENSIONS):
            raise ForeignFolder(f"its collection {name!r} has {dimension!r:.60} dimensions")
    for table, condition in _FOREIGN_ROWS.items():
        if db.execute(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1").fetchone():
            raise ForeignFolder(f"its table {table} holds what is never written into it")


@lru_cache(maxsize=1)
def installed_layout() -> Layout:
    """Of a folder that the installed Chroma makes now, for a version that was not known here."""
    import chromadb
    from chromadb.config import Settings

    from .chroma_vectors import HNSW

    with tempfile.TemporaryDirectory() as place:
        settings = Settings(anonymized_telemetry=False, _env_file=None)  # type: ignore[call-arg]
        client: Any = chromadb.PersistentClient(place, settings=settings)
        try:
            for subject, hnsw in HNSW.items():
                client.get_or_create_collection(
                    f"{subject}-{'0' * 16}", embedding_function=None, configuration={"hnsw": hnsw}
                )
        finally:
            client.close()
        with closing(sqlite3.connect(Path(place, DATABASE))) as db:
            return read_layout(db)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
