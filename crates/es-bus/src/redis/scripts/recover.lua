#!lua flags=allow-oom
-- Takes over what a consumer holds that has not been heard of for a while. A call looks at a
-- part of what is pending only, so the cursor must be carried on.
--
-- It is no delivery yet: the answer may be lost, and nobody begins what nobody has heard of.
--
-- KEYS: stream
-- ARGV: group, consumer, idle in ms, cursor, how many at most
-- Answers {word, ...}: nogroup; ok with the next cursor, a list of entry and number of
--          deliveries so far, and how many had been trimmed away.
local reply = redis.pcall('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5],
  'JUSTID')
if type(reply) == 'table' and reply.err then
  if string.find(reply.err, 'NOGROUP', 1, true) then return {'nogroup'} end
  return reply
end
local list = {}
for _, id in ipairs(reply[2]) do
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)
  if entry then list[#list + 1] = {entry, pending[1] and pending[1][4] or 0} end
end
return {'ok', reply[1], list, #(reply[3] or {})}
