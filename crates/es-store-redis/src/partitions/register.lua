#!lua
-- Notes in the description of a set which log a partition has, unless one is noted.
-- KEYS: the description. ARGV: number of the partition, id of its log, 1 to note it in any case.
-- Reply: id of the log that is noted.
local field = 'log:' .. ARGV[1]
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], field, ARGV[2])
else
  redis.call('HSETNX', KEYS[1], field, ARGV[2])
end
return redis.call('HGET', KEYS[1], field)
