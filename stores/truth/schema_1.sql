-- The truth of schema 1.

CREATE TABLE IF NOT EXISTS namespace (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE IF NOT EXISTS session (
    n           INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace   INTEGER NOT NULL REFERENCES namespace (id),
    id          TEXT NOT NULL,             -- the caller's key, or one made from the content
    content     TEXT NOT NULL,             -- sha256 of text and time
    time        TEXT,                      -- when it happened, ISO 8601
    metadata    TEXT NOT NULL,             -- JSON object
    payload     TEXT,                      -- JSON {text, turns}, until filed
    accepted_at TEXT NOT NULL,
    filed_at    TEXT,
    UNIQUE (namespace, id),
    UNIQUE (namespace, content)
) STRICT;

CREATE TABLE IF NOT EXISTS page (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    session   INTEGER NOT NULL REFERENCES session (n),
    part      INTEGER NOT NULL,            -- 1 to parts
    parts     INTEGER NOT NULL,
    text      TEXT NOT NULL,               -- word for word
    sha256    TEXT NOT NULL,
    header    TEXT NOT NULL,
    memo      TEXT NOT NULL,
    title     TEXT NOT NULL,
    time_key  REAL,                        -- seconds since 1970 by the session's own clock
    analyzer  TEXT NOT NULL,               -- which version made the stems of its passages
    UNIQUE (session, part)
) STRICT;

CREATE TABLE IF NOT EXISTS passage (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    page    INTEGER NOT NULL REFERENCES page (seq),
    start   INTEGER NOT NULL,              -- characters of page.text, half open
    "end"   INTEGER NOT NULL,
    speaker TEXT,
    stems   TEXT NOT NULL                  -- separated by spaces
) STRICT;

CREATE TABLE IF NOT EXISTS embedding (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    model   TEXT NOT NULL,
    passage INTEGER NOT NULL REFERENCES passage (seq),
    vector  BLOB NOT NULL,                 -- float32, little endian
    UNIQUE (model, passage)
) STRICT;

CREATE TABLE IF NOT EXISTS probe (
    model  TEXT PRIMARY KEY,
    vector BLOB NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS change (
    n         INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    kind      TEXT NOT NULL,               -- 'page'
    ref       INTEGER NOT NULL,            -- its seq
    op        TEXT NOT NULL,               -- 'put' or 'delete'
    cause     TEXT NOT NULL,
    at        TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS mark (
    name TEXT PRIMARY KEY,
    n    INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS session_waiting ON session (namespace, n) WHERE filed_at IS NULL;

CREATE INDEX IF NOT EXISTS page_namespace ON page (namespace, seq);

CREATE INDEX IF NOT EXISTS page_time ON page (namespace, time_key);

CREATE INDEX IF NOT EXISTS passage_page ON passage (page, seq);

CREATE INDEX IF NOT EXISTS embedding_model ON embedding (model, n);

CREATE INDEX IF NOT EXISTS change_namespace ON change (namespace, n);
