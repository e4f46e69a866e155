#!lua
-- Forgets a checkpoint and its dead letters. The epoch stays: none is ever given twice.
--
-- KEYS: checkpoint, parked letters, skipped letters.

redis.call('DEL', KEYS[2], KEYS[3])
redis.call('HDEL', KEYS[1], 'log', 'position', 'event', 'owner', 'token', 'at')
return { 'forgotten' }
