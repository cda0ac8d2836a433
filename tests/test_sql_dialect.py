"""From the SQL of the stores to PostgreSQL's: parameters, lists, hints, times, tables."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("psycopg", reason="PostgreSQL is not tested: psycopg is not installed.")
from jitmem.stores.postgres.sql_dialect import AGE, translate, translate_schema
from jitmem.stores.truth.database import schema


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("SELECT n FROM mark WHERE name = ?", 'SELECT n FROM "s".mark WHERE name = %s'),
        ("SELECT :a || ':' || :b", "SELECT %(a)s || ':' || %(b)s"),
        ("SELECT 1 WHERE name LIKE 'chroma:%'", "SELECT 1 WHERE name LIKE 'chroma:%%'"),
        ("SELECT ?2, ?1", "SELECT %(v2)s, %(v1)s"),
        ("SELECT ?::bigint[]", "SELECT %s::bigint[]"),
        ("SELECT page.text FROM page JOIN session ON true", 'SELECT page.text FROM "s".page JOIN "s".session ON true'),
        ("FROM change INDEXED BY change_namespace WHERE n = 1", 'FROM "s".change WHERE n = 1'),
        ("FROM state CROSS JOIN change ON true", 'FROM state JOIN "s".change ON true'),
        ("INSERT INTO main.page SELECT * FROM staged.page", 'INSERT INTO "s".page SELECT * FROM pg_temp.page'),
        ("max(mark.n, excluded.n)", "greatest(mark.n, excluded.n)"),
        ("SELECT max(n), min(max(1, 2), f(3, 4))", "SELECT max(n), least(greatest(1, 2), f(3, 4))"),
        ("SET a = iif(b = 'x', max(c, 1), d)", "SET a = CASE WHEN b = 'x' THEN  greatest(c, 1) ELSE  d END"),
        ("LIMIT :count OFFSET :offset", "LIMIT nullif(%(count)s, -1) OFFSET %(offset)s"),
        (
            "page.id IN (SELECT value FROM json_each(:ids))",
            "page.id IN (SELECT jsonb_array_elements_text((%(ids)s)::jsonb) AS value)",
        ),
        (
            "term IN (SELECT value FROM json_each(?2))",
            "term IN (SELECT jsonb_array_elements_text((%(v2)s)::jsonb) AS value)",
        ),
        (
            "SELECT json_extract(range.value, '$[1]') FROM json_each(:ranges) AS range",
            "SELECT (range.value ->> 1)::bigint FROM jsonb_array_elements((%(ranges)s)::jsonb) AS range(value)",
        ),
        (
            "entry.n IN (SELECT value FROM json_each(?))",
            "entry.n IN (SELECT jsonb_array_elements_text((%s)::jsonb)::bigint AS value)",
        ),
        (
            "a <= strftime('%Y-%m-%dT%H:%M:%f', 'now', '-' || retention.age_s || ' seconds')",
            f"a <= {AGE.format('retention.age_s')}",
        ),
        ("SELECT ':name', '?' FROM probe", "SELECT ':name', '?' FROM \"s\".probe"),
    ],
)
def test_a_statement_means_the_same_in_postgresql(ours: str, theirs: str) -> None:
    assert translate(ours, "s").text == theirs


def test_the_schema_is_that_of_the_folder_with_types_of_postgresql() -> None:
    text = ";\n".join(translate_schema())
    assert text.count("CREATE TABLE") == schema().count("CREATE TABLE")
    assert text.count("CREATE VIEW") == schema().count("CREATE VIEW") == 3
    assert not re.search(r"\b(STRICT|INTEGER|AUTOINCREMENT|TEXT|BLOB|REAL|strftime|CROSS|VIEW IF)\b", text)
