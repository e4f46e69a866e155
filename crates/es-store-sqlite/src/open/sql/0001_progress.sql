-- How far subscribers have got, and what they could not handle. In the file of a log or of
-- a program's own tables.

-- The epoch outlives the checkpoint: one that came twice would let a worker from before the
-- subscriber was forgotten move the checkpoint of one that claimed after it.
CREATE TABLE es_subscribers (
    name            TEXT    PRIMARY KEY,
    epoch           INTEGER NOT NULL, -- the last one that was given
    log             BLOB    CHECK (length(log) = 16), -- NULL: forgotten, as are the columns below
    position        INTEGER CHECK ((position IS NULL) = (log IS NULL)),
    event           BLOB    CHECK (length(event) = 16),
    owner           TEXT    CHECK ((owner IS NULL) = (log IS NULL)),
    updated_at      INTEGER CHECK ((updated_at IS NULL) = (log IS NULL))
) STRICT, WITHOUT ROWID;

-- The tenant is '' for a stream that belongs to none. Times are microseconds since 1970.
CREATE TABLE es_dead_letters (
    subscriber      TEXT    NOT NULL,
    position        INTEGER NOT NULL,
    event           BLOB    NOT NULL CHECK (length(event) = 16),
    category        TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    tenant          TEXT    NOT NULL,
    cause           TEXT,
    attempts        INTEGER NOT NULL,
    first_failed_at INTEGER NOT NULL,
    last_failed_at  INTEGER NOT NULL,
    PRIMARY KEY (subscriber, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX es_dead_letters_stream
    ON es_dead_letters (subscriber, tenant, category, key, position);

CREATE TABLE es_skipped (
    subscriber      TEXT    NOT NULL,
    position        INTEGER NOT NULL,
    event           BLOB    NOT NULL CHECK (length(event) = 16),
    category        TEXT    NOT NULL,
    key             TEXT    NOT NULL,
    tenant          TEXT    NOT NULL,
    cause           TEXT,
    attempts        INTEGER NOT NULL,
    first_failed_at INTEGER NOT NULL,
    last_failed_at  INTEGER NOT NULL,
    reason          TEXT    NOT NULL,
    PRIMARY KEY (subscriber, position)
) STRICT, WITHOUT ROWID;
