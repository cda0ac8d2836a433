"""Import an export: validate all of it first, without a lock, then add what is missing, in one transaction.

Existing records are never changed. An existing id with other content is a conflict, and nothing is imported.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO

from ..stores.analyzer import Analyzer
from ..stores.errors import BadInput, ImportConflict, StoreFull, StoreReadOnly
from ..stores.truth.database import Connection, Database
from ..stores.truth.numbers import number_rows
from ..stores.truth.term_rebuild import index_pages
from .export_staging import staging_tables
from .merge_vectors import merge_vectors
from .read_export import read_export
from .transfer_report import ImportReport

CAUSE = "import"
"""The cause of changes that an import makes."""
_NAMED_CONFLICTS = 10  # in the error
_MOST_NOTES = 1000

# In all statements `theirs` is a row of the file, `ours` one of the memory; :space and :target are their namespaces.
_LIVE = "(ours.expires_at IS NULL OR ours.expires_at > :now)"
_OUR_ENTRY = (
    "main.entry_path AS path JOIN main.entry AS ours ON ours.path = path.n"
    " WHERE path.namespace = :target AND path.labels = theirs.labels AND ours.key = theirs.key"
)
_MATCH = (
    "UPDATE staged.session AS theirs SET fresh = filed_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM main.session AS ours"
    " WHERE ours.namespace = :target AND ours.id = theirs.id AND ours.filed_at IS NOT NULL) WHERE space = :space",
    "UPDATE staged.item AS theirs SET target = ours.seq,"
    " known = (SELECT max(version) FROM main.item_version WHERE item = ours.seq)"
    " FROM main.item AS ours WHERE space = :space AND ours.id = theirs.id",
    "INSERT INTO staged.note SELECT min(n), count(*) || ' store entries were left out: they have expired.'"
    " FROM staged.entry WHERE space = :space AND expires_at <= :now GROUP BY space",
    "DELETE FROM staged.entry WHERE space = :space AND expires_at <= :now",
    f"UPDATE staged.entry AS theirs SET fresh = NOT EXISTS (SELECT 1 FROM {_OUR_ENTRY} AND {_LIVE}) WHERE space = :space",
)
_TAKEN = (  # the other namespace is not named: the importer may have no right to know it
    "SELECT theirs.n, '{type}', theirs.id, 'is the id of another record in this folder' FROM staged.{type} AS theirs"
    " JOIN main.{table} AS ours ON ours.id = theirs.id WHERE theirs.space = :space AND {condition}"
)
_FRESH = "(SELECT fresh FROM staged.session WHERE n = theirs.session)"
_VERSION = "SELECT version, content, time, cause, at FROM"
_THEIR_VERSIONS = f"{_VERSION} staged.version WHERE item = theirs.n"
_OUR_VERSIONS = f"{_VERSION} main.item_version JOIN main.change ON change.n = item_version.n WHERE item = ours.seq"
_CONFLICTS = " UNION ALL ".join(
    (
        "SELECT theirs.n, 'session', theirs.id, 'has another text or time here' FROM staged.session AS theirs"
        " JOIN main.session AS ours ON ours.namespace = :target AND ours.id = theirs.id"
        " WHERE space = :space AND ours.content != theirs.content",
        "SELECT theirs.n, 'session', theirs.id, 'is here as the session ' || ours.id FROM staged.session AS theirs"
        " JOIN main.session AS ours ON ours.namespace = :target AND ours.content = theirs.content"
        " WHERE space = :space AND ours.id != theirs.id",
        "SELECT theirs.n, 'page', theirs.id, 'is of a session that is filed here as other pages'"
        " FROM staged.page AS theirs JOIN staged.session AS whole ON whole.n = theirs.session AND NOT whole.fresh"
        " JOIN main.session AS ours"
        "  ON ours.namespace = :target AND ours.id = whole.id AND ours.content = whole.content"
        " WHERE theirs.space = :space AND NOT EXISTS (SELECT 1 FROM main.page WHERE page.id = theirs.id"
        "  AND page.session = ours.n AND page.part = theirs.part AND page.text = theirs.text)",
        _TAKEN.format(type="page", table="page", condition=_FRESH),
        _TAKEN.format(type="page", table="item", condition=_FRESH),
        _TAKEN.format(type="item", table="page", condition="true"),
        _TAKEN.format(type="item", table="item", condition="(ours.namespace, ours.kind) != (:target, theirs.kind)"),
        "SELECT theirs.n, 'item', theirs.id, 'has other versions here' FROM staged.item AS theirs"
        " JOIN main.item AS ours ON ours.seq = theirs.target AND ours.namespace = :target WHERE space = :space AND"
        f" (EXISTS ({_THEIR_VERSIONS} AND version <= theirs.known EXCEPT {_OUR_VERSIONS})"
        f"  OR EXISTS ({_OUR_VERSIONS} AND version <= theirs.newest EXCEPT {_THEIR_VERSIONS}))",
        "SELECT theirs.n, 'item', theirs.id, CASE ours.kind WHEN 'core' THEN 'would be a second core paragraph"
        " beside ' ELSE 'says the same as ' END || ours.id FROM staged.item AS theirs JOIN main.item AS ours"
        "  ON ours.namespace = :target AND ours.kind = theirs.kind AND ours.sketch = theirs.sketch"
        " WHERE theirs.space = :space AND ours.id != theirs.id AND theirs.newest > theirs.known AND NOT EXISTS"
        "  (SELECT 1 FROM staged.item AS other WHERE other.id = ours.id AND other.newest > other.known)",
        "SELECT theirs.n, 'entry', theirs.key, 'has another value here' FROM staged.entry AS theirs,"
        f" {_OUR_ENTRY} AND theirs.space = :space AND ours.value != theirs.value AND {_LIVE}",
    )
)
_CHANGE = "INSERT INTO main.change (namespace, kind, ref, op, cause, at)"
_NEW_PROPOSALS = (
    " FROM staged.proposal WHERE space = :space AND"
    " (at, reason, edit) NOT IN (SELECT at, reason, edit FROM main.proposal WHERE namespace = :target) ORDER BY n"
)
_ADD_PROPOSALS = (
    "INSERT INTO main.proposal (namespace, edit, cause, reason, at, decision, decided_at)"
    f" SELECT :target, edit, cause, reason, at, decision, decided_at{_NEW_PROPOSALS}"
)
_ADD = (
    "INSERT INTO main.session (namespace, id, content, time, metadata, payload, accepted_at, filed_at)"
    " SELECT :target, id, content, time, metadata, payload, accepted_at, filed_at FROM staged.session AS theirs"
    " WHERE space = :space AND NOT EXISTS"
    "  (SELECT 1 FROM main.session AS ours WHERE ours.namespace = :target AND ours.id = theirs.id) ORDER BY n",
    "UPDATE staged.session AS theirs SET target = ours.n FROM main.session AS ours"
    " WHERE space = :space AND ours.namespace = :target AND ours.id = theirs.id",
    # it waits here and is filed in the export
    "UPDATE main.session AS ours SET filed_at = theirs.filed_at, payload = NULL FROM staged.session AS theirs"
    " WHERE theirs.space = :space AND theirs.target = ours.n AND theirs.fresh AND ours.filed_at IS NULL",
    "INSERT INTO main.page"
    " (id, namespace, session, part, parts, text, sha256, header, memo, title, time_key, analyzer)"
    " SELECT theirs.id, :target, whole.target, part, parts, text, sha256, header, memo, title, time_key, :analyzer"
    " FROM staged.page AS theirs JOIN staged.session AS whole ON whole.n = theirs.session"
    " WHERE theirs.space = :space AND whole.fresh ORDER BY theirs.n",
    "UPDATE staged.page AS theirs SET target = ours.seq FROM main.page AS ours"
    " WHERE space = :space AND ours.id = theirs.id",
    'INSERT INTO main.passage (page, start, "end", speaker, stems) SELECT theirs.target, start, "end", speaker, stems'
    " FROM staged.page AS theirs CROSS JOIN staged.passage AS passage ON passage.page = theirs.n"
    f" WHERE space = :space AND {_FRESH} ORDER BY theirs.n, passage.rowid",
    f"{_CHANGE} SELECT :target, 'page', target, 'put', cause, at FROM staged.page AS theirs"
    f" WHERE space = :space AND {_FRESH} ORDER BY n",
    "INSERT INTO main.uncurated (page) SELECT target FROM staged.page AS theirs"
    f" WHERE space = :space AND uncurated AND {_FRESH}",
    "INSERT INTO main.item (id, namespace, kind, sketch, version) SELECT id, :target, kind, NULL, 0 FROM staged.item"
    " WHERE space = :space AND target IS NULL ORDER BY n",
    "UPDATE staged.item AS theirs SET target = ours.seq FROM main.item AS ours"
    " WHERE space = :space AND ours.id = theirs.id",
    _ADD_PROPOSALS,
    "INSERT INTO main.entry_path (namespace, labels) SELECT :target, labels FROM staged.entry WHERE space = :space"
    " ORDER BY n ON CONFLICT DO NOTHING",
    # expired entries that are not removed yet
    "DELETE FROM main.entry WHERE n IN (SELECT ours.n FROM staged.entry AS theirs,"
    f" {_OUR_ENTRY} AND theirs.space = :space AND theirs.fresh)",
    "INSERT INTO main.entry (path, key, value, created_at, updated_at, ttl, expires_at)"
    " SELECT path.n, key, value, created_at, updated_at, ttl, expires_at FROM staged.entry AS theirs"
    " JOIN main.entry_path AS path ON path.namespace = :target AND path.labels = theirs.labels"
    " WHERE space = :space AND fresh ORDER BY theirs.n",
    f"UPDATE staged.entry AS theirs SET target = (SELECT ours.n FROM {_OUR_ENTRY}) WHERE space = :space",
    "INSERT INTO main.entry_text (entry, text, stems, analyzer) SELECT theirs.target, text, stems, :analyzer"
    " FROM staged.entry AS theirs CROSS JOIN staged.entry_text AS texts ON texts.entry = theirs.n"
    " WHERE space = :space AND fresh ORDER BY theirs.n, texts.rowid",
    f"{_CHANGE} SELECT :target, 'entry', target, 'put', :cause, :at FROM staged.entry"
    " WHERE space = :space AND fresh ORDER BY n",
)
_NEWEST = (  # first NULL, since two items may have swapped theirs
    "UPDATE main.item SET sketch = NULL"
    " WHERE seq IN (SELECT target FROM staged.item WHERE space = :space AND newest > known)",
    "UPDATE main.item AS ours SET sketch = theirs.sketch, version = theirs.newest FROM staged.item AS theirs"
    " WHERE theirs.space = :space AND theirs.target = ours.seq AND theirs.newest > theirs.known",
)
_COUNTED = ("session", "page", "item", "proposal", "entry")
_RULES = {"share": ("reader", "share"), "retention": ("kind, age_s", "retain")}


def import_export(
    database: Database,
    namespace: str | None,
    source: BinaryIO,
    name: str,
    progress: Callable[[int], None] | None = None,
    *,
    rules: bool = False,
) -> ImportReport:
    """Import into one namespace; with None, each namespace of the file into the one of the same name.

    Without `rules` what would have power over the memory is put aside and listed: shares, retention rules, proposals.

    One transaction: readers see all of the file or nothing. It is short, since parsing, validation and stemming happen
    before it. `progress` gets the bytes read. `ImportConflict` names the records that exist with other content.
    """
    if database.read_only:
        raise StoreReadOnly(f"{database.path} cannot be written by this user; nothing was imported.")
    with database.read() as db, staging_tables(db):
        try:
            names = read_export(db, source, name, database.analyzer, progress)
        except sqlite3.OperationalError as error:
            if "full" not in str(error):
                raise
            raise StoreFull(
                "The disk for temporary files is full; nothing was imported. Free some space, or name another folder in"
                " SQLITE_TMPDIR."
            ) from error
        if namespace is not None and len(names) > 1:
            raise BadInput(
                f"{name}: holds {len(names)} namespaces, and they cannot all become {namespace!r}; import each under its"
                " own name with all_namespaces=True (--all). Nothing was imported."
            )
        with database.writing(db):
            return _merge(db, namespace, name, database.analyzer, rules)


def _merge(db: Connection, namespace: str | None, file: str, analyzer: Analyzer, rules: bool) -> ImportReport:
    spaces = []
    for space, own in db.execute("SELECT n, name FROM staged.space ORDER BY n").fetchall():
        target = namespace or own
        db.execute("INSERT INTO namespace (name) VALUES (?) ON CONFLICT DO NOTHING", (target,))
        number = _one(db, "SELECT id FROM namespace WHERE name = ?", (target,))
        db.execute("UPDATE staged.space SET target = ? WHERE n = ?", (number, space))
        at = datetime.now(UTC).isoformat()
        values = {"space": space, "target": number, "name": target, "now": time.time(), "at": at}
        spaces.append(values | {"cause": CAUSE, "analyzer": analyzer.name})
    for values in spaces:
        for statement in _MATCH:
            db.execute(statement, values)
    _refuse_conflicts(db, spaces, file)
    notes = db.execute("SELECT line, text FROM staged.note ORDER BY line LIMIT ?", (_MOST_NOTES,)).fetchall()
    report = ImportReport(notes=[f"Line {line}: {text}" for line, text in notes])
    if (more := _one(db, "SELECT count(*) FROM staged.note", ()) - len(notes)) > 0:
        report.notes.append(f"… and {more:,} more of this kind.")
    for values in spaces:
        # A share exposes records, and a retention rule erases them: neither is added to a namespace in use.
        used = (
            "SELECT 1 FROM change WHERE namespace = :target UNION ALL SELECT 1 FROM session WHERE namespace = :target"
        )
        empty = not _one(db, used, values)
        for statement in _ADD:
            if statement is _ADD_PROPOSALS and not rules:
                continue
            rows, table = db.execute(statement, values).rowcount, statement.split()[2].removeprefix("main.")
            if statement.startswith("INSERT") and table in _COUNTED:
                report.add(table, rows, _stage_row(db, table, values) - rows)
        index_pages(db, analyzer)
        _add_versions(db, values, report)
        if rules:
            for type in _RULES:
                _add_rules(db, type, values, empty, report)
        else:
            _put_aside(db, values, report)
    number_rows(db)
    merge_vectors(db, report)
    return report


def _refuse_conflicts(db: Connection, spaces: list[dict[str, Any]], file: str) -> None:
    query = f"SELECT *, count(*) OVER () FROM ({_CONFLICTS}) AS conflict ORDER BY n LIMIT {_NAMED_CONFLICTS}"
    found = [rows for values in spaces if (rows := db.execute(query, values).fetchall())]
    if not found:
        return
    total = sum(rows[0][-1] for rows in found)
    lines = [f"  {type} {id!r:.80} {why}" for rows in found for _, type, id, why, _ in rows][:_NAMED_CONFLICTS]
    if total > len(lines):
        lines.append(f"  and {total - len(lines):,} more")
    same = "EXISTS (SELECT 1 FROM staged.{0} AS theirs JOIN main.{0} AS ours USING (id))"  # ids are unique in the whole folder
    taken = _one(db, f"SELECT {same.format('page')} OR {same.format('item')}", ())
    place = "a memory in another folder (--memory)" if taken else "another namespace (--namespace)"
    raise ImportConflict(
        f"{file}: {total:,} of its records are in conflict with what is here, which an import never changes:\n"
        + "\n".join(lines)
        + f"\nImport the file into {place}. Nothing was imported."
    )


def _add_versions(db: Connection, values: dict[str, Any], report: ImportReport) -> None:
    """Add versions in the order they were written, then point each item at its newest."""
    rows = db.execute(
        "SELECT target, version, content, time, pages, stems, op, cause, at FROM staged.version AS version"
        " JOIN staged.item AS item ON item.n = version.item WHERE space = :space AND version > known ORDER BY version.n",
        values,
    )
    added = 0
    for item, version, content, when, pages, stems, *change in rows:
        insert = f"{_CHANGE} VALUES (?, 'item', ?, ?, ?, ?) RETURNING n"
        (change_n,) = db.execute(insert, (values["target"], item, *change)).fetchone()
        db.execute(
            "INSERT INTO main.item_version (n, item, version, content, time, pages, stems) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (change_n, item, version, content, when, pages, stems),
        )
        added += 1
    for statement in _NEWEST:
        db.execute(statement, values)
    total = "SELECT count(*) FROM staged.version JOIN staged.item ON item.n = version.item WHERE space = :space"
    report.add("version", added, _one(db, total, values) - added)


def _add_rules(db: Connection, type: str, values: dict[str, Any], empty: bool, report: ImportReport) -> None:
    columns, op = _RULES[type]
    rows = _new_rules(db, type, values)
    added = 0
    for n, *rule in rows:
        if rule == [values["name"]]:
            report.notes.append(f"Line {n}: the share with {rule[0]!r} was left out: a namespace reads itself.")
        elif not empty:
            report.notes.append(
                f"Line {n}: the {type} {rule} was left out, since {values['name']!r} is in use; set it there."
            )
        else:
            places = ", ".join("?" * len(rule))
            db.execute(
                f"INSERT INTO main.{type} (namespace, {columns}) VALUES (?, {places})", (values["target"], *rule)
            )
            change = (values["target"], type, values["target"], op, CAUSE, values["at"])
            db.execute(f"{_CHANGE} VALUES (?, ?, ?, ?, ?, ?)", change)
            added += 1
    report.add(type, added, _stage_row(db, type, values) - len(rows))


def _put_aside(db: Connection, values: dict[str, Any], report: ImportReport) -> None:
    """Name what an import does not bring by itself; what is here already is counted as known."""
    for type in _RULES:
        rows = _new_rules(db, type, values)
        for n, *rule in rows[:_MOST_NOTES]:
            what = f"share with {rule[0]!r}" if type == "share" else f"retention of {rule[1]:,.0f} s for {rule[0]}"
            report.put_aside.append(f"Line {n}: the {what}.")
        report.add(type, 0, _stage_row(db, type, values) - len(rows))
    proposals = db.execute(f"SELECT n, edit, decision{_NEW_PROPOSALS}", values).fetchall()
    for n, text, decision in proposals[:_MOST_NOTES]:
        edit = json.loads(text)
        content = f": {edit['content']!r:.80}" if edit.get("content") else ""
        state = decision or "waiting"
        report.put_aside.append(f"Line {n}: the {state} proposal to {edit['op']} {edit['kind']}{content}.")
    if len(proposals) > _MOST_NOTES:
        report.put_aside.append(f"… and {len(proposals) - _MOST_NOTES:,} more proposals.")
    report.add("proposal", 0, _stage_row(db, "proposal", values) - len(proposals))


def _new_rules(db: Connection, type: str, values: dict[str, Any]) -> list[Any]:
    """`(line, …columns)` of the rules in the file that the memory does not have."""
    columns = _RULES[type][0]
    return db.execute(
        f"SELECT n, {columns} FROM staged.{type} WHERE space = :space AND ({columns}) NOT IN"
        f" (SELECT {columns} FROM main.{type} WHERE namespace = :target) ORDER BY n",
        values,
    ).fetchall()


def _stage_row(db: Connection, type: str, values: dict[str, Any]) -> int:
    return int(_one(db, f"SELECT count(*) FROM staged.{type} WHERE space = :space", values))


def _one(db: Connection, query: str, values: Any) -> Any:
    row = db.execute(query, values).fetchone()
    return row[0] if row else None
