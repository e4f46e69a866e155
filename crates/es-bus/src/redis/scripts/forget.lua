#!lua
-- Removes a group with everything that is kept for it, dead letters included.
--
-- KEYS: groups, the ten keys of the group, then the streams of the partitions
-- ARGV: name of the group
-- Answers {ok, whether it was there}.
local was = redis.call('HDEL', KEYS[1], ARGV[1])
for at = 2, 11 do redis.call('DEL', KEYS[at]) end
for at = 12, #KEYS do
  if redis.call('EXISTS', KEYS[at]) == 1 then redis.call('XGROUP', 'DESTROY', KEYS[at], ARGV[1]) end
end
return {'ok', was}
