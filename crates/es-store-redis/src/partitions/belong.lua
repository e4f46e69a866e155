#!lua
-- Notes in a partition which set it belongs to, unless it belongs to one.
-- KEYS: meta of the partition. ARGV: id of the set, 1 to note it in any case.
-- Reply: id of the partition's log, id of the set; nothing for a log that is gone.
if redis.call('HEXISTS', KEYS[1], 'log') == 0 then return {} end
if ARGV[2] == '1' then
  redis.call('HSET', KEYS[1], 'set', ARGV[1])
else
  redis.call('HSETNX', KEYS[1], 'set', ARGV[1])
end
return redis.call('HMGET', KEYS[1], 'log', 'set')
