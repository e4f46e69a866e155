-- The log. Positions are dense: the one writer takes them from the last row, inside the
-- transaction that inserts the next.

CREATE TABLE es_log (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    id         BLOB    NOT NULL CHECK (length(id) = 16)
) STRICT;

-- The tenant is '' for a stream that belongs to none.
CREATE TABLE es_streams (
    id         INTEGER PRIMARY KEY,
    category   TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    tenant     TEXT    NOT NULL,
    UNIQUE (category, key, tenant)
) STRICT;

-- What reads by category, tenant and type go by: all events of one tenant, category and
-- type are one family, so that each of these reads is a merge of a few index ranges.
CREATE TABLE es_families (
    id         INTEGER PRIMARY KEY,
    category   TEXT    NOT NULL,
    tenant     TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    UNIQUE (category, tenant, type)
) STRICT;

CREATE TABLE es_events (
    position       INTEGER PRIMARY KEY,
    stream         INTEGER NOT NULL REFERENCES es_streams (id),
    version        INTEGER NOT NULL,
    family         INTEGER NOT NULL REFERENCES es_families (id),
    recorded_at    INTEGER NOT NULL, -- microseconds since 1970, never less than the row before
    id             BLOB    NOT NULL CHECK (length(id) = 16),
    schema_version INTEGER NOT NULL,
    part           INTEGER NOT NULL, -- which event of its append, from 0
    parts          INTEGER NOT NULL, -- how many events its append had
    payload        BLOB    NOT NULL,
    content_type   TEXT,             -- NULL: application/json
    correlation_id BLOB,
    causation_id   BLOB,
    metadata       TEXT,             -- JSON of what there is besides the two ids
    tags           TEXT              -- sorted, one a line
) STRICT;

CREATE UNIQUE INDEX es_events_version ON es_events (stream, version);
CREATE UNIQUE INDEX es_events_id ON es_events (id);
CREATE INDEX es_events_family ON es_events (family);

CREATE TABLE es_tags (
    tag        TEXT    NOT NULL,
    position   INTEGER NOT NULL REFERENCES es_events (position),
    PRIMARY KEY (tag, position)
) STRICT, WITHOUT ROWID;

-- For people: the log as one would like to read it.
CREATE VIEW es_history AS
SELECT
    e.position,
    datetime(e.recorded_at / 1000000, 'unixepoch') AS recorded_at,
    s.tenant,
    s.category,
    s.key,
    e.version,
    f.type,
    e.schema_version,
    CASE WHEN e.content_type IS NULL THEN CAST(e.payload AS TEXT) END AS json,
    lower(hex(e.id)) AS id,
    e.tags,
    e.metadata
FROM es_events AS e
JOIN es_streams AS s ON s.id = e.stream
JOIN es_families AS f ON f.id = e.family;
