"""What came through LangGraph's BaseStore: JSON objects under a path of labels and a key, the last value of each."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .database import Connection, log_change, read_back
from .embeddings import validate_vectors, vector_label
from .namespace import Namespace

Path = tuple[str, ...]

_FROM = "FROM entry_path JOIN entry ON entry.path = entry_path.n"
_ENTRY = f"SELECT entry.n, labels, key, value, created_at, updated_at, ttl {_FROM}"
_LIVE = (
    "entry_path.namespace = (SELECT id FROM namespace WHERE name = :name) AND (expires_at IS NULL OR expires_at > :now)"
    """ AND labels NOT LIKE '["jitmem.versions",%'"""  # earlier versions of sessions, see session_versions.py
)
_ORDER = "ORDER BY entry_path.n, entry.n"
_MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """As it stands; `ttl` in minutes from the last access, None for one that stays."""

    n: int
    path: Path
    key: str
    value: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    ttl: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryWrite:
    """A value to be kept, or with None the entry to be deleted. `texts` are what of it is searched."""

    path: Path
    key: str
    value: dict[str, Any] | None
    texts: Sequence[str] = ()
    ttl: float | None = None


@dataclass(frozen=True, slots=True)
class SearchableText:
    """A text of an entry as a search reads it; `vector` is float32, None while the text is not embedded."""

    entry: int
    stems: str
    vector: bytes | None


class Entries:
    """Of one namespace; thread- and process-safe. What has expired is gone at once, and swept by the next write.

    Entries come in the order in which their paths, and in a path their keys, were first used. Vectors are those of
    `model`, by generation, as an `EmbeddingStore` counts them.
    """

    def __init__(self, namespace: Namespace, model: str) -> None:
        self.namespace = namespace
        self.model = model

    # -- reading -------------------------------------------------------------------------------------------

    def get(self, path: Path, key: str) -> Entry | None:
        found = self._select(
            f"{_ENTRY} WHERE {_LIVE} AND labels = :labels AND key = :key", labels=_labels(path), key=key
        )
        return _entry(found[0]) if found else None

    def under(self, prefix: Path, *, limit: int | None = None, offset: int = 0) -> Iterator[Entry]:
        """Every entry whose path begins with the labels of `prefix`, from one committed state."""
        condition, values = _under(prefix)
        count = -1 if limit is None else limit
        query = f"{_ENTRY} WHERE {_LIVE}{condition} {_ORDER} LIMIT :count OFFSET :offset"
        return map(_entry, self._select(query, **values, count=count, offset=offset))

    def by_numbers(self, numbers: Sequence[int]) -> list[Entry]:
        """Entries by their number, in the order asked for; those that are gone are left out."""
        query = f"{_ENTRY} WHERE {_LIVE} AND entry.n IN (SELECT value FROM json_each(:numbers))"
        rows = self._select(query, numbers=json.dumps(list(numbers)))
        found = {row[0]: row for row in rows}
        return [_entry(found[n]) for n in numbers if n in found]

    def paths(self) -> list[Path]:
        """Every path with an entry, in the order of their first use."""
        rows = self._select(f"SELECT DISTINCT entry_path.n, labels {_FROM} WHERE {_LIVE} ORDER BY entry_path.n")
        with read_back("A path of the store"):
            return [tuple(json.loads(labels)) for _, labels in rows]

    # -- writing -------------------------------------------------------------------------------------------

    def apply(self, puts: Sequence[EntryWrite], refreshed: Iterable[int] = ()) -> None:
        """All of it in one transaction: entries that were read live on, the expired go, and the values are put."""
        now = time.time()
        with self.namespace.database.write() as db:
            namespace = self.namespace.enter(db)
            db.executemany(
                f"UPDATE entry SET expires_at = ? + ttl * {_MINUTE_S} WHERE n = ? AND expires_at > ?",
                [(now, n, now) for n in refreshed],
            )
            left = self._sweep(db, namespace, now)
            for put in puts:
                left.add(
                    self._delete(db, namespace, put)
                    if put.value is None
                    else self._write_entry(db, namespace, put, now)
                )
            db.executemany(
                "DELETE FROM entry_path WHERE n = ? AND NOT EXISTS (SELECT 1 FROM entry WHERE path = entry_path.n)",
                [(path,) for path in left],
            )

    def _sweep(self, db: Connection, namespace: int, now: float) -> set[int]:
        expired = db.execute(
            "SELECT entry.n, path FROM entry JOIN entry_path ON entry_path.n = entry.path"
            " WHERE expires_at <= ? AND namespace = ?",
            (now, namespace),
        ).fetchall()
        for n, _ in expired:
            db.execute("DELETE FROM entry WHERE n = ?", (n,))
            log_change(db, namespace, "entry", n, "expire", "store")
        return {path for _, path in expired}

    def _write_entry(self, db: Connection, namespace: int, put: EntryWrite, now: float) -> int:
        key = (namespace, _labels(put.path))
        db.execute("INSERT INTO entry_path (namespace, labels) VALUES (?, ?) ON CONFLICT DO NOTHING", key)
        path = self._path(db, *key)
        at = datetime.now(UTC).isoformat()
        n = db.execute(
            "INSERT INTO entry (path, key, value, created_at, updated_at, ttl, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (path, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at,"
            " ttl = excluded.ttl, expires_at = excluded.expires_at RETURNING n",
            (path, put.key, _json(put.value), at, at, put.ttl, None if put.ttl is None else now + put.ttl * _MINUTE_S),
        ).fetchone()[0]
        self._index(db, n, put.texts)
        log_change(db, namespace, "entry", n, "put", "store")
        return path

    def _index(self, db: Connection, n: int, texts: Sequence[str]) -> None:
        """Texts that stay the same keep their vectors: they are not paid for again."""
        analyzer = self.namespace.database.analyzer
        wanted = [(n, text, analyzer.name) for text in texts]
        if (
            wanted
            != db.execute("SELECT entry, text, analyzer FROM entry_text WHERE entry = ? ORDER BY n", (n,)).fetchall()
        ):
            db.execute("DELETE FROM entry_text WHERE entry = ?", (n,))
            db.executemany(
                "INSERT INTO entry_text (entry, text, analyzer, stems) VALUES (?, ?, ?, ?)",
                [(*row, " ".join(analyzer.stems(row[1]))) for row in wanted],
            )

    def _delete(self, db: Connection, namespace: int, put: EntryWrite) -> int:
        path = self._path(db, namespace, _labels(put.path))
        row = db.execute("DELETE FROM entry WHERE path = ? AND key = ? RETURNING n", (path, put.key)).fetchone()
        if row is not None:
            log_change(db, namespace, "entry", row[0], "delete", "store")
        return path

    @staticmethod
    def _path(db: Connection, namespace: int, labels: str) -> int:
        row = db.execute("SELECT n FROM entry_path WHERE namespace = ? AND labels = ?", (namespace, labels)).fetchone()
        return row[0] if row else 0

    # -- searching -----------------------------------------------------------------------------------------

    def searchable_texts(self, prefix: Path, generation: int) -> list[SearchableText]:
        """The searchable texts under a prefix, in the order of their entries."""
        condition, values = _under(prefix)
        analyzer = self.namespace.database.analyzer
        rows = self._select(
            "SELECT entry.n, CASE analyzer WHEN :analyzer THEN stems END,"
            " CASE analyzer WHEN :analyzer THEN '' ELSE entry_text.text END, vector"
            f" {_FROM} JOIN entry_text ON entry_text.entry = entry.n"
            " LEFT JOIN entry_embedding ON entry_embedding.model = :label AND entry_embedding.text = entry_text.n"
            f" WHERE {_LIVE}{condition} {_ORDER}, entry_text.n",
            **values,
            analyzer=analyzer.name,
            label=vector_label(self.model, generation),
        )
        return [
            SearchableText(n, " ".join(analyzer.stems(text)) if stored is None else stored, v)
            for n, stored, text, v in rows
        ]

    def missing(self, prefix: Path, generation: int, limit: int) -> list[tuple[int, str]]:
        """Texts under a prefix that are still to be embedded, each with its number; at most `limit`."""
        condition, values = _under(prefix)
        return self._select(
            f"SELECT entry_text.n, entry_text.text {_FROM} JOIN entry_text ON entry_text.entry = entry.n WHERE NOT EXISTS"
            " (SELECT 1 FROM entry_embedding WHERE entry_embedding.model = :label AND entry_embedding.text = entry_text.n)"
            f" AND {_LIVE}{condition} LIMIT :limit",
            **values,
            label=vector_label(self.model, generation),
            limit=limit,
        )

    def keep(self, generation: int, numbers: Sequence[int], vectors: Sequence[Sequence[float]]) -> bool:
        """Write the vectors of some texts; False, and nothing is written, if those on file have another dimension.

        `ModelReplyError` for a wrong number of vectors, ragged dimensions, or values that are not finite. Vectors
        of former generations are deleted.
        """
        matrix = validate_vectors(self.model, numbers, vectors)
        label = vector_label(self.model, generation)
        with self.namespace.database.write() as db:
            row = db.execute("SELECT length(vector) FROM entry_embedding WHERE model = ? LIMIT 1", (label,)).fetchone()
            if row is not None and row[0] != matrix[0].nbytes:
                return False
            # A text may have been deleted since it was read.
            db.executemany(
                "INSERT INTO entry_embedding (model, text, vector) SELECT ?, n, ? FROM entry_text WHERE n = ?"
                " ON CONFLICT DO NOTHING",
                [(label, vector.tobytes(), n) for n, vector in zip(numbers, matrix, strict=True)],
            )
            if generation:
                former = (self.model, f"{self.model} #", label)
                db.execute("DELETE FROM entry_embedding WHERE model = ? OR (model >= ? AND model < ?)", former)
        return True

    # ------------------------------------------------------------------------------------------------------

    def _select(self, query: str, **values: Any) -> list[Any]:
        """The rows of a query with `_LIVE` in it."""
        return self.namespace.database.fetch(query, {"name": self.namespace.name, "now": time.time(), **values})


def _under(prefix: Path) -> tuple[str, dict[str, str]]:
    """A path begins with `["a"` if its text is `["a"]`, or begins with `["a",`: an index finds either."""
    if not prefix:
        return "", {}
    exact = _labels(prefix)
    opened = exact.removesuffix("]")
    condition = " AND (labels = :exact OR (labels >= :first AND labels < :last))"
    return condition, {"exact": exact, "first": f"{opened},", "last": f"{opened}-"}


def _labels(path: Path) -> str:
    return _json(list(path))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@read_back("An entry of the store")
def _entry(row: Any) -> Entry:
    n, labels, key, value, created, updated, ttl = row
    return Entry(
        n=n,
        path=tuple(json.loads(labels)),
        key=key,
        value=json.loads(value),
        created_at=datetime.fromisoformat(created),
        updated_at=datetime.fromisoformat(updated),
        ttl=ttl,
    )
