"""From the SQL of the stores, which is SQLite's, to that of PostgreSQL: one text, translated once and remembered.

The stores write plain SQL, and of SQLite's own only what stands here. What is not here must be portable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

TABLES = (
    "namespace", "session", "page", "passage", "embedding", "probe", "change", "item", "item_version", "uncurated",
    "item_embedding", "proposal", "entry_path", "entry", "entry_text", "entry_embedding", "share", "retention", "erasure",
    "standing_session", "standing_page", "standing_item", "mark", "passage_vector", "item_vector", "meta",
)  # fmt: skip
AGE = "to_char(statement_timestamp() AT TIME ZONE 'UTC' - make_interval(secs => {}), 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
"""The time so many seconds ago, by the server's clock, as the stores write times."""

_TABLE = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE)(\s+)({'|'.join(sorted(TABLES, key=len, reverse=True))})\b(?!\s*\.)")
_LITERAL = re.compile(r"""('(?:[^']|'')*'|"[^"]*")""")
_PARAMETER = re.compile(r"\?(\d*)|(?<![:\w]):([a-z_]\w*)")
_NUMBERS = r"json_each\((\?\d*|:\w+)\)"
_EACH = ", LATERAL jsonb_array_elements_text(({})::jsonb) AS {}(value)"
_TEXTS = r"SELECT jsonb_array_elements_text((\1)::jsonb) AS value"
_WHOLE = r"SELECT jsonb_array_elements_text((\1)::jsonb)::bigint AS value"
# In order: pattern and replacement. A column that is called `id` holds text, every other key a number.
_RULES: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\s+INDEXED BY \w+", ""),
        (r"CROSS JOIN json_each\(([\w.]+)\) AS (\w+)", _EACH.format(r"\1", r"\2")),
        (r"CROSS JOIN json_each\((\w+), '\$\.(\w+)'\) AS (\w+)", _EACH.format(r"\1::jsonb -> '\2'", r"\3")),
        (r"\bCROSS JOIN\b", "JOIN"),
        (r"strftime\('%Y-%m-%dT%H:%M:%f', 'now', '-' \|\| ([\w.]+) \|\| ' seconds'\)", AGE.format(r"\1")),
        (rf"\bid IN \(SELECT value FROM {_NUMBERS}\)", f"id IN ({_TEXTS})"),
        (rf"\bIN \(SELECT value FROM {_NUMBERS}\)", f"IN ({_WHOLE})"),
        (rf"SELECT value FROM {_NUMBERS}", _WHOLE),
        (  # rows of lists, each value by its place
            rf"FROM {_NUMBERS} ORDER BY key",
            r"FROM jsonb_array_elements((\1)::jsonb) WITH ORDINALITY AS list(value, key) ORDER BY key",
        ),
        (
            rf"FROM {_NUMBERS} AS given",
            r"FROM (SELECT each::bigint AS value, (key - 1)::int AS key FROM jsonb_array_elements_text((\1)::jsonb)"
            r" WITH ORDINALITY AS list(each, key)) AS given",
        ),
        (r"json_extract\(value, '\$\[(\d)\]'\)", r"(value ->> \1)"),
        (r"json_extract\((\w+), '\$\.(\w+)'\)", r"((\1)::json ->> '\2')"),
        (r"json_group_array\(json_array\(([^()]*)\)\)", r"coalesce(json_agg(json_build_array(\1)), '[]')::text"),
        (r"json_group_array\(([^()]*)\)", r"coalesce(json_agg(\1), '[]')::text"),
        (r"json_object\(([^()]*(?:\([^()]*\)[^()]*)*)\)", r"json_build_object(\1)::text"),
        (r"\bjson\((\w+)\)", r"(\1)::json"),
        (r"\bLIMIT (:\w+|\?)", r"LIMIT nullif(\1, -1)"),
        (r"\bstaged\.(\w+)", r"pg_temp.\1"),
    )
)


class Translation(NamedTuple):
    text: str
    numbered: bool
    """Whether its values are `?1`, `?2`, …"""

    def values(self, given: Sequence[Any] | Mapping[str, Any]) -> Sequence[Any] | Mapping[str, Any]:
        return {f"v{at}": value for at, value in enumerate(given, start=1)} if self.numbered else given


@lru_cache(maxsize=2048)
def translate(sql: str, schema: str) -> Translation:
    """The statement for psycopg, its tables within `schema`."""
    for pattern, replacement in _RULES:
        sql = pattern.sub(replacement, sql)
    sql = _translate_extremes(sql)
    numbered = False

    def place(found: re.Match[str]) -> str:
        nonlocal numbered
        if found[2]:
            return f"%({found[2]})s"
        numbered = numbered or bool(found[1])
        return f"%(v{found[1]})s" if found[1] else "%s"

    def outside_of_literals(rewrite: Callable[[str], str]) -> str:
        parts = _LITERAL.split(sql)
        return "".join(part if at % 2 else rewrite(part) for at, part in enumerate(parts))

    sql = sql.replace("%", "%%")
    sql = outside_of_literals(lambda part: _PARAMETER.sub(place, part))
    sql = outside_of_literals(
        lambda part: re.sub(r"\bmain\.(\w+)", rf'"{schema}".\1', _TABLE.sub(rf'\1\2"{schema}".\3', part))
    )
    return Translation(sql, numbered)


def _translate_extremes(sql: str) -> str:
    """`max(a, b)`, which chooses between values, is `greatest(a, b)`; `max(a)` stays."""
    at = 0
    while found := re.compile(r"\b(max|min)\(").search(sql, at):
        depth, several, at = 1, False, found.end()
        for here in range(found.end(), len(sql)):
            depth += {"(": 1, ")": -1}.get(sql[here], 0)
            several = several or (depth == 1 and sql[here] == ",")
            if not depth:
                break
        if several:
            name = {"max": "greatest", "min": "least"}[found[1]]
            sql, at = f"{sql[: found.start()]}{name}({sql[found.end() :]}", found.start() + len(name) + 1
    return sql
