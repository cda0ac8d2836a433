"""The memory items of one namespace: edited in one transaction each, every version kept, duplicates caught there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ..errors import UnknownRecord
from ..records import Edit, MemoryItem, Outcome, new_id
from ..times import parse_iso_time
from .database import Connection, log_change, one_of, read_back
from .dedup_key import dedup_key
from .namespace import Namespace

_ITEM = """
    SELECT item.id, item.kind, item_version.content, item_version.time, item_version.pages, item_version.version,
           change.number, change.cause, change.at,
           coalesce((SELECT first.at FROM item_version AS oldest JOIN change AS first ON first.n = oldest.n
            WHERE oldest.item = item.seq ORDER BY oldest.version LIMIT 1), change.at), namespace.name,
           change.n
    FROM standing_item AS item JOIN item_version ON item_version.item = item.seq
    JOIN change ON change.n = item_version.n JOIN namespace ON namespace.id = item.namespace
"""
_INSTRUCTION_WORDS = (
    "always|never|please|n't|n’t|do not|from now on|when i |whenever|make sure|be sure|remember to|in future|in the future"
    "|you to|prefer|rather|i like|i love|i hate"
).split("|")
OWN = "item.namespace = (SELECT id FROM namespace WHERE name = :name)"
NEWEST = "item_version.version = item.version"
STANDS = f"item.sketch IS NOT NULL AND {NEWEST}"


class Items:
    """Every method is one transaction; thread- and process-safe. Who may edit what is not decided here.

    What is shared with the namespace is found by its id and by `by_change`; listed and edited is what is its own.
    """

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self._readable = f"+item.namespace IN ({namespace.readable_sql})"

    # -- reading -------------------------------------------------------------------------------------------

    def item(self, item_id: str) -> MemoryItem:
        """As it stands; `UnknownRecord` for an id that this namespace does not hold, or that was deleted."""
        found = self.find(item_id)
        if found is None:
            raise UnknownRecord(f"No item {item_id!r} in this namespace.")
        return found

    def find(self, item_id: str) -> MemoryItem | None:
        return self.by_ids([item_id]).get(item_id)

    def beside_core(self, numbers: Sequence[int], newest: int) -> dict[int, MemoryItem]:
        """Of this namespace alone: the core paragraph, the items of some versions, and the last so many to be made of
        the other kinds; the newest first, by the number of the version as the item index has it."""
        return self._by_version(
            f"""{NEWEST} AND item.seq IN (
                WITH own AS (SELECT seq, kind FROM standing_item AS item WHERE {OWN} AND sketch IS NOT NULL)
                SELECT seq FROM own WHERE kind = 'core'
                UNION SELECT seq FROM item_version CROSS JOIN own ON own.seq = item_version.item
                    WHERE n IN (SELECT value FROM json_each(:numbers))
                UNION SELECT seq FROM (SELECT seq FROM own WHERE kind != 'entry' ORDER BY seq DESC LIMIT :newest) AS last
            ) ORDER BY item.seq DESC""",
            numbers=json.dumps(list(numbers)),
            newest=newest,
        )

    def by_ids(self, ids: Iterable[str]) -> dict[str, MemoryItem]:
        """Those of some ids that are of items which stand, or of entries of a store, by id."""
        ids = list(ids)
        condition = f"{self._readable} AND {STANDS} AND item.id IN (SELECT value FROM json_each(:ids))"
        found = {item.id: item for item in self.select(condition, ids=json.dumps(ids))}
        if any(one.startswith("entry-") for one in ids):
            from .entry_records import entries_by_record_id

            found |= entries_by_record_id(self.namespace, ids)
        return found

    def core(self) -> MemoryItem | None:
        found = self.items(kind="core", limit=1)
        return found[0] if found else None

    def items(
        self, *, kind: str | None = None, newest: int | None = None, limit: int | None = None, offset: int = 0
    ) -> list[MemoryItem]:
        """As they stand, oldest first; with `newest` the last so many to be made, the newest first."""
        down, count = ("DESC", newest) if newest is not None else ("", -1 if limit is None else limit)
        condition = f"{OWN} AND {STANDS} AND {of_kind(kind)} ORDER BY item.seq {down} LIMIT :count OFFSET :offset"
        return self.select(condition, kind=kind, count=count, offset=offset)

    def like_instructions(self) -> list[MemoryItem]:
        """The semantic items that stand and have a word that instructions and preferences have."""
        words = {f"word{n}": f"%{word}%" for n, word in enumerate(_INSTRUCTION_WORDS)}
        like = " OR ".join(f"lower(content) LIKE :{name}" for name in words)
        return self.select(f"{OWN} AND {STANDS} AND item.kind = 'semantic' AND ({like})", **words)

    def by_change(self, numbers: Iterable[int]) -> dict[int, MemoryItem]:
        """Versions by their number, of this namespace and still standing: what is stale or deleted is left out."""
        condition = f"{self._readable} AND {STANDS} AND item_version.n IN (SELECT value FROM json_each(:numbers))"
        return self._by_version(condition, numbers=json.dumps(list(numbers)))

    def newest_versions(self, namespaces: Sequence[int]) -> list[tuple[int, int, str, str, str | None]]:
        """`(number of the version, item, kind, stems, time)` of the items that stand, in the order of the versions."""
        return self.fetch(
            "SELECT item_version.n, item.seq, kind, stems, time FROM standing_item AS item JOIN item_version"
            f" ON item_version.item = item.seq AND {NEWEST}"
            f" WHERE namespace {one_of(namespaces)} AND sketch IS NOT NULL ORDER BY item_version.n"
        )

    def changed_versions(self, namespaces: Sequence[int], after: int, last: int, limit: int) -> list[Any]:
        """`(change, item, kind, stems, time, deleted)` of the next changes after a number, up to `last`; those of pages
        have no item, and neither has a version that was erased."""
        return self.fetch(
            "SELECT change.n, item.seq, item.kind, stems, time, content IS NULL FROM change"
            " LEFT JOIN item_version ON change.kind = 'item' AND item_version.n = change.n"
            " LEFT JOIN item ON item.seq = item_version.item"
            f" WHERE change.namespace {one_of(namespaces)} AND change.n > :after AND change.n <= :last"
            " ORDER BY change.n LIMIT :limit",
            after=after,
            last=last,
            limit=limit,
        )

    def history(self, item_id: str) -> list[MemoryItem]:
        """Every version, the oldest first, deletions too; `UnknownRecord` for an id that was never here."""
        found = self.select(f"{self._readable} AND item.id = :id ORDER BY item_version.version", id=item_id)
        if not found:
            raise UnknownRecord(f"No item {item_id!r} in this namespace.")
        return found

    def counts(self) -> dict[str, int]:
        query = "SELECT kind, count(*) FROM standing_item AS item"
        return dict(self.fetch(f"{query} WHERE {OWN} AND sketch IS NOT NULL GROUP BY kind"))

    def fetch(self, query: str, **values: Any) -> list[Any]:
        """Every row of one SELECT, in which `:name` is the name of the namespace."""
        return self.namespace.database.fetch(query, {**self.namespace.values, **values})

    def select(self, condition: str, **values: Any) -> list[MemoryItem]:
        return list(self._by_version(condition, **values).values())

    def _by_version(self, condition: str, **values: Any) -> dict[int, MemoryItem]:
        return {row[-1]: _item(row) for row in self.fetch(f"{_ITEM} WHERE {condition}", **values)}

    # -- editing -------------------------------------------------------------------------------------------

    def apply(self, edit: Edit) -> Outcome:
        """In one transaction, durable when this returns. The edit is taken as it is: limits are its caller's."""
        with self.namespace.database.write() as db:
            return self.apply_in(db, edit)

    def apply_in(self, db: Connection, edit: Edit) -> Outcome:
        """The same within a write transaction that is open."""
        namespace = self.namespace.enter(db)
        if edit.op == "insert":
            return self._insert(db, namespace, edit)
        from .item_changes import change_item

        return change_item(self, db, namespace, edit)

    def forgotten_in(self, db: Connection, page_ids: Sequence[str]) -> str | None:
        """The first of some pages that is not there any more, within a transaction; None where all are."""
        for page_id in page_ids:
            if not db.execute("SELECT 1 FROM standing_page WHERE id = ?", (page_id,)).fetchone():
                return page_id
        return None

    # ------------------------------------------------------------------------------------------------------

    def _insert(self, db: Connection, namespace: int, edit: Edit) -> Outcome:
        key = dedup_key(edit.kind, edit.content or "", edit.time)
        known = self.find_by_key(db, namespace, edit.kind, key)
        if known is not None and edit.kind == "core":
            return Outcome("rejected", edit, "There is a core memory already; update it.", known)
        if known is not None:
            return duplicate(edit, known)
        item_id = new_id()
        (seq,) = db.execute(
            "INSERT INTO item (id, namespace, kind, sketch, version) VALUES (?, ?, ?, ?, 1) RETURNING seq",
            (item_id, namespace, edit.kind, key),
        ).fetchone()
        return self.add_version(db, namespace, edit, seq, item_id, edit.content or "")

    def add_version(
        self,
        db: Connection,
        namespace: int,
        edit: Edit,
        seq: int,
        item_id: str,
        content: str | None,
        before: MemoryItem | None = None,
    ) -> Outcome:
        """The row of the first version, or of the one after `before`, with its change."""
        change = log_change(db, namespace, "item", seq, edit.op, edit.cause)
        version = before.version + 1 if before else 1
        time, pages = edit.time.isoformat() if edit.time else None, json.dumps(list(edit.page_ids))
        db.execute(
            "INSERT INTO item_version (n, item, version, content, time, pages, stems) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                change.n,
                seq,
                version,
                content,
                time,
                pages,
                " ".join(self.namespace.database.analyzer.stems(content or "")),
            ),
        )
        created = before.created_at.isoformat() if before else change.at
        row = (item_id, edit.kind, content, time, pages, version, change.number, edit.cause, change.at, created)
        return Outcome("applied", edit, "", _item((*row, self.namespace.name, change.n)), change.number)

    def find_by_key(self, db: Connection, namespace: int, kind: str, key: str) -> MemoryItem | None:
        """The live item with a key. One that has expired is deleted: it would conflict with what is written next."""
        row = db.execute(
            "SELECT seq, EXISTS (SELECT 1 FROM standing_item WHERE standing_item.seq = item.seq) FROM item"
            " WHERE namespace = ? AND kind = ? AND sketch = ?",
            (namespace, kind, key),
        ).fetchone()
        if row is None:
            return None
        if row[1]:
            return find_item(db, f"item.seq = ? AND {NEWEST}", row[0])
        from .row_deletion import delete_expired

        delete_expired(db, namespace, items={row[0]})
        return None


def duplicate(edit: Edit, known: MemoryItem) -> Outcome:
    return Outcome("duplicate", edit, f"Item {known.id} says that already.", known)


def find_item(db: Connection, where: str, *values: object) -> MemoryItem | None:
    row = db.execute(f"{_ITEM} WHERE {where}", values).fetchone()
    return _item(row) if row else None


def of_kind(kind: str | None) -> str:
    return "item.kind != 'entry'" if kind is None else "item.kind = :kind"


@read_back("A memory item")
def _item(row: Any) -> MemoryItem:
    item_id, kind, content, time, pages, version, change, cause, at, created, namespace, _ = row
    return MemoryItem(
        id=item_id,
        kind=kind,
        content=content or "",
        time=parse_iso_time(time),
        page_ids=tuple(json.loads(pages)),
        version=version,
        change=change,
        cause=cause,
        created_at=datetime.fromisoformat(created),
        changed_at=datetime.fromisoformat(at),
        deleted=content is None,
        namespace=namespace,
    )
