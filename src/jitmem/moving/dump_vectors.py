"""Write embeddings: of every model, those of its newest generation."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from typing import Any


def vectors(db: sqlite3.Connection, namespace: int) -> Iterator[dict[str, Any]]:
    """Of every model, those of its newest generation."""
    for model, label in _models(db):
        probe = db.execute("SELECT vector FROM probe WHERE model = ?", (label,)).fetchone()
        if probe:
            yield {"type": "probe", "model": model, "vector": _base64(probe[0])}
        for name, query in _KEPT.items():
            for of, owner in db.execute(_OWNERS[name], (namespace,)):
                kept = [_base64(vector) for (vector,) in db.execute(query, (label, owner))]
                if any(kept):
                    yield {
                        "type": "vectors",
                        "model": model,
                        **dict(zip(_NAMED[name], json.loads(of), strict=True)),
                    } | {"vectors": kept}


_NAMED = {"page": ("page",), "item": ("item", "version"), "entry": ("path", "key")}
_OWNERS = {
    "page": "SELECT json_array(id), seq FROM standing_page WHERE namespace = ? ORDER BY seq",
    "item": "SELECT json_array(id, version), (SELECT n FROM item_version WHERE item_version.item = item.seq"
    " AND item_version.version = item.version) FROM standing_item AS item WHERE namespace = ?"
    " AND sketch IS NOT NULL ORDER BY seq",
    "entry": "SELECT json_array(json(labels), key), entry.n FROM entry_path JOIN entry ON entry.path = entry_path.n"
    " WHERE entry_path.namespace = ? AND (expires_at IS NULL OR expires_at > (julianday('now') - 2440587.5) * 86400)"
    " ORDER BY entry_path.n, entry.n",
}
_KEPT = {
    "page": "SELECT vector FROM passage LEFT JOIN embedding ON embedding.passage = passage.seq AND model = ?"
    " WHERE passage.page = ? ORDER BY passage.seq",
    "item": "SELECT vector FROM item_embedding WHERE model = ? AND version = ?",
    "entry": "SELECT vector FROM entry_text LEFT JOIN entry_embedding ON entry_embedding.text = entry_text.n"
    " AND model = ? WHERE entry = ? ORDER BY entry_text.n",
}


def _models(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Each embedding model with what its newest vectors are filed under, in the order of their names."""
    found = set()
    for table in ("embedding", "item_embedding", "entry_embedding"):
        found |= {label for (label,) in db.execute(f"SELECT DISTINCT model FROM {table}")}
    return sorted((model, label) for label in found if (model := model_of(db, label)))


def model_of(db: sqlite3.Connection, label: str) -> str | None:
    """The embedding model whose newest vectors are filed under a label; None for those of a former generation."""
    model, mark, number = label.rpartition(" #")
    if not mark or not number.isdecimal():
        model, number = label, "0"
    return model if generation(db, model) == int(number) else None


def generation(db: sqlite3.Connection, model: str) -> int:
    """The newest of a model's vectors, as `EmbeddingStore` counts them."""
    row = db.execute("SELECT n FROM mark WHERE name = ?", (f"generation:{model}",)).fetchone()
    return int(row[0]) if row else 0


def _base64(vector: bytes | None) -> str | None:
    return None if vector is None else base64.b64encode(vector).decode()
