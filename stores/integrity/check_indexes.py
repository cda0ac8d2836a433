"""Check stored vectors, the marks that count them, and Chroma's folder."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..index.chroma_folder import FOLDER, OPENED
from ..permissions import restrict_permissions
from ..truth.embeddings import SUBJECTS, EmbeddingTable
from ..truth.row_deletion import ERASED_VECTORS
from .findings import FIX, Finding, ReadOnlyTruth, many, some
from .fix import try_lock
from .repairs import VECTOR_TABLES, bad_vectors, former_vectors, label, marks_ahead, models

_OPENINGS = 3
_PROBES = 200  # vectors that Chroma is queried with
_NEAR = 1e-3  # cosine distance of a vector to itself, after float32 and HNSW


def vectors(look: ReadOnlyTruth) -> Iterator[Finding]:
    """Stored vectors, by model and generation."""
    for table in VECTOR_TABLES:
        found = [bad_vectors(look.db, table, label(*one)) for one in models(look.db).items()]
        if count := sum(map(len, found)):
            what = f"{many(count, 'vector')} of table {table} cannot be what the model gave."
            act = f"{FIX} removes them; they are embedded again, which a paid model charges for."
            yield Finding("attention", "indexes", what, act, count, fix="vectors")
    if former := former_vectors(look.db):
        what = f"Vectors of {many(len(former), 'former generation')}."
        names = some(name for _, name in former)
        yield Finding("attention", "indexes", what, f"{FIX} removes them.", len(former), names, "vectors")


def marks(look: ReadOnlyTruth) -> Iterator[Finding]:
    """How far each index claims to have read, against what is there; and what is still to be embedded."""
    for mark, _, missing in marks_ahead(look.db):
        why = f"{many(missing, 'page or item')} before it without vectors" if missing else "its number was never used"
        what = f"The mark {mark!r} is ahead of the truth: {why}."
        act = f"{FIX} lowers it; what is missing is embedded at the next search."
        yield Finding("attention", "indexes", what, act, missing or 1, fix="vectors")
    for model, generation in models(look.db).items():
        left = 0
        for space in look.column("SELECT id FROM namespace"):
            mark = f"embedded:{space}:{label(model, generation)}"
            for done in look.column("SELECT n FROM mark WHERE name = ?", mark):
                left += look.column("SELECT count(*) FROM page WHERE namespace = ? AND seq > ?", space, done)[0]
        if left:
            what = f"{many(left, 'page')} without vectors of {model} yet."
            act = "Nobody has to: the next search, or Memory.flush(), embeds them."
            yield Finding("note", "indexes", what, act, left)


def chroma(look: ReadOnlyTruth) -> Iterator[Finding]:
    """Chroma's collections against the stored vectors, unless another process has them open."""
    folder = look.folder / FOLDER
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    with try_lock(look.folder) as locked:
        if not locked:
            what = "Chroma's folder was not examined: another process has it open, or it cannot be locked."
            yield Finding("note", "indexes", what, "You: close the memory there, and ask again.")
        elif _is_outdated(look, folder):
            act = "Nobody has to: the next search, or `jitmem sweep`, rebuilds it."
            yield Finding("note", "indexes", "Chroma's folder is older than the last erasure.", act)
        else:
            try:
                yield from _collections(look, folder)
            except Exception as error:  # any error of Chroma, its SQLite or its Rust about a folder it cannot read
                yield _rebuild(f"Chroma's folder cannot be read ({type(error).__name__}).")


def _is_outdated(look: ReadOnlyTruth, folder: Path) -> bool:
    """Whether vectors were erased since the folder was created: it is not used any more."""
    erased = look.rows("SELECT n FROM mark WHERE name = ?", ERASED_VECTORS)
    try:
        begun = json.loads((folder / OPENED).read_text(encoding="ascii")).get("erasure", 0)
    except (OSError, ValueError, AttributeError):
        begun = 0
    return bool(begun != (erased[0][0] if erased else 0))


@contextmanager
def client(folder: Path) -> Iterator[Any]:
    """Chroma over a folder; the caller holds its lock."""
    import chromadb
    from chromadb.config import Settings

    # Without it Chroma reads a .env in the working directory.
    settings = Settings(anonymized_telemetry=False, _env_file=None)  # type: ignore[call-arg]
    opened: Any = chromadb.PersistentClient(folder, settings=settings)
    try:
        yield opened
    finally:
        opened.close()
        restrict_permissions(folder)


def _collections(look: ReadOnlyTruth, folder: Path) -> Iterator[Finding]:
    searchable: dict[str, tuple[EmbeddingTable, dict[int, bytes]]] = {}
    with client(folder) as opened:
        there = {one.name: one for one in opened.list_collections()}
        for model, generation in models(look.db).items():
            digest = hashlib.sha256(model.encode()).hexdigest()[:16]
            for subject in SUBJECTS:
                name = f"{subject.name}-{digest}" + (f"-{generation}" if generation else "")
                if name in there:
                    findings, held = _drift(look, subject, label(model, generation), there[name])
                    yield from findings
                    searchable[name] = subject, held
    for name, (subject, held) in searchable.items():
        sample = random.Random(0).sample(sorted(held), min(_PROBES, len(held)))
        if lost := _count_unfound(folder, name, {number: held[number] for number in sample}):
            what = f"Chroma does not find {lost} of {len(sample)} vectors of {subject.name} that it holds."
            yield _rebuild(what, lost)


def _count_unfound(folder: Path, name: str, vectors: dict[int, bytes]) -> int:
    """How many vectors are never the nearest to themselves. Chroma inserts what is not in its graph yet in random order
    at each opening, and may miss a few similar ones: only those that are missed each time count.
    """
    left = dict(vectors)
    for _ in range(_OPENINGS):
        if left:
            with client(folder) as opened:
                found = opened.get_collection(name, embedding_function=None).query(
                    query_embeddings=np.array([np.frombuffer(vector, "<f4") for vector in left.values()]),
                    n_results=1,
                    include=["distances"],
                )["distances"]
            pairs = zip(list(left), found, strict=True)
            left = {number: left[number] for number, near in pairs if not near or near[0] > _NEAR}
    return len(left)


def _drift(
    look: ReadOnlyTruth, subject: EmbeddingTable, of: str, collection: Any
) -> tuple[list[Finding], dict[int, bytes]]:
    """Findings about missing and superfluous vectors; and the vectors that a search should find."""
    table, key = subject.table, subject.key
    read = int((collection.metadata or {}).get("read", 0))
    mark = look.rows("SELECT n FROM mark WHERE name = ?", f"chroma:{collection.id}")
    read = min(read, mark[0][0] if mark else 0)
    ids = {int(one) for one in collection.get(include=[])["ids"]}
    kept = {
        number: vector
        for number, vector in look.each(f"SELECT {key}, vector FROM {table} WHERE model = ? AND n <= ?", of, read)
        if any(vector)
    }
    standing = {
        number for (number,) in look.each(f"SELECT {table}.{key} FROM {table} {subject.owner} WHERE model = ?", of)
    }
    missing = (kept.keys() & standing) - ids
    findings = []
    if missing:
        findings.append(_rebuild(f"Chroma lacks {many(len(missing), 'vector')} of {subject.name}.", len(missing)))
    known = {number for (number,) in look.each(f"SELECT {key} FROM {table} WHERE model = ?", of)}
    if gone := len(ids - known):
        findings.append(_rebuild(f"Chroma holds {many(gone, 'vector')} of {subject.name} that are gone.", gone))
    return findings, {number: kept[number] for number in kept.keys() & standing & ids}


def _rebuild(what: str, count: int = 1) -> Finding:
    return Finding(
        "attention", "indexes", what, f"{FIX} rebuilds the folder; no text is embedded again.", count, fix="chroma"
    )
