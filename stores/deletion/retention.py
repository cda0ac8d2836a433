"""Retention rules: how long pages and items of a kind are kept; older ones are hidden at once and erased by a sweep."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from ..errors import BadInput
from ..truth.database import PERSON, log_change
from ..truth.namespace import Namespace
from .selectors import RETENTION_KINDS

Age = timedelta | str
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_AGE = re.compile(rf"\s*(\d{{1,9}}(?:\.\d{{1,6}})?)\s*({'|'.join(_UNITS)})s?\s*", re.I)
_LONGEST_S = 1000 * 366 * 86400.0


class Retention:
    """The rules of one namespace, by kind: page, core, semantic, episodic."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def rules(self) -> dict[str, timedelta]:
        query = "SELECT kind, age_s FROM retention JOIN namespace ON id = namespace WHERE name = ?"
        rows = dict(self._namespace.database.fetch(query, (self._namespace.name,)))
        return {kind: timedelta(seconds=rows[kind]) for kind in RETENTION_KINDS if kind in rows}

    def set(self, ages: Mapping[str, Age | None]) -> None:
        """Rules by kind; None removes a rule, and what it hid and no sweep has erased is visible again."""
        seconds = {kind: None if age is None else parse_age_s(age) for kind, age in ages.items()}
        with self._namespace.database.write() as db:
            number = self._namespace.enter(db)
            before = dict(db.execute("SELECT kind, age_s FROM retention WHERE namespace = ?", (number,)).fetchall())
            changed = {kind: age for kind, age in seconds.items() if before.get(kind) != age}
            for kind, age in changed.items():
                db.execute("DELETE FROM retention WHERE namespace = ? AND kind = ?", (number, kind))
                if age is not None:
                    db.execute("INSERT INTO retention (namespace, kind, age_s) VALUES (?, ?, ?)", (number, kind, age))
            if changed:
                log_change(db, number, "retention", number, "retain", PERSON)


def parse_age_s(age: Age) -> float:
    """`"90 days"`, `"36 hours"`, a timedelta; seconds, minutes, hours, days and weeks."""
    seconds = age.total_seconds() if isinstance(age, timedelta) else 0.0
    if isinstance(age, str) and (match := _AGE.fullmatch(age)):
        seconds = float(match[1]) * _UNITS[match[2].lower()]
    if not 0 < seconds <= _LONGEST_S:
        raise BadInput(
            f"{age!r:.60} is not how long something is kept; write it like '90 days' or '36 hours' (seconds to weeks),"
            " or give a timedelta, more than nothing and at most 1,000 years."
        )
    return seconds
