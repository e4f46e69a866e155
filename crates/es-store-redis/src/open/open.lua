#!lua
-- Makes the log if it is not there, and says which one is.
-- KEYS: meta. ARGV: version of the layout, id of a new log.
-- Reply: version of the layout, log id, last position.
if redis.call('HSETNX', KEYS[1], 'log', ARGV[2]) == 1 then
  redis.call('HSET', KEYS[1], 'layout', ARGV[1], 'seq', '0', 'time', '0')
end
return redis.call('HMGET', KEYS[1], 'layout', 'log', 'seq')
