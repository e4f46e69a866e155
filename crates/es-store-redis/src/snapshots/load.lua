#!lua flags=no-writes
-- A snapshot, one level down, where the client takes no value of it for a message.
--
-- KEYS: snapshot.

return { redis.call('HMGET', KEYS[1], 'log', 'version', 'event', 'taken', 'type', 'state') }
