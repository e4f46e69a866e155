#!lua flags=no-writes
-- Which log it is, where it ends, and where it has an event that was seen.
-- KEYS: meta, the bucket of the event's id. ARGV: the id, empty for none.
-- Reply: log id, last position, the event's position; each may be missing.
local state = redis.call('HMGET', KEYS[1], 'log', 'seq')
local place = ARGV[1] ~= '' and redis.call('HGET', KEYS[2], ARGV[1])
return {state[1], state[2], place}
