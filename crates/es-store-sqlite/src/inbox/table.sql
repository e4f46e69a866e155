-- Which messages have had their effect, per handler. The index is for forgetting the old.
CREATE TABLE IF NOT EXISTS es_inbox (
    subscriber TEXT NOT NULL,
    message    TEXT NOT NULL,
    received   INTEGER NOT NULL,
    PRIMARY KEY (subscriber, message)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS es_inbox_received ON es_inbox (subscriber, received);
