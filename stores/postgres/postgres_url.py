"""Where a memory in PostgreSQL is: `postgresql://user@host/database?schema=jitmem`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..errors import BadInput

SCHEMA = "jitmem"
CONNECTIONS = 10
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_RESERVED = ("pg_", "information_schema")


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """`dsn` is what libpq takes; it may hold a password, and `label` never does."""

    dsn: str
    schema: str
    connections: int
    label: str

    def __repr__(self) -> str:
        return f"PostgresPlace({self.label})"


def parse_url(url: str) -> PostgresPlace:
    """Of the parameters `schema` (jitmem) and `connections` (10) are ours, all others libpq's; `BadInput`."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    schema, count = given.pop("schema", SCHEMA), given.pop("connections", str(CONNECTIONS))
    if not count.isdecimal() or not 1 <= int(count) <= 1000:
        raise BadInput(f"connections in the URL is a whole number from 1 to 1000, not {count!r:.40}.")
    validate_schema(schema)
    dsn = urlunsplit(parts._replace(query=urlencode(given)))
    host = parts.netloc.rpartition("@")[2]
    return PostgresPlace(dsn, schema, int(count), f"{parts.scheme}://{host}{parts.path}?schema={schema}")


def validate_schema(schema: str) -> None:
    if not _NAME.fullmatch(schema) or schema.startswith(_RESERVED):
        raise BadInput(
            f"A schema is a name of lower case letters, digits and _, at most 63, and not one of PostgreSQL's own; got"
            f" {schema!r:.70}."
        )
