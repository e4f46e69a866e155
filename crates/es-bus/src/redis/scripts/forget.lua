#!lua flags=allow-oom
-- Removes a group with everything that is kept for it, dead letters included.
--
-- KEYS: meta, groups, the ten keys of the group, then the streams of the partitions
-- ARGV: name of the group
-- Answers {word, ...}: partitions with how many there are, where these are not all; ok with
--          whether it was there.
local made = redis.call('HGET', KEYS[1], 'partitions')
if made and tonumber(made) ~= #KEYS - 12 then return {'partitions', made} end
local was = redis.call('HDEL', KEYS[2], ARGV[1])
for at = 3, 12 do redis.call('DEL', KEYS[at]) end
for at = 13, #KEYS do
  if redis.call('EXISTS', KEYS[at]) == 1 then redis.call('XGROUP', 'DESTROY', KEYS[at], ARGV[1]) end
end
return {'ok', was}
