-- Forgets a few old messages, more than one is added at a time, and notes this one unless it
-- is there. Who notes the same one at the same time waits for the other to commit.
WITH old AS (
    DELETE FROM es_inbox
    WHERE (subscriber, message) IN (
        SELECT subscriber, message FROM es_inbox
        WHERE subscriber = $1
            AND message <> $2
            AND received < clock_timestamp() - make_interval(secs => $3)
        ORDER BY received
        LIMIT 8
        FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO es_inbox (subscriber, message)
VALUES ($1, $2)
ON CONFLICT DO NOTHING
