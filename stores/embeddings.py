"""Embeddings in the truth: what is still to be embedded, and the vectors that were paid for."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from .connection import Database
from .errors import ModelReplyError, StoreDamaged
from .forgetting.forget import newest_erasure
from .repair.readback import DOCTOR, read_back
from .times import show_iso

PROBE = "The miller of Viana sold 47 sacks of maize flour in March 2025, and the river was higher than last year."
"""Embedded now and then, so that a model which was changed behind its name is noticed."""

_ALIKE = 0.98  # one model on two machines stays above it, two models stay far below
_PROBES = "CREATE TABLE IF NOT EXISTS probe (model TEXT PRIMARY KEY, vector BLOB NOT NULL) STRICT"  # see schema.sql

Missing = tuple[int, list[tuple[int, str, str, str]]]
"""How far these go, and `(number, header, header without noise, text)` of each."""
Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is embedded: the passages of pages, or the versions of memory items, each in a table of its own.

    How far a namespace is embedded is counted in what `missing` and `waiting` count in: page numbers, change numbers.
    """

    name: str
    table: str
    key: str
    """The column with the number of what was embedded."""
    embedded: tuple[str, str]
    """The table of what is embedded, and its number there."""
    owner: str
    """The joins that lead from there to the namespace, which is `owner.namespace`, and leave out what was replaced.
    Cross joins: SQLite keeps their order, and would else begin at the namespace."""
    progress: str
    batch: int
    """How many pages or versions are embedded in one request."""
    feed: int
    """How many new vectors Chroma is fed with at once; until there are so many, a search compares them one by one."""
    missing: Callable[[sqlite3.Connection, int, int, int], Missing]
    """Of a namespace, after so far, at most so many."""
    waiting: Callable[[sqlite3.Connection, int, int], tuple[bool, int]]
    """Whether a namespace has anything after so far; if it has not, from where to look the next time."""


def _missing_passages(db: sqlite3.Connection, namespace: int, after: int, limit: int) -> Missing:
    """Each passage with its page's date and title as header; without noise it is the title, and of prose alone: a turn
    of a conversation is about what its speaker says."""
    pages = db.execute(
        "SELECT page.seq, title, text, session.time FROM page JOIN session ON session.n = page.session"
        " WHERE page.namespace = ? AND page.seq > ? ORDER BY page.seq LIMIT ?",
        (namespace, after, limit),
    ).fetchall()
    texts = []
    for page, title, text, stamp in pages:
        header = " · ".join(part for part in (show_iso(stamp), title) if part)
        passages = db.execute('SELECT seq, start, "end", speaker FROM passage WHERE page = ? ORDER BY seq', (page,))
        for seq, start, end, speaker in passages:
            texts.append((seq, header, "" if speaker else title or "", text[start:end]))
    return (pages[-1][0] if pages else after), texts


def _waiting_pages(db: sqlite3.Connection, namespace: int, after: int) -> tuple[bool, int]:
    found = db.execute("SELECT 1 FROM page WHERE namespace = ? AND seq > ? LIMIT 1", (namespace, after))
    return found.fetchone() is not None, after


def _missing_items(db: sqlite3.Connection, namespace: int, after: int, limit: int) -> Missing:
    """Versions that still stand, the date of the event as header; one that was replaced is never paid for."""
    last = _last_change(db, namespace)  # read first: what comes later is seen the next time
    versions = db.execute(
        "SELECT item_version.n, content, time FROM change CROSS JOIN item_version ON item_version.n = change.n"
        " CROSS JOIN item ON item.seq = item_version.item"
        " WHERE change.namespace = ? AND change.kind = 'item' AND change.n > ? AND content IS NOT NULL"
        " AND item_version.version = item.version ORDER BY change.n LIMIT ?",
        (namespace, after, limit),
    ).fetchall()
    newest = versions[-1][0] if versions else after
    reached = max(last, newest) if len(versions) < limit else newest
    return reached, [(n, show_iso(stamp), "", content) for n, content, stamp in versions]


def _waiting_items(db: sqlite3.Connection, namespace: int, after: int) -> tuple[bool, int]:
    last = _last_change(db, namespace)
    found = db.execute(
        "SELECT 1 FROM change WHERE namespace = ? AND kind = 'item' AND n > ? LIMIT 1", (namespace, after)
    )
    return found.fetchone() is not None, max(after, last)  # the changes of pages need not be passed over again


def _last_change(db: sqlite3.Connection, namespace: int) -> int:
    return db.execute("SELECT max(n) FROM change WHERE namespace = ?", (namespace,)).fetchone()[0] or 0


PASSAGES = Subject(
    name="passages",
    table="embedding",
    key="passage",
    embedded=("passage", "seq"),
    owner="CROSS JOIN passage ON passage.seq = embedding.passage CROSS JOIN page AS owner ON owner.seq = passage.page",
    progress="embedded",
    batch=32,
    feed=1,
    missing=_missing_passages,
    waiting=_waiting_pages,
)
ITEMS = Subject(
    name="items",
    table="item_embedding",
    key="version",
    embedded=("item_version", "n"),
    owner="CROSS JOIN change AS owner ON owner.n = item_embedding.version CROSS JOIN item ON item.seq = owner.ref"
    " CROSS JOIN item_version ON item_version.n = owner.n AND item_version.version = item.version",
    progress="embedded items",
    batch=256,
    feed=256,  # single ones cost 50 ms each at 100,000, and versions that look alike lose each other in HNSW's graph
    missing=_missing_items,
    waiting=_waiting_items,
)
SUBJECTS = (PASSAGES, ITEMS)


def is_lexical(embeddings: Embeddings) -> bool:
    """Whether the vectors compare letters, not meaning."""
    return bool(getattr(embeddings, "lexical", False))


def model_name(embeddings: Embeddings) -> str:
    """What the vectors of an embedding model are filed under: its class and its model's name, and whether dates are
    left out of what it embeds."""
    own = getattr(embeddings, "model", None) or getattr(embeddings, "model_name", None) or ""
    name = f"{type(embeddings).__name__}:{own}"
    return f"{name} without dates" if is_lexical(embeddings) else name


class ModelChanged(ModelReplyError):
    """The embedding model gives other vectors than those on file: `EmbeddingStore.renew()`, embed, and ask again."""


class EmbeddingStore:
    """The vectors that one embedding model gave for one subject, of all namespaces. Vectors of two models never meet.

    A model may change behind its name. Its vectors are filed under a generation; `renew` begins the next one, and
    those of the former are gone, of every subject. The generation is kept in the truth, and other processes and the
    stores of other subjects see it at their next step.

    A text is embedded under its header. For `lexical` embeddings that has no date: the letters of a date that share
    dimensions with those of a word would decide by the day of filing which text is found.
    """

    def __init__(self, database: Database, model: str, subject: Subject = PASSAGES, *, lexical: bool = False) -> None:
        self.database = database
        self.model = model
        self.subject = subject
        self._lexical = lexical
        self._looked: dict[tuple[int, int], int] = {}  # by namespace and generation, how far nothing is missing
        self._asked: dict[int, int] = {}  # by namespace, the generation that the texts of a batch were given out for
        self._probed: int | None = None  # the generation in which this object has seen the probe
        self._doubted: int | None = None  # the generation that does not fit the model
        self._renewed: int | None = None  # the generation that this object began and has not completed

    # -- generations ---------------------------------------------------------------------------------------

    def newest(self) -> tuple[int, int]:
        """The generation, and the number of its newest vector; 0 for none."""
        with self.database.read() as db:
            generation = self._generation(db)
            table, label = self.subject.table, self._label(generation)
            row = db.execute(f"SELECT max(n) FROM {table} WHERE model = ?", (label,)).fetchone()
            return generation, row[0] or 0

    def erased(self) -> int:
        """The newest erasure that took vectors: an index that read before it may hold some that are gone."""
        return newest_erasure(self.database)

    def dimension(self) -> int | None:
        """Of the vectors on file; None where there are none."""
        with self.database.read() as db:
            return self._dimension(db, self._generation(db))

    def wants_probe(self) -> bool:
        """Whether this object has not yet seen the vector of `PROBE` in this generation."""
        with self.database.read() as db:
            return self._probed != self._generation(db)

    def recognises(self, probe: Sequence[float]) -> bool:
        """Whether the model that gave this vector for `PROBE` is the one whose vectors are on file.

        The first probe of a generation is filed, and recognised if its dimension is that of the vectors.
        """
        vector = self._checked([0], [probe])[0]
        with self.database.write() as db:
            db.execute(_PROBES)
            generation = self._generation(db)
            known = self._dimension(db, generation) in (None, len(vector))
            row = db.execute("SELECT vector FROM probe WHERE model = ?", (self._label(generation),)).fetchone()
            if row is None and known:
                db.execute("INSERT INTO probe VALUES (?, ?)", (self._label(generation), vector.tobytes()))
            elif row is not None:
                known = known and _alike(vector, np.frombuffer(row[0], "<f4"))
            if known:
                self._probed = generation
            else:
                self._doubted = generation
        return known

    def changed(self, dimension: int, generation: int) -> ModelChanged:
        """To be raised by an index that was asked for a vector of another dimension than those it holds."""
        self._doubted = generation
        return ModelChanged(f"{self.model} gave a vector of {dimension} dimensions, those on file have others.")

    def renew(self) -> None:
        """Begin a new generation: the model's vectors and how far they go are deleted, to be embedded anew.

        Nothing happens if the generation that was found not to fit is gone already. `ModelReplyError` if the one
        that this object began was not even completed: the model gives now these vectors, now those.
        """
        with self.database.write() as db:
            if self._doubted in (None, self._generation(db)):
                self._renew(db)

    def _renew(self, db: sqlite3.Connection) -> None:
        generation = self._generation(db)
        if self._renewed == generation:
            self._renewed = None
            raise ModelReplyError(
                f"{self.model} changes while its vectors are being made; see that one model answers under this name."
            )
        label = self._label(generation)
        db.execute(_PROBES)
        db.execute("DELETE FROM probe WHERE model = ?", (label,))
        spaces = [row[0] for row in db.execute("SELECT id FROM namespace")]
        for subject in SUBJECTS:
            db.execute(f"DELETE FROM {subject.table} WHERE model = ?", (label,))
            marks = [(f"{subject.progress}:{n}:{label}",) for n in spaces]
            db.executemany("DELETE FROM mark WHERE name = ?", marks)
        # By the clock, so that a truth restored from a backup does not give a number out a second time.
        following = max(generation + 1, int(time.time()))
        self._advance(db, f"generation:{self.model}", following)
        self._renewed, self._doubted = following, None

    def _generation(self, db: sqlite3.Connection) -> int:
        return self._mark(db, f"generation:{self.model}")

    def _label(self, generation: int) -> str:
        """What the vectors of a generation are filed under."""
        return f"{self.model} #{generation}" if generation else self.model

    def _dimension(self, db: sqlite3.Connection, generation: int) -> int | None:
        label = self._label(generation)
        for subject in SUBJECTS:
            row = db.execute(f"SELECT length(vector) FROM {subject.table} WHERE model = ? LIMIT 1", (label,)).fetchone()
            if row:
                return int(row[0]) // 4
        return None

    # -- embedding what is filed ---------------------------------------------------------------------------

    def missing(self, namespace: int, limit: int) -> tuple[int, list[tuple[int, str]]]:
        """The next pages, or versions of items, without vectors, at most so many: how far they go, and `(number, text
        to embed)` of each."""
        with self.database.read() as db:
            generation = self._asked[namespace] = self._generation(db)
            after = self._mark(db, self._progress(namespace, generation))
            reached, texts = self.subject.missing(db, namespace, after, limit)
        headed = []
        for number, dated, plain, text in texts:
            header = plain if self._lexical else dated
            headed.append((number, f"[{header}] {text}" if header else text))
        return reached, headed

    def waiting(self, namespace: int) -> bool:
        """Whether a page, or a change of an item, of the namespace has been embedded by nobody yet."""
        with self.database.read() as db:
            return self._waiting(db, namespace, self._generation(db))

    def keep(self, namespace: int, reached: int, numbers: Sequence[int], vectors: Sequence[Sequence[float]]) -> None:
        """Write the vectors of what `missing` gave, and how far that goes, in one transaction.

        A batch of another dimension than the vectors on file begins a new generation, and is itself forgotten, as
        is one that was given out before such a beginning: `missing` then starts from the beginning.
        `ModelReplyError` for a wrong number of vectors, ragged dimensions, or values that are not finite; nothing
        is written then.
        """
        matrix = self._checked(numbers, vectors)
        with self.database.write() as db:
            generation = self._generation(db)
            if generation != self._asked.get(namespace, generation):
                return
            if len(numbers) and self._dimension(db, generation) not in (None, matrix.shape[1]):
                self._renew(db)
                return
            label, table, key = self._label(generation), self.subject.table, self.subject.key
            owner, number_of = self.subject.embedded
            db.executemany(  # what was forgotten since its text was given out stays so
                f"INSERT INTO {table} (model, {key}, vector) SELECT ?, {number_of}, ? FROM {owner}"
                f" WHERE {number_of} = ? ON CONFLICT DO NOTHING",
                [(label, row.tobytes(), number) for number, row in zip(numbers, matrix, strict=True)],
            )
            self._advance(db, self._progress(namespace, generation), reached)
            if self._renewed == generation and not self._waiting(db, namespace, generation):
                self._renewed = None

    # -- read by the indexes -------------------------------------------------------------------------------

    def rows(self, generation: int, after: int, limit: int, namespace: int | None = None) -> Rows:
        """Vectors in the order they were kept: `n`, number of what was embedded, namespace, (rows, dim) float32.

        None of a generation that is gone, and none of what was replaced meanwhile.
        """
        table = self.subject.table
        condition, values = ("", []) if namespace is None else (" AND owner.namespace = ?", [namespace])
        with self.database.read() as db:
            found = db.execute(
                f"SELECT {table}.n, {table}.{self.subject.key}, owner.namespace, vector FROM {table} {self.subject.owner}"
                f" WHERE model = ? AND {table}.n > ?{condition} ORDER BY {table}.n LIMIT ?",
                (self._label(generation), after, *values, limit),
            ).fetchall()
        numbers, seqs, spaces, blobs = zip(*found, strict=True) if found else ((), (), (), ())
        if len(set(seqs)) != len(seqs):
            raise StoreDamaged(
                f"Two vectors are filed for one of the {self.subject.name}: the truth is damaged. {DOCTOR}"
            )
        return np.array(numbers, np.int64), np.array(seqs, np.int64), np.array(spaces, np.int64), _matrix(blobs)

    def cosines(self, numbers: Sequence[int], vector: NDArray[np.float32]) -> list[tuple[int, float]]:
        """`(number, cosine)` of those of these that are embedded, in any order; at most some 30,000 at once.

        `ModelChanged` for a vector of another dimension.
        """
        key = self.subject.key
        with self.database.read() as db:
            generation = self._generation(db)
            found = db.execute(
                f"SELECT {key}, vector FROM {self.subject.table} WHERE model = ?"
                f" AND {key} IN ({','.join('?' * len(numbers))})",
                (self._label(generation), *numbers),
            ).fetchall()
        matrix = _matrix([blob for _, blob in found])
        if not len(matrix):
            return []
        if matrix.shape[1] != len(vector):
            raise self.changed(len(vector), generation)
        lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(vector)
        cosines = np.divide(matrix @ vector, lengths, where=lengths > 0, out=np.zeros(len(matrix), np.float32))
        return [(number, float(cosine)) for (number, _), cosine in zip(found, cosines, strict=True)]

    def mark(self, name: str) -> int:
        """How far a derived index has read these vectors; 0 for one that has not begun."""
        with self.database.read() as db:
            return self._mark(db, name)

    def advance(self, name: str, n: int) -> None:
        """Remember how far a derived index has read, after it has applied what it read."""
        with self.database.write() as db:
            self._advance(db, name, n)

    def _progress(self, namespace: int, generation: int) -> str:
        return f"{self.subject.progress}:{namespace}:{self._label(generation)}"

    def _waiting(self, db: sqlite3.Connection, namespace: int, generation: int) -> bool:
        after = self._mark(db, self._progress(namespace, generation))
        after = max(after, self._looked.get((namespace, generation), 0))
        waiting, looked = self.subject.waiting(db, namespace, after)
        if not waiting:
            self._looked[namespace, generation] = looked
        return waiting

    @staticmethod
    def _mark(db: sqlite3.Connection, name: str) -> int:
        row = db.execute("SELECT n FROM mark WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    @staticmethod
    def _advance(db: sqlite3.Connection, name: str, n: int) -> None:
        db.execute(
            "INSERT INTO mark (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = max(n, excluded.n)",
            (name, n),
        )

    def _checked(self, seqs: Sequence[int], vectors: Sequence[Sequence[float]]) -> NDArray[np.float32]:
        if len(vectors) != len(seqs):
            raise ModelReplyError(f"{self.model} gave {len(vectors)} vectors for {len(seqs)} texts.")
        try:
            matrix = np.array(vectors, dtype="<f4")
        except (ValueError, TypeError) as error:
            raise ModelReplyError(f"{self.model} gave vectors of different lengths in one reply.") from error
        if not len(seqs):
            return matrix.reshape(0, 0)
        if matrix.ndim != 2 or not matrix.shape[1]:
            raise ModelReplyError(f"{self.model} gave something that is no list of numbers for a text.")
        if not np.isfinite(matrix).all():
            raise ModelReplyError(f"{self.model} gave a vector with NaN or infinity; nothing of the batch was kept.")
        return matrix


@read_back("A vector")
def _matrix(blobs: Sequence[bytes]) -> NDArray[np.float32]:
    if not blobs:
        return np.zeros((0, 0), "<f4")
    matrix = np.array([np.frombuffer(blob, "<f4") for blob in blobs])
    if not np.isfinite(matrix).all():
        raise ValueError("not finite")
    return matrix


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    if len(one) != len(other):
        return False
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one.astype(np.float64) @ other) >= _ALIKE * lengths
