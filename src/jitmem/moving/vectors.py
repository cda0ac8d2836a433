"""Bring embeddings along, so that nobody pays for them again; only those of the very model that is used here."""

from __future__ import annotations

import base64
import json
import math
import sqlite3
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..stores.errors import BadInput
from .dump_vectors import generation
from .moved import Imported

_ALIKE = 0.98  # the cosine of two probes of one model, as `EmbeddingStore` has it


def bring_vectors(db: sqlite3.Connection, done: Imported) -> None:
    """What the tables `staged.…` hold of vectors, into the truth, and how far everything is embedded with them."""
    models = [model for (model,) in db.execute("SELECT DISTINCT model FROM staged.vectors ORDER BY model")]
    for model in models:
        number = generation(db, model)
        label = f"{model} #{number}" if number else model
        dimension = _dimension(db, model, label)
        if isinstance(dimension, str):
            done.notes.append(f"The vectors of {model} were left out: {dimension}. They are made anew when needed.")
            continue
        for row in db.execute(
            "SELECT n, page, item, version, entry, vectors FROM staged.vectors WHERE model = ?", (model,)
        ):
            _bring(db, label, dimension, row, done)
        _advance(db, label)


def _dimension(db: sqlite3.Connection, model: str, label: str) -> int | str:
    """Of the vectors in the file where they are those of the model here; else what speaks against it."""
    row = db.execute("SELECT vector FROM staged.probe WHERE model = ?", (model,)).fetchone()
    if row is None:
        return "the file has no probe by which their model could be known"
    probe = _vector(row[0])
    here = db.execute("SELECT vector FROM probe WHERE model = ?", (label,)).fetchone()
    if here is None:
        kept = any(
            db.execute(f"SELECT 1 FROM {table} WHERE model = ? LIMIT 1", (label,)).fetchone()
            for table in ("embedding", "item_embedding", "entry_embedding")
        )
        if kept:
            return "there are vectors here, and no probe by which their model could be known"
        db.execute("INSERT INTO probe VALUES (?, ?)", (label, probe.tobytes()))
    elif not _alike(probe, np.frombuffer(here[0], "<f4")):
        return "here another model bears this name"
    return len(probe)


def _bring(db: sqlite3.Connection, label: str, dimension: int, row: Any, done: Imported) -> None:
    n, page, item, version, entry, kept = row
    if page is not None:
        table, key = "embedding", "passage"
        owners = db.execute(
            "SELECT passage.seq FROM staged.page AS theirs JOIN main.passage ON passage.page = theirs.target"
            " WHERE theirs.n = ? ORDER BY passage.seq",
            (page,),
        ).fetchall()
    elif item is not None:
        table, key = "item_embedding", "version"
        owners = db.execute(
            "SELECT item_version.n FROM staged.item AS theirs JOIN main.item_version"
            " ON item_version.item = theirs.target WHERE theirs.n = ? AND item_version.version = ?",
            (item, version),
        ).fetchall()
    else:
        table, key = "entry_embedding", "text"
        owners = db.execute(
            "SELECT entry_text.n FROM staged.entry AS theirs JOIN main.entry_text ON entry_text.entry = theirs.target"
            " WHERE theirs.n = ? ORDER BY entry_text.n",
            (entry,),
        ).fetchall()
    vectors = [None if vector is None else _vector(vector) for vector in json.loads(kept)]
    if any(vector is not None and len(vector) != dimension for vector in vectors):
        raise BadInput(f"Line {n}: a vector has another dimension than {dimension}. Nothing was imported.")
    if len(owners) != len(vectors):  # of a page or an entry that is another here
        return
    pairs = [
        (label, seq, vector.tobytes()) for (seq,), vector in zip(owners, vectors, strict=True) if vector is not None
    ]
    came = sum(
        db.execute(f"INSERT INTO {table} (model, {key}, vector) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", pair).rowcount
        for pair in pairs
    )
    if came:
        done.came("vectors", came)
    if len(pairs) > came:
        done.was_known("vectors", len(pairs) - came)


def _advance(db: sqlite3.Connection, label: str) -> None:
    """Up to the first page, and the first item, that has no vector: so far nothing is embedded again."""
    for (target,) in db.execute("SELECT DISTINCT target FROM staged.space").fetchall():
        after = _mark(db, f"embedded:{target}:{label}")
        first, last = db.execute(
            "SELECT (SELECT min(page.seq) FROM page JOIN passage ON passage.page = page.seq WHERE page.namespace = :n"
            "  AND page.seq > :after AND NOT EXISTS"
            "  (SELECT 1 FROM embedding WHERE embedding.model = :label AND embedding.passage = passage.seq)),"
            " (SELECT max(seq) FROM page WHERE namespace = :n)",
            {"n": target, "after": after, "label": label},
        ).fetchone()
        _set(db, f"embedded:{target}:{label}", max(after, first - 1 if first else last or 0))
        after = _mark(db, f"embedded items:{target}:{label}")
        first, last = db.execute(
            "SELECT (SELECT min(v.n) FROM change CROSS JOIN item_version AS v ON v.n = change.n"
            "  CROSS JOIN item ON item.seq = v.item AND item.version = v.version WHERE change.namespace = :n"
            "  AND change.kind = 'item' AND change.n > :after AND content IS NOT NULL AND NOT EXISTS"
            "  (SELECT 1 FROM item_embedding AS e WHERE e.model = :label AND e.version = v.n)),"
            " (SELECT max(n) FROM change WHERE namespace = :n)",
            {"n": target, "after": after, "label": label},
        ).fetchone()
        _set(db, f"embedded items:{target}:{label}", max(after, first - 1 if first else last or 0))


def _mark(db: sqlite3.Connection, name: str) -> int:
    row = db.execute("SELECT n FROM mark WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def _set(db: sqlite3.Connection, name: str, n: int) -> None:
    db.execute(
        "INSERT INTO mark (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = max(n, excluded.n)", (name, n)
    )


def _vector(text: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), "<f4")


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    lengths = math.sqrt(float(one @ one) * float(other @ other)) if len(one) == len(other) else 0.0
    return lengths > 0 and float(one.astype(np.float64) @ other) >= _ALIKE * lengths
