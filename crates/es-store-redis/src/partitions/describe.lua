#!lua
-- Says how the partitions of a log were made, and writes that down the first time.
-- KEYS: the description. ARGV: id of a new set of partitions, their number, the placement.
-- Reply: one list of fields and values.
if redis.call('HSETNX', KEYS[1], 'set', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'count', ARGV[2], 'placement', ARGV[3])
end
return {redis.call('HGETALL', KEYS[1])}
