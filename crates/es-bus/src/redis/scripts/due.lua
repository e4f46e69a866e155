#!lua flags=allow-oom
-- Puts the messages whose pause is over where competing consumers find them.
--
-- KEYS: waiting, bodies, retry
-- ARGV: how many at most
-- Answers {ok, how many, ms until the next or -1}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local names = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now),
  'LIMIT', 0, ARGV[1])
for _, name in ipairs(names) do
  local body = redis.call('HGET', KEYS[2], name)
  if body then redis.call('XADD', KEYS[3], '*', unpack(cmsgpack.unpack(body))) end
  redis.call('HDEL', KEYS[2], name)
  redis.call('ZREM', KEYS[1], name)
end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local pause = -1
if next[2] then pause = math.max(tonumber(next[2]) - now, 0) end
return {'ok', #names, pause}
