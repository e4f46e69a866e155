#!lua
-- Keeps a snapshot, unless a newer one of the same log is there.
--
-- KEYS: snapshot. ARGV: log, version, event, time, content type, state, milliseconds to keep
-- it or 0.

local known = redis.call('HMGET', KEYS[1], 'log', 'version')
local version = ARGV[2]
if known[1] == ARGV[1] and (#known[2] > #version or (#known[2] == #version and known[2] > version)) then
    return 0
end
redis.call('HSET', KEYS[1], 'log', ARGV[1], 'version', version, 'event', ARGV[3],
    'taken', ARGV[4], 'type', ARGV[5], 'state', ARGV[6])
if ARGV[7] == '0' then
    redis.call('PERSIST', KEYS[1])
else
    redis.call('PEXPIRE', KEYS[1], ARGV[7])
end
return 1
