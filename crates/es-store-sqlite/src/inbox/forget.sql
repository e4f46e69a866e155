-- Forgets a few old messages: more than one is added at a time, so that the table shrinks.
DELETE FROM es_inbox
WHERE (subscriber, message) IN (
    SELECT subscriber, message FROM es_inbox
    WHERE subscriber = ?1 AND received < ?2
    ORDER BY received
    LIMIT 8
)
