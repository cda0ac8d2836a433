-- The truth. Everything else (keyword index, Chroma's folder) can be deleted and is rebuilt from here.
CREATE TABLE IF NOT EXISTS namespace (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- The ingestion journal: a session is accepted (payload kept), thought about, then filed (payload gone, pages there).
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
CREATE INDEX IF NOT EXISTS session_waiting ON session (namespace, n) WHERE filed_at IS NULL;
CREATE INDEX IF NOT EXISTS session_age ON session (namespace, accepted_at);

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
CREATE INDEX IF NOT EXISTS page_namespace ON page (namespace, seq);
CREATE INDEX IF NOT EXISTS page_order ON page (namespace, session, part);
CREATE INDEX IF NOT EXISTS page_time ON page (namespace, time_key);

CREATE TABLE IF NOT EXISTS passage (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    page    INTEGER NOT NULL REFERENCES page (seq),
    start   INTEGER NOT NULL,              -- characters of page.text, half open
    "end"   INTEGER NOT NULL,
    speaker TEXT,
    stems   TEXT NOT NULL                  -- separated by spaces
) STRICT;
CREATE INDEX IF NOT EXISTS passage_page ON passage (page, seq);

-- Embeddings are paid once: a vector index is rebuilt from these blobs.
CREATE TABLE IF NOT EXISTS embedding (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    model   TEXT NOT NULL,
    passage INTEGER NOT NULL REFERENCES passage (seq),
    vector  BLOB NOT NULL,                 -- float32, little endian
    UNIQUE (model, passage)
) STRICT;
CREATE INDEX IF NOT EXISTS embedding_model ON embedding (model, n);
CREATE INDEX IF NOT EXISTS embedding_passage ON embedding (passage);

-- What a model makes of one fixed text: another vector means another model behind the name.
CREATE TABLE IF NOT EXISTS probe (
    model  TEXT PRIMARY KEY,
    vector BLOB NOT NULL
) STRICT;

-- Audit log, history and outbox in one, written in the transaction of what it tells.
CREATE TABLE IF NOT EXISTS change (
    n         INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    kind      TEXT NOT NULL,               -- 'page', 'session', 'item', 'entry', 'share', 'retention'
    ref       INTEGER NOT NULL,            -- its seq
    op        TEXT NOT NULL,               -- of a page 'put', of an item 'insert', 'update', 'delete' or 'undo', of
                                           -- any 'forget', of a retention 'retain'
    cause     TEXT NOT NULL,               -- who: memorizer, tool, person
    at        TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS change_namespace ON change (namespace, n);
CREATE INDEX IF NOT EXISTS change_erased ON change (namespace, n) WHERE op IN ('forget', 'retain');

-- Memory items: what a model or a person holds worth knowing, edited over time. Every version is kept.
CREATE TABLE IF NOT EXISTS item (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    kind      TEXT NOT NULL,               -- core, semantic or episodic
    sketch    TEXT,                        -- two live items of a kind never share one, NULL while deleted
    version   INTEGER NOT NULL             -- the newest
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS item_sketch ON item (namespace, kind, sketch) WHERE sketch IS NOT NULL;
CREATE INDEX IF NOT EXISTS item_kind ON item (namespace, kind, seq);

CREATE TABLE IF NOT EXISTS item_version (
    n       INTEGER PRIMARY KEY REFERENCES change (n),
    item    INTEGER NOT NULL REFERENCES item (seq),
    version INTEGER NOT NULL,              -- from 1
    content TEXT,                          -- NULL: deleted
    time    TEXT,                          -- of the event, or from when it holds, ISO 8601
    pages   TEXT NOT NULL,                 -- JSON list of the ids of the pages that it comes from
    stems   TEXT NOT NULL,                 -- separated by spaces
    UNIQUE (item, version)
) STRICT;

-- Pages that were filed and whose memories have not been drawn from them yet.
CREATE TABLE IF NOT EXISTS uncurated (
    page INTEGER PRIMARY KEY REFERENCES page (seq)
) STRICT;

-- As `embedding`, of versions of memory items.
CREATE TABLE IF NOT EXISTS item_embedding (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    model   TEXT NOT NULL,
    version INTEGER NOT NULL REFERENCES item_version (n),
    vector  BLOB NOT NULL,
    UNIQUE (model, version)
) STRICT;
CREATE INDEX IF NOT EXISTS item_embedding_model ON item_embedding (model, n);
CREATE INDEX IF NOT EXISTS item_embedding_version ON item_embedding (version);

-- Edits that wait for somebody's yes.
CREATE TABLE IF NOT EXISTS proposal (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace  INTEGER NOT NULL REFERENCES namespace (id),
    edit       TEXT NOT NULL,              -- JSON
    cause      TEXT NOT NULL,
    reason     TEXT NOT NULL,              -- why it waits
    at         TEXT NOT NULL,
    decision   TEXT,                       -- 'approved' or 'rejected', once
    decided_at TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS proposal_waiting ON proposal (namespace, n) WHERE decision IS NULL;

-- What came through LangGraph's BaseStore: a JSON object under a path of labels and a key, the last value only.
CREATE TABLE IF NOT EXISTS entry_path (
    n         INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    labels    TEXT NOT NULL,               -- JSON list without spaces, so the text of a prefix begins this text
    UNIQUE (namespace, labels)
) STRICT;

CREATE TABLE IF NOT EXISTS entry (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    path       INTEGER NOT NULL REFERENCES entry_path (n),
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,              -- JSON object
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    ttl        REAL,                       -- minutes from the last access
    expires_at REAL,                       -- seconds since 1970
    UNIQUE (path, key)
) STRICT;
CREATE INDEX IF NOT EXISTS entry_order ON entry (path);
CREATE INDEX IF NOT EXISTS entry_expiry ON entry (expires_at) WHERE expires_at IS NOT NULL;

-- What of an entry is searched, each text with a vector of its own.
CREATE TABLE IF NOT EXISTS entry_text (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    entry    INTEGER NOT NULL REFERENCES entry (n) ON DELETE CASCADE,
    text     TEXT NOT NULL,
    stems    TEXT NOT NULL,                -- separated by spaces
    analyzer TEXT NOT NULL                 -- which version made the stems
) STRICT;
CREATE INDEX IF NOT EXISTS entry_text_entry ON entry_text (entry);

CREATE TABLE IF NOT EXISTS entry_embedding (
    model  TEXT NOT NULL,
    text   INTEGER NOT NULL REFERENCES entry_text (n) ON DELETE CASCADE,
    vector BLOB NOT NULL,                  -- float32, little endian
    UNIQUE (model, text)
) STRICT;
CREATE INDEX IF NOT EXISTS entry_embedding_text ON entry_embedding (text);

-- Who else may read a namespace: another one by its name, or with `/*` at its end all that lie below.
CREATE TABLE IF NOT EXISTS share (
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    reader    TEXT NOT NULL,
    UNIQUE (reader, namespace)
) STRICT;

-- How long what is of a kind is kept: what is older stands in none of the views below, until it is erased.
CREATE TABLE IF NOT EXISTS retention (
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    kind      TEXT NOT NULL,               -- 'page', or a kind of items
    age_s     REAL NOT NULL,
    UNIQUE (namespace, kind)
) STRICT;

-- What was forgotten: how much, and until its last byte is gone from every file, hashes by which a scan knows it.
CREATE TABLE IF NOT EXISTS erasure (
    n         INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace INTEGER NOT NULL,            -- a number that may name nobody any more
    at        TEXT NOT NULL,
    cause     TEXT NOT NULL,               -- person, retention
    counts    TEXT NOT NULL,               -- JSON object: rows by what they were
    state     TEXT NOT NULL,               -- 'deleted' (rows only), 'pending' (tried), 'erased'
    needles   BLOB,                        -- 64-bit hashes, until it is erased
    scan      TEXT,                        -- JSON object, of the scan that found nothing
    done_at   TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS erasure_open ON erasure (n) WHERE state != 'erased';

-- What is left of sessions where pages are kept for a time only.
CREATE VIEW IF NOT EXISTS standing_session AS
SELECT session.* FROM session WHERE NOT EXISTS (
    SELECT 1 FROM retention
    WHERE retention.namespace = session.namespace AND retention.kind = 'page'
      AND session.accepted_at <= strftime('%Y-%m-%dT%H:%M:%f', 'now', '-' || age_s || ' seconds')
);

-- A page is as old as the memory's knowledge of its session, an item as its newest version.
CREATE VIEW IF NOT EXISTS standing_page AS
SELECT page.* FROM page WHERE NOT EXISTS (
    SELECT 1 FROM retention CROSS JOIN session ON session.n = page.session
    WHERE retention.namespace = page.namespace AND retention.kind = 'page'
      AND session.accepted_at <= strftime('%Y-%m-%dT%H:%M:%f', 'now', '-' || age_s || ' seconds')
);

CREATE VIEW IF NOT EXISTS standing_item AS
SELECT item.* FROM item WHERE NOT EXISTS (
    SELECT 1 FROM retention
    CROSS JOIN item_version AS newest ON newest.item = item.seq AND newest.version = item.version
    CROSS JOIN change AS made ON made.n = newest.n
    WHERE retention.namespace = item.namespace AND retention.kind = item.kind
      AND made.at <= strftime('%Y-%m-%dT%H:%M:%f', 'now', '-' || age_s || ' seconds')
);

-- How far a derived index has read: apply first, then advance.
CREATE TABLE IF NOT EXISTS mark (
    name TEXT PRIMARY KEY,
    n    INTEGER NOT NULL
) STRICT;
