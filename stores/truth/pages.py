"""The pages of one namespace, and the change log that the indexes read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreDamaged, UnknownRecord
from ..records import Page, Passage
from ..times import Span, is_within, local_clock, order_key, parse_iso_time
from .database import DOCTOR, one_of, read_back
from .embeddings import EmbeddingStore, VectorState
from .namespace import Namespace

_PAGE = """
    SELECT page.id, session.id, page.text, page.header, page.memo, session.time, session.metadata,
           page.part, page.parts, namespace.name, page.sha256, page.seq
    FROM standing_page AS page JOIN session ON session.n = page.session JOIN namespace ON namespace.id = page.namespace
"""

# A row for each rule where several hide pages.
_EXTENT = """
    SELECT space.id,
           head, items, erased, space.name = :name,
           EXISTS (SELECT 1 FROM retention WHERE namespace = space.id AND kind != 'page'),
           EXISTS (SELECT 1 FROM entry_path WHERE namespace = space.id), age_s,
           (SELECT accepted_at FROM session WHERE namespace = space.id
            AND accepted_at > strftime('%Y-%m-%dT%H:%M:%f', 'now', '-' || age_s || ' seconds')
            ORDER BY accepted_at LIMIT 1),
           EXISTS (SELECT 1 FROM namespace WHERE id NOT IN ({readable})), {frequencies}{columns}
    FROM namespace AS space {join} LEFT JOIN retention ON retention.namespace = space.id AND retention.kind = 'page'
    WHERE space.id IN ({readable})
"""
_FREQUENCIES = """
    (SELECT json_group_array(json_array(term, passages)) FROM (
        SELECT given.value AS term, (SELECT sum(passages) FROM posting
            WHERE namespace IN ({readable}) AND term = given.value) AS passages
        FROM (SELECT :terms AS list) AS wanted CROSS JOIN json_each(wanted.list) AS given) AS found)
"""
_CHANGED = """
    SELECT words.page, words.id, title, speakers, context, lengths, analyzer,
           (SELECT min(seq) FROM passage WHERE page = words.page), (SELECT max(seq) FROM passage WHERE page = words.page),
           EXISTS (SELECT 1 FROM retention WHERE namespace = log.namespace AND kind = 'page')
               AND NOT EXISTS (SELECT 1 FROM standing_page WHERE seq = words.page)
    FROM json_each(:ranges) AS range CROSS JOIN change AS log
        ON log.namespace = json_extract(range.value, '$[0]') AND log.number > json_extract(range.value, '$[1]')
        AND log.number <= json_extract(range.value, '$[2]') AND log.kind = 'page' AND log.op = 'put' AND log.number > 0
    CROSS JOIN indexed_page AS words ON words.page = log.ref
    ORDER BY log.n
"""
_WITH_PASSAGES = f"""
    SELECT found.*, (SELECT json_group_array(json_array(start, "end", speaker))
                     FROM (SELECT start, "end", speaker FROM passage WHERE page = found.seq ORDER BY seq))
    FROM ({_PAGE} WHERE {{condition}}) AS found
"""
_WIDEST_S = 26 * 3600.0  # by which the clocks of two zones differ at most


class IndexedPage(NamedTuple):
    """A page as the keyword index has it. `title` is its words, `context` the stems of date and title, `lengths` the
    number of stems of each passage, uint32."""

    seq: int
    id: str
    title: str
    speakers: tuple[str, ...]
    context: list[str]
    lengths: NDArray[np.uint32]
    analyzer: str
    first: int
    """The number of its first passage, 0 for none; the others follow it without a gap."""
    hidden: bool
    """Whether it is past its age."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What an index over a namespace must have read to be up to date."""

    namespaces: tuple[int, ...]
    """That may be read, its own first, which is 0 while it is empty."""
    heads: tuple[int, ...]
    """The number of the newest change of each."""
    items: int
    """The newest change of an item in them, as the folder counts."""
    erased: int
    """The newest change by which something is gone or hidden, as the folder counts."""
    due: float | None
    """When the next page is hidden by its age, in seconds since 1970; None where no rule says so."""
    items_expire: bool
    """Whether a rule hides items by their age."""
    entries: bool
    """Whether agents stored anything in them."""
    vectors: VectorState | None = None
    """Where the vectors of its passages stand; None where nobody asked for that."""
    unembedded: bool = False
    """Whether its own namespace has pages without vectors, as far as somebody asked for that."""
    ages: bool = False
    """Whether a rule hides pages by their age."""
    frequencies: Mapping[str, int] = field(default_factory=dict, compare=False)
    """In how many passages some terms occur, those of hidden pages too."""


NOTHING_READ = Extent((), (), 0, 0, None, False, False)


class Pages:
    """Reading only, each method from one committed state; thread- and process-safe.

    What is shared with the namespace is read as its own, but where `own` is asked for.
    """

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace

    def page(self, page_id: str) -> Page:
        """`UnknownRecord` for an id that this namespace does not hold."""
        found = self.by_ids([page_id]).get(page_id)
        if found is None:
            count = f"SELECT count(*) FROM standing_page WHERE namespace IN ({self.namespace.readable_sql})"
            held = self._fetch(count)[0][0]
            raise UnknownRecord(f"No page {page_id!r}; this memory holds {held} {'page' if held == 1 else 'pages'}.")
        return found

    def pages(
        self,
        *,
        session_id: str | None = None,
        within: Span | None = None,
        first_id: str | None = None,
        last_id: str | None = None,
        newest: int | None = None,
        limit: int | None = None,
        offset: int = 0,
        own: bool = False,
        namespaces: Sequence[int] | None = None,
    ) -> list[Page]:
        """In the order their sessions were accepted. `within` leaves out pages without a time, and compares a bound with
        a zone as an instant; `newest` keeps
        the last so many; ids bound a range, both ends included. `namespaces` are the numbers of those to read, where
        they are known."""
        slack = _WIDEST_S if within and (within[0].tzinfo or within[1].tzinfo) else 0.0
        first, last = (order_key(local_clock(bound)) for bound in within) if within else (None, None)
        given = {
            "session.id =": session_id,
            "page.time_key >=": None if first is None else first - slack,
            "page.time_key <": None if last is None else last + slack,
            "page.id >=": first_id,
            "page.id <=": last_id,
        }
        wanted = {column: value for column, value in given.items() if value is not None}
        down = "DESC" if newest is not None else ""
        count = newest if newest is not None else -1 if limit is None or slack else limit
        with self.namespace.database.read() as db:
            readable = namespaces or ([self.namespace.number(db)] if own else self.namespace.readable(db))
            conditions = " AND ".join([f"page.namespace {one_of(readable)}", *(f"{column} ?" for column in wanted)])
            rows = db.execute(
                f"{_PAGE} WHERE {conditions} ORDER BY page.session {down}, page.part {down} LIMIT ? OFFSET ?",
                (*wanted.values(), count, offset),
            ).fetchall()
        pages = [_page(row) for row in rows]
        if within and slack:
            pages = [page for page in pages if is_within(page.time, within)][:limit]
        return pages[::-1] if newest is not None else pages

    def by_ids(self, page_ids: Iterable[str]) -> dict[str, Page]:
        """Those of some ids that are of pages which may be read, by id."""
        readable = f"+page.namespace IN ({self.namespace.readable_sql})"
        condition = f"{readable} AND page.id IN (SELECT value FROM json_each(:ids))"
        rows = self._fetch(f"{_PAGE} WHERE {condition}", ids=json.dumps(list(page_ids)))
        return {row[0]: _page(row) for row in rows}

    def with_passages(self, page_ids: Iterable[str]) -> dict[str, tuple[Page, tuple[Passage, ...]]]:
        """The same with their passages, in order."""
        readable = f"+page.namespace IN ({self.namespace.readable_sql})"
        condition = f"{readable} AND page.id IN (SELECT value FROM json_each(:ids))"
        rows = self._fetch(_WITH_PASSAGES.format(condition=condition), ids=json.dumps(list(page_ids)))
        return {row[0]: (_page(row[:-1]), _passages(row[0], row[-1])) for row in rows}

    def uncurated_pages(self, session: int) -> list[Page]:
        """The pages of a session of this namespace, by its number, from which memories are still to be drawn."""
        condition = "page.session = :session AND namespace.name = :name AND page.seq IN (SELECT page FROM uncurated)"
        rows = self._fetch(f"{_PAGE} WHERE {condition} ORDER BY page.part", session=session)
        return [_page(row) for row in rows]

    def stems(self, page_ids: Iterable[str]) -> dict[str, list[str]]:
        """By id, the stems of the passages as they were filed; not of pages whose stems an older analyzer made."""
        rows = self._fetch(
            "SELECT page.id, stems FROM standing_page AS page CROSS JOIN passage ON passage.page = page.seq"
            " WHERE page.id IN (SELECT value FROM json_each(:ids)) AND analyzer = :analyzer"
            f" AND +page.namespace IN ({self.namespace.readable_sql})",
            ids=json.dumps(list(page_ids)),
            analyzer=self.namespace.database.analyzer.name,
        )
        found: dict[str, list[str]] = {}
        for page_id, stems in rows:
            found.setdefault(page_id, []).extend(stems.split())
        return found

    def counts(self) -> dict[str, int]:
        """Sessions, waiting sessions, pages, passages and characters of this namespace alone."""
        own = "namespace = (SELECT id FROM namespace WHERE name = :name)"
        pages = f"(SELECT {{}} FROM standing_page AS page WHERE {own})"
        sessions = f"(SELECT {{}} FROM standing_session WHERE {own})"
        passages = f"(SELECT count(*) FROM standing_page AS page JOIN passage ON passage.page = page.seq WHERE {own})"
        queries = {
            "sessions": sessions.format("count(*)"),
            "waiting": sessions.format("count(*) - count(filed_at)"),
            "pages": pages.format("count(*)"),
            "passages": passages,
            "characters": pages.format("coalesce(sum(length(text)), 0)"),
        }
        (counts,) = self._fetch(f"SELECT {', '.join(queries.values())}")
        return dict(zip(queries, counts, strict=True))

    def extent(self, embeddings: EmbeddingStore | None = None, terms: Sequence[str] = ()) -> Extent:
        """What there is to read, in one statement; with `embeddings` also where their vectors stand, and in how many
        passages each of the terms occurs."""
        columns, join, values = embeddings.extent_columns() if embeddings else ("", "", dict[str, Any]())
        readable = self.namespace.readable_sql
        counted = _FREQUENCIES.format(readable=readable) if terms else "NULL"
        query = _EXTENT.format(readable=readable, columns=columns and f", {columns}", join=join, frequencies=counted)
        rows = self._fetch(query, **values, **({"terms": json.dumps(terms)} if terms else {}))
        found = dict(json.loads(rows[0][10])) if rows and terms else {}
        own = next((row[0] for row in rows if row[4]), 0)
        heads = {row[0]: row[1] for row in rows}
        namespaces = (own, *sorted(heads.keys() - {own}))
        due = [datetime.fromisoformat(row[8]).timestamp() + row[7] for row in rows if row[7] is not None and row[8]]
        return Extent(
            namespaces=namespaces,
            heads=tuple(heads.get(namespace, 0) for namespace in namespaces),
            items=max((row[2] for row in rows), default=0),
            erased=max((row[3] for row in rows), default=0),
            due=min(due, default=None),
            items_expire=any(row[5] for row in rows),
            entries=any(row[6] for row in rows),
            ages=any(row[7] is not None for row in rows),
            vectors=VectorState._make([*rows[0][11:14], bool(rows[0][9])]) if columns and rows else None,
            unembedded=any(row[14] for row in rows) if columns else False,
            frequencies={term: int(found.get(term) or 0) for term in terms},
        )

    def changed_pages(self, before: Extent, extent: Extent) -> list[IndexedPage]:
        """Those that were put since `before` and are still there, oldest first."""
        after = dict(zip(before.namespaces, before.heads, strict=True))
        pairs = zip(extent.namespaces, extent.heads, strict=True)
        ranges = [(namespace, after.get(namespace, 0), head) for namespace, head in pairs]
        rows = self._fetch(_CHANGED, ranges=json.dumps(ranges))
        return list({row[0]: read_indexed(row) for row in rows}.values())

    def count_characters(self, page_ids: Sequence[str]) -> int:
        """How long these pages are together."""
        query = "SELECT coalesce(sum(length(text)), 0) FROM page WHERE id IN (SELECT value FROM json_each(:ids))"
        (count,) = self._fetch(query, ids=json.dumps(list(page_ids)))[0]
        return int(count)

    # -- postings ------------------------------------------------------------------------------------------

    def postings(self, terms: Sequence[str], namespaces: Sequence[int]) -> list[tuple[str, int, int, bytes]]:
        """`(term, page, occurrences in its context, passages in it)` of each page with one of these terms."""
        return self.select_postings("term, page, context, positions", _of_terms(terms), terms, namespaces)

    def frequencies(
        self, terms: Sequence[str], namespaces: Sequence[int], last: int, hidden: Sequence[int]
    ) -> dict[str, int]:
        """In how many passages each term occurs, of pages up to a number without the hidden ones."""
        condition = f"{_of_terms(terms)} AND page <= {last:d}" + (f" AND NOT page {one_of(hidden)}" if hidden else "")
        rows = self.select_postings("term, sum(passages)", f"{condition} GROUP BY term", terms, namespaces)
        return dict(rows)

    def select_postings(
        self, columns: str, condition: str, values: Sequence[str], namespaces: Sequence[int]
    ) -> list[Any]:
        query = f"SELECT {columns} FROM posting WHERE namespace {one_of(namespaces)} AND {condition}"
        return self.namespace.database.fetch(query, tuple(values))

    def _fetch(self, query: str, **values: Any) -> list[Any]:
        """Every row of one SELECT, in which `:name` is the name of the namespace."""
        return self.namespace.database.fetch(query, {**self.namespace.values, **values})


def _verify_text(page_id: str, text: str, digest: str) -> str:
    """The text of a page, if its hash is that of the text that was filed; else `StoreDamaged`."""
    if sha256(text.encode()).hexdigest() != digest:
        raise StoreDamaged(f"The text of page {page_id} is not what was filed: the truth is damaged. {DOCTOR}")
    return text


@read_back("A page")
def _page(row: Any) -> Page:
    page_id, session_id, text, header, memo, time, metadata, part, parts, namespace, digest, _ = row
    return Page(
        id=page_id,
        session_id=session_id,
        text=_verify_text(page_id, text, digest),
        header=header,
        memo=memo,
        time=parse_iso_time(time),
        metadata=json.loads(metadata),
        part=part,
        parts=parts,
        namespace=namespace,
    )


@read_back("The passages of a page")
def _passages(page_id: str, spans: str) -> tuple[Passage, ...]:
    return tuple(Passage(page_id, start, end, speaker) for start, end, speaker in json.loads(spans))


@read_back("What is indexed of a page")
def read_indexed(row: Any) -> IndexedPage:
    """A row of `indexed_page` with the numbers of the first and the last passage, 0 for none, and whether it is hidden."""
    seq, page_id, title, speakers, context, lengths, analyzer, first, last, hidden = row
    if 4 * (last - first + 1 if first else 0) != len(lengths):
        raise ValueError("not as many passages as were indexed")
    return IndexedPage(
        seq,
        page_id,
        title,
        tuple(json.loads(speakers)),
        context.split(),
        np.frombuffer(lengths, "<u4"),
        analyzer,
        first or 0,
        bool(hidden),
    )


def _of_terms(terms: Sequence[str]) -> str:
    return f"term IN ({', '.join('?' * len(terms))})"
