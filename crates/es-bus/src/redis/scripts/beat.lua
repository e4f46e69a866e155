#!lua
-- A competing consumer says that it still works on these messages. Those that somebody else
-- has taken over meanwhile are not taken back.
--
-- KEYS: source
-- ARGV: group, consumer, then ids
-- Answers {ok, how many are still ours}.
local own = 0
for at = 3, #ARGV do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[at], ARGV[at], 1)
  if pending[1] and pending[1][2] == ARGV[2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[at], 'JUSTID')
    own = own + 1
  end
end
return {'ok', own}
