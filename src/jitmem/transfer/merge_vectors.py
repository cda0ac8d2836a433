"""Import embeddings, so that they are not paid for again; only those of the model that is used here."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..stores.errors import BadInput
from ..stores.truth.database import Connection
from ..stores.truth.embeddings import SUBJECTS, is_same_model, vector_label
from .transfer_report import ImportReport

TABLES = (*(subject.table for subject in SUBJECTS), "entry_embedding")
# By kind of owner: the table and columns of its vectors, and the rows they belong to, in order.
_OWNERS = {
    "page": (
        "embedding (model, passage, vector)",
        "SELECT passage.seq FROM staged.page AS theirs JOIN main.passage ON passage.page = theirs.target"
        " WHERE theirs.n = :page ORDER BY passage.seq",
    ),
    "item": (
        "item_embedding (model, version, vector)",
        "SELECT item_version.n FROM staged.item AS theirs JOIN main.item_version ON item_version.item = theirs.target"
        " WHERE theirs.n = :item AND item_version.version = :version",
    ),
    "entry": (
        "entry_embedding (model, text, vector)",
        "SELECT entry_text.n FROM staged.entry AS theirs JOIN main.entry_text ON entry_text.entry = theirs.target"
        " WHERE theirs.n = :entry ORDER BY entry_text.n",
    ),
}
# The first page, and the first item, without a vector: embedding continues there.
_EMBEDDED = {
    "embedded": "SELECT (SELECT min(page.seq) FROM page JOIN passage ON passage.page = page.seq"
    "  WHERE page.namespace = :target AND page.seq > :after AND NOT EXISTS"
    "  (SELECT 1 FROM embedding WHERE embedding.model = :label AND embedding.passage = passage.seq)),"
    " (SELECT max(seq) FROM page WHERE namespace = :target)",
    "embedded items": "SELECT (SELECT min(v.n) FROM change CROSS JOIN item_version AS v ON v.n = change.n"
    "  CROSS JOIN item ON item.seq = v.item AND item.version = v.version WHERE change.namespace = :target"
    "  AND change.kind = 'item' AND change.n > :after AND content IS NOT NULL AND NOT EXISTS"
    "  (SELECT 1 FROM item_embedding AS e WHERE e.model = :label AND e.version = v.n)),"
    " (SELECT max(n) FROM change WHERE namespace = :target)",
}


def merge_vectors(db: Connection, report: ImportReport) -> None:
    """Copy the staged vectors into the truth, and advance the cursors up to which everything is embedded."""
    for (model,) in db.execute("SELECT DISTINCT model FROM staged.vectors ORDER BY model").fetchall():
        label = vector_label(model, generation(db, model))
        dimension = _dimension(db, model, label)
        if isinstance(dimension, str):
            report.notes.append(f"The vectors of {model} were left out: {dimension}. They are computed when needed.")
            continue
        rows = db.execute("SELECT n, page, item, version, entry, vectors FROM staged.vectors WHERE model = ?", (model,))
        for n, page, item, version, entry, vectors in rows:
            owners = {"page": page, "item": item, "version": version, "entry": entry}
            _add(db, label, dimension, n, owners, json.loads(vectors), report)
        for (target,) in db.execute("SELECT DISTINCT target FROM staged.space").fetchall():
            for name, query in _EMBEDDED.items():
                _advance(db, f"{name}:{target}:{label}", query, {"target": target, "label": label})


def generation(db: Connection, model: str) -> int:
    """The newest generation of a model's vectors, as `EmbeddingStore` counts them."""
    return _cursor(db, f"generation:{model}")


def _dimension(db: Connection, model: str, label: str) -> int | str:
    """The dimension of the vectors if they are from the model used here, or the reason why they are left out."""
    row = db.execute("SELECT vector FROM staged.probe WHERE model = ?", (model,)).fetchone()
    if row is None:
        return "the file has no probe that identifies their model"
    probe = _decode(row[0])
    here = db.execute("SELECT vector FROM probe WHERE model = ?", (label,)).fetchone()
    if here is None:
        for table in TABLES:
            if db.execute(f"SELECT 1 FROM {table} WHERE model = ? LIMIT 1", (label,)).fetchone():
                return "there are vectors here, and no probe that identifies their model"
        db.execute("INSERT INTO probe VALUES (?, ?)", (label, probe.tobytes()))
    elif not (probe.any() and is_same_model(probe, np.frombuffer(here[0], "<f4"))):
        return "here another model has this name"
    return len(probe)


def _add(
    db: Connection,
    label: str,
    dimension: int,
    line: int,
    owners: dict[str, Any],
    encoded: list[str | None],
    report: ImportReport,
) -> None:
    vectors = [None if one is None else _decode(one) for one in encoded]
    if any(vector is not None and len(vector) != dimension for vector in vectors):
        raise BadInput(f"Line {line}: a vector has another dimension than {dimension}. Nothing was imported.")
    table, query = next(_OWNERS[kind] for kind in _OWNERS if owners[kind] is not None)
    rows = db.execute(query, owners).fetchall()
    if len(rows) != len(vectors):  # an entry that expired, or whose texts are others here
        return
    pairs = [(seq, vector.tobytes()) for (seq,), vector in zip(rows, vectors, strict=True) if vector is not None]
    insert = f"INSERT INTO {table} VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    added = sum(db.execute(insert, (label, *pair)).rowcount for pair in pairs)
    report.add("vectors", added, len(pairs) - added)


def _advance(db: Connection, name: str, query: str, values: dict[str, Any]) -> None:
    after = _cursor(db, name)
    first, last = db.execute(query, values | {"after": after}).fetchone()
    db.execute(
        "INSERT INTO mark (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = max(mark.n, excluded.n)",
        (name, max(after, first - 1 if first else last or 0)),
    )


def _cursor(db: Connection, name: str) -> int:
    row = db.execute("SELECT n FROM mark WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def _decode(text: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), "<f4")
