#!lua flags=allow-oom
-- Gives a dead letter up.
--
-- KEYS: letters, parked, again
-- ARGV: letter, stream
-- Answers {ok, whether it was there}.
local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
redis.call('HDEL', KEYS[3], ARGV[1])
if not letter then return {'ok', 0} end
redis.call('XDEL', KEYS[1], ARGV[1])
local holds = true
for at = 1, #letter[2], 2 do holds = holds and letter[2][at] ~= '!alone' end
if holds and redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1
  and redis.call('HINCRBY', KEYS[2], ARGV[2], -1) <= 0 then
  redis.call('HDEL', KEYS[2], ARGV[2])
end
return {'ok', 1}
