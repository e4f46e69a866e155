#!lua
-- Gives a dead letter up.
--
-- KEYS: letters, parked, again
-- ARGV: letter, stream
-- Answers {ok, whether it was there}.
local gone = redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if gone == 1 and redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1
  and redis.call('HINCRBY', KEYS[2], ARGV[2], -1) <= 0 then
  redis.call('HDEL', KEYS[2], ARGV[2])
end
return {'ok', gone}
