"""Bring proposals, store entries, shares and retention rules in."""

from __future__ import annotations

import json
import time

from ..stores.analyzer import ANALYZER
from .into import CAUSE, Into, now


class MergedEntries(Into):
    """Proposals refer to items and pages, and come after them."""

    def _proposals(self, space: int, target: int) -> None:
        for _, edit, reason, at, decision, decided in self._each(
            "SELECT n, edit, reason, at, decision, decided_at FROM staged.proposal WHERE space = ?", space
        ):
            form = json.loads(edit)
            form |= {"id": form["id"] and self._renamed(form["id"])}
            form |= {"page_ids": [self._renamed(page) for page in form["page_ids"]]}
            plain = json.dumps(form)
            if self._one(
                "SELECT 1 FROM proposal WHERE namespace = ? AND at = ? AND reason = ? AND edit = ?",
                target,
                at,
                reason,
                plain,
            ):
                self.done.was_known("proposal")
                continue
            self._db.execute(
                "INSERT INTO proposal (namespace, edit, cause, reason, at, decision, decided_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (target, plain, form["cause"], reason, at, decision, decided),
            )
            self.done.came("proposal")

    def _entries(self, space: int, target: int) -> None:
        clock = time.time()
        for n, labels, key, updated, expires in self._each(
            "SELECT n, labels, key, updated_at, expires_at FROM staged.entry WHERE space = ?", space
        ):
            if expires is not None and expires <= clock:
                self._note(f"Line {n}: entry {key!r:.80} was left out: it has expired since the export.")
                continue
            self._db.execute(
                "INSERT INTO entry_path (namespace, labels) VALUES (?, ?) ON CONFLICT DO NOTHING", (target, labels)
            )
            path = self._one("SELECT n FROM entry_path WHERE namespace = ? AND labels = ?", target, labels)
            here = self._db.execute(
                "SELECT n, updated_at FROM entry WHERE path = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)",
                (path, key, clock),
            ).fetchone()
            if here is not None and here[1] >= updated:
                self.done.was_known("entry")
                self._db.execute("UPDATE staged.entry SET target = ? WHERE n = ?", (here[0], n))
                if here[1] > updated:
                    self._note(f"Line {n}: entry {key!r:.80} stays as it is here: it was changed later.")
                continue
            self._put_entry(n, path, target)

    def _put_entry(self, n: int, path: int, target: int) -> None:
        row = self._db.execute(
            "INSERT INTO entry (path, key, value, created_at, updated_at, ttl, expires_at)"
            " SELECT ?, key, value, created_at, updated_at, ttl, expires_at FROM staged.entry WHERE n = ?"
            " ON CONFLICT (path, key) DO UPDATE SET value = excluded.value, created_at = excluded.created_at,"
            " updated_at = excluded.updated_at, ttl = excluded.ttl, expires_at = excluded.expires_at RETURNING n",
            (path, n),
        ).fetchone()
        self._db.execute("DELETE FROM entry_text WHERE entry = ?", row)
        self._db.execute(
            "INSERT INTO entry_text (entry, text, stems, analyzer)"
            " SELECT ?, text, stems, ? FROM staged.entry_text WHERE entry = ? ORDER BY rowid",
            (row[0], ANALYZER, n),
        )
        self._log(target, "entry", row[0], "put", CAUSE, now())
        self._db.execute("UPDATE staged.entry SET target = ? WHERE n = ?", (row[0], n))
        self.done.came("entry")

    def _rules(self, space: int, target: int, name: str, empty: bool) -> None:
        """Shares open a namespace and retention erases what is there: neither is taken over into one in use."""
        for table, columns in (("share", "reader"), ("retention", "kind, age_s")):
            for n, *values in self._rows(f"SELECT n, {columns} FROM staged.{table} WHERE space = ? ORDER BY n", space):
                same = " AND ".join(f"{column} = ?" for column in columns.split(", "))
                if self._one(f"SELECT 1 FROM {table} WHERE namespace = ? AND {same}", target, *values):
                    self.done.was_known(table)
                elif table == "share" and values[0] == name:
                    self._note(f"Line {n}: the share with {name!r} was left out: a namespace reads itself.")
                elif not empty:
                    self._note(f"Line {n}: the {table} {values} was left out, since {name!r} is in use; set it there.")
                else:
                    places = ", ".join("?" * len(values))
                    self._db.execute(
                        f"INSERT INTO {table} (namespace, {columns}) VALUES (?, {places})", (target, *values)
                    )
                    self._log(target, table, target, "share" if table == "share" else "retain", CAUSE, now())
                    self.done.came(table)
