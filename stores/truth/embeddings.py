"""Embeddings in the truth: what is still to be embedded, and the vectors that were paid for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from ..errors import ModelReplyError, StoreDamaged
from ..times import format_iso_time
from .database import DOCTOR, Connection, Database, read_back

FINGERPRINT_TEXT = (
    "The miller of Viana sold 47 sacks of maize flour in March 2025, and the river was higher than last year."
)
"""Embedded now and then, so that a model which was changed behind its name is noticed."""

ERASED_VECTORS = "erased:vectors"
"""The mark with the number of the newest erasure of vectors; an older vector index must be rebuilt."""
SET_MARK = "INSERT INTO mark (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET"
PROBES = "CREATE TABLE IF NOT EXISTS probe (model TEXT PRIMARY KEY, vector BLOB NOT NULL) STRICT"  # see schema.sql
_ALIKE = 0.98  # one model on two machines stays above it, two models stay far below

Missing = tuple[int, list[tuple[int, str]]]
"""How far these go, and `(number, text to embed)` of each."""
FilingVectors = Callable[[Connection, int, Sequence[int], Sequence[int]], bool]
"""Writes the vectors of new pages in the transaction that files them, given their namespace, their numbers and those of
their passages; False where that cannot be, and `missing` will give their texts."""
Space = int | str
"""A namespace: its number, or its name."""
Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


class VectorState(NamedTuple):
    """Where the vectors of a model stand. `others`: whether the truth holds namespaces beside those that were named."""

    generation: int
    last: int
    """The number of the newest vector of the generation; 0 for none."""
    erased: int
    """The newest erasure that took vectors: an index that read before it may hold some that are gone."""
    others: bool


@dataclass(frozen=True, slots=True)
class EmbeddingTable:
    """What is embedded: the passages of pages, or the versions of memory items, each in a table of its own.

    How far a namespace is embedded is counted in what `missing` and `waiting` count in: page numbers, change numbers.
    """

    name: str
    table: str
    key: str  # the column with the number of what was embedded
    embedded: tuple[str, str]  # the table of what is embedded, and its number there
    owner: str
    """The joins that lead from there to the namespace, which is `owner.namespace`, and leave out what was replaced.
    Cross joins: SQLite keeps their order, and would else begin at the namespace."""
    progress: str  # what its marks begin with
    batch: int  # pages or versions that are embedded in one request
    feed: int
    """How many new vectors Chroma is fed with at once; until there are so many, a search compares them one by one."""
    missing: str
    """The statement that gives the next pages, or versions of items: rows of `(number of a page or a change, number of
    what is embedded, time, title, speaker, text)`, of the namespace `:space` after `state.after`, at most `:limit`."""
    waiting: str  # the condition that a namespace, `space`, has anything after `after`


# What the vectors of the generation are filed under.
_LABEL = """
    SELECT generation, :model || CASE generation WHEN 0 THEN '' ELSE ' #' || generation END AS label
    FROM (SELECT coalesce((SELECT n FROM mark WHERE name = :generation), 0) AS generation) AS filed
"""
# Of a page: not every passage has a vector. Marks run behind the vectors that are filed with their pages.
LACKING = """
    EXISTS (SELECT 1 FROM passage WHERE passage.page = page.seq AND NOT EXISTS (
        SELECT 1 FROM embedding WHERE embedding.model = label AND embedding.passage = passage.seq))
"""
_NOTHING_BEFORE = f"""
    generation = :generation_seen
    AND NOT EXISTS (SELECT 1 FROM page WHERE namespace = space AND seq > after AND seq < :first AND {LACKING})
"""
# How far a namespace is embedded.
_STATE = """
    WITH label AS ({label}),
    state AS (SELECT {space} AS space, label, generation, max(
                  coalesce((SELECT n FROM mark WHERE name = :progress || ':' || {space} || ':' || label), 0),
                  CASE generation WHEN :looked_in THEN :looked ELSE 0 END) AS after
              FROM label)
"""
_MISSING_PASSAGES = f"""
    SELECT page.seq, passage.seq, session.time, title, speaker, substr(text, start + 1, "end" - start)
    FROM (SELECT page.* FROM page, state WHERE namespace = state.space AND seq > state.after AND {LACKING}
          ORDER BY seq LIMIT :limit) AS page
    JOIN session ON session.n = page.session LEFT JOIN passage ON passage.page = page.seq
    ORDER BY page.seq, passage.seq
"""
_MISSING_ITEMS = """
    SELECT item_version.n, item_version.n, time, '', NULL, content FROM state
    CROSS JOIN change ON change.namespace = state.space AND change.kind = 'item' AND change.n > state.after
    CROSS JOIN item_version ON item_version.n = change.n CROSS JOIN item ON item.seq = item_version.item
    WHERE content IS NOT NULL AND item_version.version = item.version ORDER BY change.n LIMIT :limit
"""


PASSAGES = EmbeddingTable(
    name="passages",
    table="embedding",
    key="passage",
    embedded=("passage", "seq"),
    owner="CROSS JOIN passage ON passage.seq = embedding.passage CROSS JOIN page AS owner ON owner.seq = passage.page",
    progress="embedded",
    batch=32,
    feed=1,
    missing=_MISSING_PASSAGES,
    waiting=f"SELECT 1 FROM page WHERE namespace = space AND seq > after AND {LACKING}",
)
ITEMS = EmbeddingTable(
    name="items",
    table="item_embedding",
    key="version",
    embedded=("item_version", "n"),
    owner="CROSS JOIN change AS owner ON owner.n = item_embedding.version CROSS JOIN item ON item.seq = owner.ref"
    " CROSS JOIN item_version ON item_version.n = owner.n AND item_version.version = item.version",
    progress="embedded items",
    batch=256,
    feed=256,  # single ones cost 50 ms each at 100,000, and versions that look alike lose each other in HNSW's graph
    missing=_MISSING_ITEMS,
    waiting="SELECT 1 FROM change WHERE namespace = space AND kind = 'item' AND n > after",
)
SUBJECTS = (PASSAGES, ITEMS)


def vector_label(model: str, generation: int) -> str:
    """What the vectors of a generation are filed under."""
    return f"{model} #{generation}" if generation else model


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
    """The embedding model gives other vectors than those on file: `generations.start_generation`, embed, and ask again."""


class EmbeddingStore:
    """The vectors that one embedding model gave for one subject, of all namespaces. Vectors of two models never meet.

    A model may change behind its name. Its vectors are filed under a generation; `start_generation` begins the next one, and
    those of the former are gone, of every subject. The generation is kept in the truth, and other processes and the
    stores of other subjects see it at their next step.

    A text is embedded under its header. For `lexical` embeddings that has no date: the letters of a date that share
    dimensions with those of a word would decide by the day of filing which text is found.
    """

    def __init__(
        self, database: Database, model: str, subject: EmbeddingTable = PASSAGES, *, lexical: bool = False
    ) -> None:
        self.database = database
        self.model = model
        self.subject = subject
        self._lexical = lexical
        self._looked: dict[Space, tuple[int, int]] = {}  # by namespace: in a generation, how far nothing is missing
        # By namespace: the generation of the batch that was given out, and whether more may follow.
        self._given_out: dict[Space, tuple[int, bool]] = {}
        self.unmarked: dict[int, int] = {}
        """By namespace, how many pages this object has filed with vectors since it marked how far these go."""
        self.written = 0
        """How many vectors this object has written."""
        self._probed: int | None = None  # the generation in which this object has seen the probe
        self.doubted: int | None = None  # the generation that does not fit the model
        self.renewed: int | None = None  # the generation that this object began and has not completed

    # -- generations ---------------------------------------------------------------------------------------

    def state(self, namespaces: Sequence[int] = ()) -> VectorState:
        """Where the vectors stand now, in one statement."""
        others = "EXISTS (SELECT 1 FROM namespace WHERE id NOT IN (SELECT value FROM json_each(:namespaces)))"
        values = {**self._sql_values(), "erased": ERASED_VECTORS, "namespaces": json.dumps(list(namespaces))}
        query = f"SELECT {self._state_columns}, {others} FROM ({_LABEL}) AS label"
        generation, last, erased, has_others = self.database.fetch(query, values)[0]
        return VectorState(generation, last, erased, bool(has_others))

    @property
    def _state_columns(self) -> str:
        newest = f"SELECT max(n) FROM {self.subject.table} WHERE model = label"
        return f"generation, coalesce(({newest}), 0), coalesce((SELECT n FROM mark WHERE name = :erased), 0)"

    def extent_columns(self) -> tuple[str, str, dict[str, Any]]:
        """For `Pages.extent`: as columns the state of the vectors, and whether the namespace `space` is the reader's own and
        has pages without any; the join that they need; their values."""
        after = "coalesce((SELECT n FROM mark WHERE name = :progress || ':' || space.id || ':' || label), 0)"
        pages = f"SELECT 1 FROM page WHERE namespace = space.id AND seq > {after} AND {LACKING}"
        lacking = f"space.name = :name AND EXISTS ({pages})"
        values = {**self._sql_values(), "erased": ERASED_VECTORS, "progress": self.subject.progress}
        return f"{self._state_columns}, {lacking}", f"JOIN ({_LABEL}) AS label ON true", values

    def dimension(self) -> int | None:
        """Of the vectors on file; None where there are none."""
        with self.database.read() as db:
            return self._filed_state(db)[1]

    def needs_fingerprint(self, namespace: Space | None = None) -> bool:
        """Whether this object has not yet seen the vector of `FINGERPRINT_TEXT` in this generation; with a namespace, in the one
        for which `missing` has given out texts."""
        if namespace is not None:
            return self._probed != self._given_out[namespace][0]
        with self.database.read() as db:
            return self._probed != self._filed_state(db)[0]

    def matches_fingerprint(self, probe: Sequence[float]) -> bool:
        """Whether the model that gave this vector for `FINGERPRINT_TEXT` is the one whose vectors are on file.

        The first probe of a generation is filed, and recognised if its dimension is that of the vectors.
        """
        vector = validate_vectors(self.model, [0], [probe])[0]
        with self.database.write() as db:
            db.execute(PROBES)
            generation, dimension = self._filed_state(db)
            known = dimension in (None, len(vector))
            label = vector_label(self.model, generation)
            row = db.execute("SELECT vector FROM probe WHERE model = ?", (label,)).fetchone()
            if row is None and known:
                db.execute("INSERT INTO probe VALUES (?, ?)", (label, vector.tobytes()))
            elif row is not None:
                known = known and is_same_model(vector, np.frombuffer(row[0], "<f4"))
            if known:
                self._probed = generation
            else:
                self.doubted = generation
        return known

    def model_changed(self, dimension: int, generation: int) -> ModelChanged:
        """To be raised by an index that was asked for a vector of another dimension than those it holds."""
        self.doubted = generation
        return ModelChanged(f"{self.model} gave a vector of {dimension} dimensions, those on file have others.")

    def read_generation(self, db: Connection) -> int:
        return _read_mark(db, f"generation:{self.model}")

    def _filed_state(self, db: Connection) -> tuple[int, int | None]:
        """The generation, and the dimension of its vectors, None where there are none."""
        lengths = ", ".join(
            f"(SELECT length(vector) FROM {subject.table} WHERE model = label LIMIT 1)" for subject in SUBJECTS
        )
        generation, length = db.execute(
            f"SELECT generation, coalesce({lengths}) FROM ({_LABEL}) AS label", self._sql_values()
        ).fetchone()
        return generation, None if length is None else length // 4

    def _sql_values(self) -> dict[str, Any]:
        return {"model": self.model, "generation": f"generation:{self.model}"}

    # -- embedding what is filed ---------------------------------------------------------------------------

    def missing(self, namespace: Space, limit: int) -> Missing:
        """The next pages, or versions of items, without vectors, at most so many: how far they go, and their texts."""
        statement, named = self.state_of(namespace)
        rows = self.database.fetch(
            f"{statement} SELECT state.generation, state.after,"
            " (SELECT max(n) FROM change WHERE namespace = state.space), found.*"
            f" FROM state LEFT JOIN ({self.subject.missing}) AS found ON true",
            {**named, "limit": limit},
        )
        generation, after, last, *_ = rows[0]
        found = sorted(row[3:] for row in rows if row[3] is not None)
        self._given_out[namespace] = (generation, len({row[0] for row in found}) >= limit)
        reached = max((row[0] for row in found), default=after)
        if self.subject is ITEMS and len(found) < limit:
            reached = max(reached, last or 0)  # past the changes of pages
        texts = [(number, self.with_header(*text)) for _, number, *text in found if number is not None]
        return reached, texts

    def with_header(self, time: str | None, title: str | None, speaker: str | None, text: str) -> str:
        """A text as it is embedded: under date and title, as the keyword index reads it. Lexical embeddings have no sense
        of a date, which would be noise by its letters; of conversations they leave out the title, too: a turn is about
        what its speaker says."""
        if self._lexical:
            header = "" if speaker else title or ""
        else:
            header = " · ".join(part for part in (format_iso_time(time), title) if part)
        return f"[{header}] {text}" if header else text

    def waiting(self, namespace: Space) -> bool:
        """Whether a page, or a change of an item, of the namespace is not embedded yet."""
        statement, named = self.state_of(namespace)
        with self.database.read() as db:
            row = db.execute(
                f"{statement} SELECT state.generation, EXISTS ({self.subject.waiting}),"
                " (SELECT max(n) FROM change WHERE namespace = state.space) FROM state",
                named,
            ).fetchone()
        if self.subject is ITEMS and not row[1]:  # the changes of pages need not be passed over again
            self._looked[namespace] = (row[0], row[2] or 0)
        return bool(row[1])

    def state_of(self, namespace: Space) -> tuple[str, dict[str, Any]]:
        space = ":space" if isinstance(namespace, int) else "(SELECT id FROM namespace WHERE name = :space)"
        looked_in, looked = self._looked.get(namespace, (-1, 0))
        named = {**self._sql_values(), "space": namespace, "progress": self.subject.progress}
        return _STATE.format(label=_LABEL, space=space), {**named, "looked_in": looked_in, "looked": looked}

    def keep(self, namespace: Space, reached: int, numbers: Sequence[int], vectors: Sequence[Sequence[float]]) -> bool:
        """Write the vectors of what `missing` gave, and how far that goes, in one transaction; whether more may be missing.

        A batch of another dimension than the vectors on file begins a new generation, and is itself forgotten, as
        is one that was given out before such a beginning: `missing` then starts from the beginning.
        `ModelReplyError` for a wrong number of vectors, ragged dimensions, or values that are not finite; nothing
        is written then.
        """
        matrix = validate_vectors(self.model, numbers, vectors)
        statement, named = self.state_of(namespace)
        with self.database.write() as db:
            generation, dimension = self._filed_state(db)
            given_out, more = self._given_out.get(namespace, (generation, True))
            if generation != given_out:
                return True
            if len(numbers) and dimension not in (None, matrix.shape[1]):
                from .generations import start_generation_in

                start_generation_in(self, db)
                return True
            if len(numbers):
                self.insert(db, generation, numbers, matrix)
            db.execute(
                f"{statement} INSERT INTO mark (name, n)"
                " SELECT :progress || ':' || space || ':' || label, :reached FROM state WHERE space IS NOT NULL"
                " ON CONFLICT (name) DO UPDATE SET n = max(mark.n, excluded.n)",
                {**named, "reached": reached},
            )
            if self.renewed == generation:
                left = db.execute(f"{statement} SELECT EXISTS ({self.subject.waiting}) FROM state", named).fetchone()
                self.renewed = generation if left[0] else None
        return more

    def insert(
        self,
        db: Connection,
        generation: int,
        numbers: Sequence[int],
        matrix: NDArray[np.float32],
        first_of: tuple[int, int] | None = None,
    ) -> bool:
        """The vectors of what is still there: what was forgotten since its text was given out stays so.

        `first_of`, the number of a namespace and of its first new page: nothing, and False, where a page before that one
        lacks vectors or another generation has begun.
        """
        owner, number_of = self.subject.embedded
        values: dict[str, Any] = {
            "filed_under": vector_label(self.model, generation),
            "numbers": json.dumps(list(numbers)),
        }
        values |= {"vectors": matrix.tobytes(), "length": 4 * matrix.shape[1]}
        statement, condition = "", "true"
        if first_of:
            statement, named = self.state_of(first_of[0])
            condition = f"EXISTS (SELECT 1 FROM state WHERE {_NOTHING_BEFORE})"
            values |= {**named, "generation_seen": generation, "first": first_of[1]}
        added = db.execute(
            f"INSERT INTO {self.subject.table} (model, {self.subject.key}, vector)"
            f" {statement} SELECT :filed_under, {number_of}, substr(:vectors, 1 + given.key * :length, :length)"
            f" FROM json_each(:numbers) AS given CROSS JOIN {owner} ON {number_of} = given.value"
            f" WHERE {condition} ORDER BY given.key ON CONFLICT DO NOTHING",
            values,
        ).rowcount
        self.written += added
        return added > 0

    @property
    def settled_generation(self) -> int | None:
        """The generation in which this object has seen that the model has not changed; None while it replaces vectors."""
        return self._probed if self.renewed is None else None

    # -- read by the indexes -------------------------------------------------------------------------------

    def rows(self, generation: int, after: int, limit: int, namespace: int | None = None) -> Rows:
        """Vectors in the order they were written: `n`, number of what was embedded, namespace, (rows, dim) float32.

        None of a generation that is gone, and none of what was replaced meanwhile.
        """
        table = self.subject.table
        condition, values = ("", ()) if namespace is None else (" AND owner.namespace = ?", (namespace,))
        found = self.database.fetch(
            f"SELECT {table}.n, {table}.{self.subject.key}, owner.namespace, vector FROM {table} {self.subject.owner}"
            f" WHERE model = ? AND {table}.n > ?{condition} ORDER BY {table}.n LIMIT ?",
            (vector_label(self.model, generation), after, *values, limit),
        )
        numbers, seqs, spaces, blobs = zip(*found, strict=True) if found else ((), (), (), ())
        if len(set(seqs)) != len(seqs):
            raise StoreDamaged(
                f"Two vectors are filed for one of the {self.subject.name}: the truth is damaged. {DOCTOR}"
            )
        return np.array(numbers, np.int64), np.array(seqs, np.int64), np.array(spaces, np.int64), to_matrix(blobs)

    def mark(self, name: str) -> int:
        """How far a derived index has read these vectors; 0 for one that has read nothing."""
        with self.database.read() as db:
            return _read_mark(db, name)


def _read_mark(db: Connection, name: str) -> int:
    row = db.execute("SELECT n FROM mark WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def advance_mark(db: Connection, name: str, n: int) -> None:
    db.executemany(f"{SET_MARK} n = max(mark.n, excluded.n)", [(name, n)])


def validate_vectors(model: str, texts: Sequence[object], vectors: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """(texts, dim) float32; `ModelReplyError` for another number, ragged dimensions, or values that are not finite."""
    if len(vectors) != len(texts):
        raise ModelReplyError(f"{model} gave {len(vectors)} vectors for {len(texts)} texts.")
    try:
        matrix = np.array(vectors, dtype="<f4")
    except (ValueError, TypeError) as error:
        raise ModelReplyError(f"{model} gave vectors of different lengths in one reply.") from error
    if not len(texts):
        return matrix.reshape(0, 0)
    if matrix.ndim != 2 or not matrix.shape[1]:
        raise ModelReplyError(f"{model} gave something that is no list of numbers for a text.")
    if not np.isfinite(matrix).all():
        raise ModelReplyError(f"{model} gave a vector with NaN or infinity; nothing of the batch was kept.")
    return matrix


@read_back("A vector")
def to_matrix(blobs: Sequence[bytes]) -> NDArray[np.float32]:
    """(vectors, dim) from their blobs; (0, 0) of none."""
    if not blobs:
        return np.zeros((0, 0), "<f4")
    matrix = np.frombuffer(b"".join(blobs), "<f4").reshape(len(blobs), -1)
    if len(set(map(len, blobs))) > 1 or not np.isfinite(matrix).all():
        raise ValueError("not finite, or of several lengths")
    return matrix


def is_same_model(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two probes come of one model."""
    if len(one) != len(other):
        return False
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(one.astype(np.float64) @ other) >= _ALIKE * lengths
