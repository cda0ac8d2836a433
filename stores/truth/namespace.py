"""A namespace is a column: its name becomes a number here, and never a folder or a collection."""

from __future__ import annotations

from ..errors import BadInput
from .database import Connection, Database

_LONGEST = 512  # characters
BELOW = "/*"


class Namespace:
    """One namespace of a database; it exists from its first write on.

    Names may be paths, such as `team/ana`. That alone shares nothing: who reads what is said by `shares.share`.
    """

    def __init__(self, database: Database, name: str) -> None:
        validate_name(name)
        self.name = name
        above = {f"above_{n}": path + BELOW for n, path in enumerate(_above(name))}
        self.values = {"name": name, **above}
        self.database: Database = database.for_readers(self.values.values())
        readers = ", ".join(f":{key}" for key in self.values)
        self.readable_sql = (
            f"SELECT id FROM namespace WHERE name = :name UNION SELECT namespace FROM share WHERE reader IN ({readers})"
        )
        """The numbers of all that it may read, as a subquery; its values are `values`."""

    def number(self, db: Connection) -> int:
        """Its number; 0, which no row has, while it is empty."""
        row = db.execute("SELECT id FROM namespace WHERE name = ?", (self.name,)).fetchone()
        return row[0] if row else 0

    def readable(self, db: Connection) -> tuple[int, ...]:
        """The numbers of all that it may read: its own, then those that are shared with it."""
        own = self.number(db)
        return (own, *sorted(n for (n,) in db.execute(self.readable_sql, self.values).fetchall() if n != own))

    def enter(self, db: Connection) -> int:
        """Its number, made if need be; inside a write transaction only."""
        return self.number(db) or int(
            db.execute("INSERT INTO namespace (name) VALUES (?) RETURNING id", (self.name,)).fetchone()[0]
        )


def names(database: Database) -> list[str]:
    return [name for (name,) in database.fetch("SELECT name FROM namespace ORDER BY name")]


def _above(name: str) -> list[str]:
    """`a/b/c` to `a` and `a/b`."""
    return [name[:at] for at, character in enumerate(name) if character == "/"]


def validate_name(name: str) -> None:
    if (
        not isinstance(name, str)
        or not name.strip()
        or len(name) > _LONGEST
        or any(c == "\0" or "\ud800" <= c <= "\udfff" for c in name)
    ):
        raise BadInput(
            f"A namespace is any name of 1 to {_LONGEST} characters without NUL and lone surrogates; got {name!r:.60}."
        )
