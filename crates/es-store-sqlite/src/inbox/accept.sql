-- Notes a message, unless it is there.
INSERT INTO es_inbox (subscriber, message, received)
VALUES (?1, ?2, ?3)
ON CONFLICT DO NOTHING
