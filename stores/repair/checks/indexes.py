"""Vectors against what they are of, marks against what they count, and Chroma against both."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from ...chroma_folder import FOLDER, OPENED
from ...embeddings import SUBJECTS, Subject
from ...forgetting.forget import ERASED_VECTORS
from ...owner_only import close_to_others
from ..repairs import bad_vectors, former_vectors, label, marks_ahead, models
from .finding import FIX, Finding, Look, many, some

_OPENINGS = 3
_PROBED = 200  # vectors that Chroma is asked for again
_NEAR = 1e-3  # cosine distance of a vector to itself, after float32 and HNSW


def vectors(look: Look) -> Iterator[Finding]:
    """On file, by model and generation."""
    bad: dict[str, int] = {}
    for model, generation in models(look.db).items():
        for table in ("embedding", "item_embedding", "entry_embedding"):
            if found := bad_vectors(look.db, table, label(model, generation)):
                bad[table] = bad.get(table, 0) + len(found)
    for table, count in bad.items():
        yield Finding(
            "attention",
            "indexes",
            f"{many(count, 'vector')} of table {table} cannot be what the model gave.",
            f"{FIX} removes them; they are embedded again, which a paid model charges for.",
            count,
            fix="vectors",
        )
    former = former_vectors(look.db)
    if former:
        yield Finding(
            "attention",
            "indexes",
            f"Vectors of {many(len(former), 'generation')} that {'is' if len(former) == 1 else 'are'} over.",
            f"{FIX} removes them.",
            len(former),
            some(name for _, name in former),
            "vectors",
        )


def marks(look: Look) -> Iterator[Finding]:
    """How far each index says it has read, against what is there; and what is still to be embedded."""
    for mark, _, missing in marks_ahead(look.db):
        what = f"{many(missing, 'page or item')} before it without vectors" if missing else "of numbers that never were"
        yield Finding(
            "attention",
            "indexes",
            f"The mark {mark!r} is ahead of the truth: {what}.",
            f"{FIX} puts it back; what is missing is embedded at the next search.",
            missing or 1,
            fix="vectors",
        )
    for model, generation in models(look.db).items():
        left = 0
        for (space,) in look.rows("SELECT id FROM namespace"):
            mark = f"embedded:{space}:{label(model, generation)}"
            done = look.rows("SELECT n FROM mark WHERE name = ?", mark)
            if done:
                rows = look.rows("SELECT count(*) FROM page WHERE namespace = ? AND seq > ?", space, done[0][0])
                left += rows[0][0]
        if left:
            yield Finding(
                "note",
                "indexes",
                f"{many(left, 'page')} without vectors of {model} yet.",
                "Nobody has to: the next search, or Memory.flush(), embeds them.",
                left,
            )


def chroma(look: Look) -> Iterator[Finding]:
    """Its collections against the vectors on file, where no other process has them open."""
    folder = look.folder / FOLDER
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    with owned(look.folder) as free:
        if not free:
            yield Finding(
                "note",
                "indexes",
                "Chroma's folder was not looked at: another process has it open, or it cannot be locked.",
                "You: close the memory there, and ask again.",
            )
            return
        if _older(look, folder):
            yield Finding(
                "note",
                "indexes",
                "Chroma's folder is older than the last erasure.",
                "Nobody has to: the next search, or `jitmem sweep`, makes it anew.",
            )
            return
        try:
            yield from _collections(look, folder)
        except Exception as error:  # whatever Chroma, its SQLite or its Rust says of a folder that it cannot read
            yield _rebuilt(f"Chroma's folder cannot be read ({type(error).__name__}).")


def _older(look: Look, folder: Path) -> bool:
    """Whether something was erased since the folder was begun: then it is not used any more."""
    erased = look.rows("SELECT n FROM mark WHERE name = ?", ERASED_VECTORS)
    try:
        begun = json.loads((folder / OPENED).read_text(encoding="ascii")).get("erasure", 0)
    except (OSError, ValueError, AttributeError):
        begun = 0
    return bool(begun != (erased[0][0] if erased else 0))


@contextmanager
def owned(folder: Path) -> Iterator[bool]:
    """Whether Chroma's folder is ours for the while."""
    path = folder / f".{FOLDER}.lock"
    lock = FileLock(path, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def client(folder: Path) -> Iterator[Any]:
    """Chroma over a folder; whoever asks owns its lock."""
    import chromadb
    from chromadb.config import Settings

    # Chroma would read a .env of its own accord, wherever the process was started.
    settings = Settings(anonymized_telemetry=False, _env_file=None)  # type: ignore[call-arg]
    opened: Any = chromadb.PersistentClient(folder, settings=settings)
    try:
        yield opened
    finally:
        opened.close()
        close_to_others(folder)


def _collections(look: Look, folder: Path) -> Iterator[Finding]:
    asked: dict[str, tuple[Subject, dict[int, bytes]]] = {}
    with client(folder) as opened:
        there = {one.name: one for one in opened.list_collections()}
        for model, generation in models(look.db).items():
            digest = hashlib.sha256(model.encode()).hexdigest()[:16]
            for subject in SUBJECTS:
                name = f"{subject.name}-{digest}" + (f"-{generation}" if generation else "")
                if name in there:
                    findings, held = _drift(look, subject, label(model, generation), there[name])
                    yield from findings
                    asked[name] = subject, held
    for name, (subject, held) in asked.items():
        sample = random.Random(0).sample(sorted(held), min(_PROBED, len(held)))
        if lost := _unfound(folder, name, {number: held[number] for number in sample}):
            what = f"Chroma does not find {lost} of {len(sample)} vectors of {subject.name} that it holds."
            yield _rebuilt(what, lost)


def _unfound(folder: Path, name: str, vectors: dict[int, bytes]) -> int:
    """How many vectors are never the nearest to themselves. What Chroma has not written to its graph yet it lays out
    by chance at each opening, and may then lose a few that are much alike: only those that are lost each time count.
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


def _drift(look: Look, subject: Subject, of: str, collection: Any) -> tuple[list[Finding], dict[int, bytes]]:
    """What is missing and what is superfluous; and the vectors that a search should find."""
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
        findings.append(_rebuilt(f"Chroma lacks {many(len(missing), 'vector')} of {subject.name}.", len(missing)))
    known = {number for (number,) in look.each(f"SELECT {key} FROM {table} WHERE model = ?", of)}
    if gone := len(ids - known):
        findings.append(_rebuilt(f"Chroma holds {many(gone, 'vector')} of {subject.name} that are gone.", gone))
    return findings, {number: kept[number] for number in kept.keys() & standing & ids}


def _rebuilt(what: str, count: int = 1) -> Finding:
    return Finding(
        "attention", "indexes", what, f"{FIX} builds the folder anew; no text is embedded again.", count, fix="chroma"
    )
