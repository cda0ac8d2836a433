"""From the SQL of the stores, which is SQLite's, to that of PostgreSQL: one text, translated once and remembered.

The stores write plain SQL, and of SQLite's own only what stands here. What is not here must be portable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ..truth.database import schema

_SCHEMA = schema()
TABLES = (
    *re.findall(r"CREATE (?:TABLE|VIEW) IF NOT EXISTS (\w+)", _SCHEMA),
    *("meta", "passage_vector", "item_vector"),  # of PostgreSQL alone
)
AGE = "to_char(statement_timestamp() AT TIME ZONE 'UTC' - make_interval(secs => {}), 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
"""The time so many seconds ago, by the server's clock, as the stores write times."""

_TABLE = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE)(\s+)({'|'.join(sorted(TABLES, key=len, reverse=True))})\b(?!\s*\.)")
_LITERAL = re.compile(r"""('(?:[^']|'')*'|"[^"]*")""")
_PARAMETER = re.compile(r"\?(\d*)|(?<![:\w]):([a-z_]\w*)")
_LIST = r"json_each\((\?\d*|:\w+)\)"
_OF_LISTS = re.compile(r"json_extract\((\w+)\.value")  # a list of lists, by its name
_EACH = ", LATERAL jsonb_array_elements_text(({})::jsonb) AS {}(value)"
_WHOLE = r"SELECT jsonb_array_elements_text((\1)::jsonb)::bigint AS value"
# In order: pattern and replacement. A column that is called `id` or `term` holds text, every other key a number.
_RULES: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\binstr\(", "strpos("),
        (r"\s+(?:NOT INDEXED|INDEXED BY \w+)\b", ""),
        (r"CROSS JOIN json_each\(([\w.]+)\) AS (\w+)", _EACH.format(r"\1", r"\2")),
        (r"CROSS JOIN json_each\((\w+), '\$\.(\w+)'\) AS (\w+)", _EACH.format(r"\1::jsonb -> '\2'", r"\3")),
        (r"\bCROSS JOIN\b", "JOIN"),
        (r"strftime\('%Y-%m-%dT%H:%M:%f', 'now', '-' \|\| ([\w.]+) \|\| ' seconds'\)", AGE.format(r"\1")),
        (
            rf"\b(id|term) IN \(SELECT value FROM {_LIST}\)",
            r"\1 IN (SELECT jsonb_array_elements_text((\2)::jsonb) AS value)",
        ),
        (rf"\bIN \(SELECT value FROM {_LIST}\)", f"IN ({_WHOLE})"),
        (rf"SELECT value FROM {_LIST}", _WHOLE),
        (  # rows of lists, each value by its place
            rf"FROM {_LIST} ORDER BY key",
            r"FROM jsonb_array_elements((\1)::jsonb) WITH ORDINALITY AS list(value, key) ORDER BY key",
        ),
        (r"json_extract\((\w+\.value), '\$\[(\d)\]'\)", r"(\1 ->> \2)::bigint"),
        (
            rf"FROM {_LIST} AS (\w+)",
            r"FROM (SELECT each::bigint AS value, (key - 1)::int AS key FROM jsonb_array_elements_text((\1)::jsonb)"
            r" WITH ORDINALITY AS list(each, key)) AS \2",
        ),
        (r"json_extract\(value, '\$\[(\d)\]'\)", r"(value ->> \1)"),
        (r"json_extract\((\w+), '\$\.(\w+)'\)", r"((\1)::json ->> '\2')"),
        (r"json_group_array\(json_array\(([^()]*)\)\)", r"coalesce(json_agg(json_build_array(\1)), '[]')::text"),
        (r"json_group_array\(([^()]*)\)", r"coalesce(json_agg(\1), '[]')::text"),
        (r"json_object\(([^()]*(?:\([^()]*\)[^()]*)*)\)", r"json_build_object(\1)::text"),
        (r"\bjson\((\w+)\)", r"(\1)::json"),
        (r"\bLIMIT (:\w+|\?\d*)", r"LIMIT nullif(\1, -1)"),
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
    for alias in set(_OF_LISTS.findall(sql)):
        sql = re.sub(rf"FROM {_LIST} AS {alias}\b", rf"FROM jsonb_array_elements((\1)::jsonb) AS {alias}(value)", sql)
    for pattern, replacement in _RULES:
        sql = pattern.sub(replacement, sql)
    sql = _translate_functions(sql)
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


# In order. Text is compared byte by byte, as in SQLite; characters are counted in 32 bits, as `substr` wants them.
_TYPES = (
    (r"--[^\n]*", ""),
    (r"\bVIEW IF NOT EXISTS ", "VIEW "),
    (r"\bINTEGER PRIMARY KEY AUTOINCREMENT\b", "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
    (r'^( +(?:start|"end"|part|parts) +)INTEGER\b', r"\1integer"),
    (r"\bINTEGER\b", "bigint"),
    (r"\bTEXT\b", 'text COLLATE "C"'),
    (r"\bREAL\b", "double precision"),
    (r"\bBLOB\b", "bytea"),
    (r"\) STRICT(?:, WITHOUT ROWID)?;", ");"),
)


def translate_types(text: str) -> str:
    """Of the definitions of tables and columns."""
    for pattern, replacement in _TYPES:
        text = re.sub(pattern, replacement, text, flags=re.M)
    return text


def translate_schema(text: str = _SCHEMA) -> list[str]:
    """The statements that make the tables and indexes of the truth where they are missing, and its views, in a schema that
    the search path names."""
    text = translate_types(text)
    for rule, replacement in _RULES:
        text = rule.sub(replacement, text)
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def _translate_functions(sql: str) -> str:
    """`max(a, b)`, which chooses between values, is `greatest(a, b)`, and `max(a)` stays; `iif(a, b, c)` is a CASE."""
    at = 0
    while found := re.compile(r"\b(max|min|iif)\(").search(sql, at):
        end, commas = _find_arguments(sql, found.end())
        at = found.end()
        if found[1] == "iif":
            first, second = commas
            parts = sql[at:first], sql[first + 1 : second], sql[second + 1 : end]
            sql = "{}CASE WHEN {} THEN {} ELSE {} END{}".format(sql[: found.start()], *parts, sql[end + 1 :])
            at = found.start()
        elif commas:
            name = {"max": "greatest", "min": "least"}[found[1]]
            sql, at = f"{sql[: found.start()]}{name}({sql[at:]}", found.start() + len(name) + 1
    return sql


def _find_arguments(sql: str, start: int) -> tuple[int, list[int]]:
    """Where the bracket that was opened before `start` is closed, and the commas between its arguments."""
    depth, commas, at = 1, list[int](), start
    while True:
        depth += {"(": 1, ")": -1}.get(sql[at], 0)
        if not depth:
            return at, commas
        if depth == 1 and sql[at] == ",":
            commas.append(at)
        at += 1
