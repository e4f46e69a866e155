-- The newest snapshot of each key: a cache, which may be emptied at any time.

CREATE TABLE es_snapshots (
    category     TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    tenant       TEXT    NOT NULL, -- '' for a stream that belongs to none
    fingerprint  INTEGER NOT NULL, -- the 64 bits of it, as SQLite's signed integer
    version      INTEGER NOT NULL,
    event        BLOB    NOT NULL CHECK (length(event) = 16),
    log          BLOB    NOT NULL CHECK (length(log) = 16),
    taken_at     INTEGER NOT NULL, -- microseconds since 1970
    content_type TEXT,             -- NULL: application/json
    state        BLOB    NOT NULL,
    PRIMARY KEY (category, key, tenant, fingerprint)
) STRICT;
