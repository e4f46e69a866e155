#!lua
-- Gives the log another identity and lifts its end, so that no position is given again.
-- KEYS: meta. ARGV: id of the log from now on, the least position that it ends at.
-- Reply: where it ends.
local last = tonumber(redis.call('HGET', KEYS[1], 'seq'))
local lifted = string.format('%.0f', math.max(last, tonumber(ARGV[2])))
redis.call('HSET', KEYS[1], 'log', ARGV[1], 'seq', lifted)
return lifted
