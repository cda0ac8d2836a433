"""Row-level security: the server itself shows a transaction only the namespaces that it has named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psycopg import sql

from ..errors import BadInput
from .postgres_connection import PostgresConnection

EVERYTHING = "SELECT set_config('jitmem.namespaces', '{(,)}', true), set_config('jitmem.own', '{(,)}', true)"
"""For what looks after all namespaces: embeddings, queues, the doctor, exports of everything."""
_READ, _WRITE = (
    f"(SELECT nullif(current_setting('jitmem.{name}', true), '')::int8multirange)" for name in ("namespaces", "own")
)
_OWNER: Mapping[str, str] = {"namespace": "id"} | dict.fromkeys(
    "session page posting change item proposal entry_path share retention erasure passage_vector item_vector".split(),
    "namespace",
)
"""Of each table with the number of its namespace, the column."""
# Of every other table with content: where it leads, and the query that gives its namespace.
_PAGE = ("page WHERE page.seq = {table}.page", "SELECT namespace FROM page WHERE page.seq = {table}.page")
_PARENTS: Mapping[str, tuple[str, str]] = {
    "passage": _PAGE,
    "indexed_page": _PAGE,
    "uncurated": _PAGE,
    "embedding": (
        "passage WHERE passage.seq = embedding.passage",
        "SELECT namespace FROM passage JOIN page ON page.seq = passage.page WHERE passage.seq = embedding.passage",
    ),
    "item_version": ("item WHERE item.seq = item_version.item",) * 2,
    "item_embedding": (
        "item_version WHERE item_version.n = item_embedding.version",
        "SELECT namespace FROM item_version AS own JOIN item ON item.seq = own.item WHERE own.n = item_embedding.version",
    ),
    "entry": ("entry_path WHERE entry_path.n = entry.path",) * 2,
    "entry_text": (
        "entry WHERE entry.n = entry_text.entry",
        "SELECT namespace FROM entry JOIN entry_path ON entry_path.n = entry.path WHERE entry.n = entry_text.entry",
    ),
    "entry_embedding": (
        "entry_text WHERE entry_text.n = entry_embedding.text",
        "SELECT namespace FROM entry_text AS own JOIN entry ON entry.n = own.entry JOIN entry_path"
        " ON entry_path.n = entry.path WHERE own.n = entry_embedding.text",
    ),
}
TABLES = (*_OWNER, *_PARENTS)
"""Every table that holds what belongs to a namespace."""
_FUNCTIONS = """
CREATE OR REPLACE FUNCTION "{schema}".see_namespaces(names text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE own int8multirange; readable int8multirange;
BEGIN  -- names: its own first, then `a/*` for each part of the path above it
    PERFORM set_config('jitmem.namespaces', '{{(,)}}', true), set_config('jitmem.own', '{{(,)}}', true);
    SELECT coalesce(range_agg(int8range(id, id, '[]')) FILTER (WHERE name = names[1]), '{{}}'),
           coalesce(range_agg(int8range(id, id, '[]')), '{{}}') INTO own, readable
    FROM "{schema}".namespace WHERE name = names[1]
        OR id IN (SELECT namespace FROM "{schema}".share WHERE reader = ANY (names));
    PERFORM set_config('jitmem.namespaces', readable::text, true), set_config('jitmem.own', own::text, true),
            set_config('jitmem.names', names::text, true);
END $$;
CREATE OR REPLACE FUNCTION "{schema}".see_new_namespace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN  -- one begins with its first write, and belongs from then on to the transaction that makes it
    IF NEW.name = (nullif(current_setting('jitmem.names', true), '')::text[])[1] THEN
        PERFORM set_config('jitmem.own', int8multirange(int8range(NEW.id, NEW.id, '[]'))::text, true),
                set_config('jitmem.namespaces', (current_setting('jitmem.namespaces')::int8multirange
                           + int8multirange(int8range(NEW.id, NEW.id, '[]')))::text, true);
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER see_new_namespace BEFORE INSERT ON "{schema}".namespace
    FOR EACH ROW EXECUTE FUNCTION "{schema}".see_new_namespace()
"""
_VIEWS = "standing_session", "standing_page", "standing_item"


def see(schema: str, names: Iterable[str]) -> str:
    """The statement that limits a transaction to the namespace of the first name and what is shared with any of them."""
    return f'SELECT "{schema}".see_namespaces({sql.Literal(list(names)).as_string(None)}::text[])'


def see_numbers(numbers: Iterable[int]) -> str:
    """The statement that limits a transaction to reading these namespaces."""
    ranges = ",".join(f"[{number},{number}]" for number in numbers)
    return f"SELECT set_config('jitmem.namespaces', '{{{ranges}}}', true)"


def is_enabled(connection: PostgresConnection) -> bool:
    """Whether this role sees no row without a setting, or would not if it were no superuser."""
    row = connection.execute(
        "SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(?)", (f'"{connection.schema}".page',)
    ).fetchone()
    return bool(row and row[0])


def tables_with_content(connection: PostgresConnection) -> list[str]:
    """Of `TABLES`: without pgvector two are missing."""
    rows = connection.execute(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(?)",
        (f'"{connection.schema}"',),
    ).fetchall()
    made = {name for (name,) in rows}
    return [table for table in TABLES if table in made]


def enable(connection: PostgresConnection) -> None:
    """The policies of every table, for its owner as well; again after tables or views were made. In a transaction."""
    raw, schema = connection.raw, connection.schema
    raw.execute(f'SET LOCAL search_path TO "{schema}", pg_catalog'.encode())
    raw.execute(_FUNCTIONS.format(schema=schema).encode())
    for view in _VIEWS:
        raw.execute(f'ALTER VIEW "{schema}".{view} SET (security_invoker = true)'.encode())
    for table in tables_with_content(connection):
        name = f'"{schema}".{table}'
        readable, own = _conditions(table)
        for policy, (command, conditions) in {
            "jitmem_read": ("SELECT", f"USING ({readable})"),
            "jitmem_insert": ("INSERT", f"WITH CHECK ({own})"),
            "jitmem_update": ("UPDATE", f"USING ({own}) WITH CHECK ({own})"),
            "jitmem_delete": ("DELETE", f"USING ({own})"),
        }.items():
            raw.execute(f"DROP POLICY IF EXISTS {policy} ON {name}".encode())
            raw.execute(f"CREATE POLICY {policy} ON {name} FOR {command} {conditions}".encode())
        raw.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY".encode())


def disable(connection: PostgresConnection) -> None:
    """The policies stay, without effect."""
    for table in tables_with_content(connection):
        name = f'"{connection.schema}".{table}'
        connection.raw.execute(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY".encode())


def grant_role(connection: PostgresConnection, role: str) -> None:
    """Let a role read and write the memory, and make the temporary tables of an import; `BadInput` where there is none."""
    row = connection.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = ?", (role,)).fetchone()
    if row is None:
        raise BadInput(
            f"There is no role {role!r:.80} in this server; make it first: CREATE ROLE … LOGIN PASSWORD '…'."
        )
    if row[0] and is_enabled(connection):
        raise BadInput(
            f"The role {role!r:.80} is a superuser or has BYPASSRLS, and would see every row in spite of row-level security;"
            " name another one."
        )
    name, schema = sql.Identifier(role), sql.Identifier(connection.schema)
    (database,) = connection.execute("SELECT current_database()").fetchall()[0]
    for statement, place in (
        ("GRANT USAGE ON SCHEMA {} TO {}", schema),
        ("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}", schema),
        ("GRANT TEMPORARY ON DATABASE {} TO {}", sql.Identifier(database)),
    ):
        connection.raw.execute(sql.SQL(statement).format(place, name))


def _conditions(table: str) -> tuple[str, str]:
    """Of a row that may be read, and of one that may be written. Each setting is read once a statement, not once a row."""
    if table in _OWNER:
        readable, own = (f"{setting} @> {table}.{_OWNER[table]}" for setting in (_READ, _WRITE))
        if table == "namespace":  # the row that is just made is returned
            readable += f" OR {own}"
        if table == "share":  # of what is shared, not with whom else
            names = "(SELECT nullif(current_setting('jitmem.names', true), '')::text[])"
            readable = f"{own} OR reader = ANY ({names}::text[])"
        return readable, own
    parent, owner = (text.format(table=table) for text in _PARENTS[table])
    if not owner.startswith("SELECT"):
        owner = f"SELECT namespace FROM {owner}"
    whole = "(SELECT current_setting('jitmem.namespaces', true) = '{(,)}')"
    return f"{whole} OR EXISTS (SELECT 1 FROM {parent})", f"{_WRITE} @> ({owner})"
