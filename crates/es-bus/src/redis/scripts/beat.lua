#!lua flags=allow-oom
-- A competing consumer says that it still works on these messages, or begins to. Those that
-- somebody else has taken over meanwhile are not taken back.
--
-- KEYS: source
-- ARGV: group, consumer, 1 if they are begun (which counts as a delivery) or 0, then ids
-- Answers {word, ...}: nogroup; ok with how many are still ours.
local own = 0
for at = 4, #ARGV do
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[at], ARGV[at], 1)
  if pending.err then
    if string.find(pending.err, 'NOGROUP', 1, true) then return {'nogroup'} end
    return pending
  end
  if pending[1] and pending[1][2] == ARGV[2] then
    -- Without a number, JUSTID leaves the counter of deliveries as it is.
    if ARGV[3] == '1' then
      redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[at], 'RETRYCOUNT', pending[1][4] + 1, 'JUSTID')
    else
      redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[at], 'JUSTID')
    end
    own = own + 1
  end
end
return {'ok', own}
