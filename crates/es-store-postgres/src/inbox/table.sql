-- Which messages have had their effect, per handler. The lock lets several processes do this
-- at once; the index is for forgetting the old.
DO $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('es_inbox', 0));
    CREATE TABLE IF NOT EXISTS es_inbox (
        subscriber text NOT NULL,
        message    text NOT NULL,
        received   timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (subscriber, message)
    );
    CREATE INDEX IF NOT EXISTS es_inbox_received ON es_inbox (subscriber, received);
END
$$
