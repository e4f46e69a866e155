#!lua flags=allow-oom
-- Takes new messages for a competing consumer, so many at most over all streams, beginning
-- with another stream each time.
--
-- KEYS: streams
-- ARGV: group, consumer, how many at most, first stream (from 0)
-- Answers {word, ...}: nogroup; ok with a list of stream and entry.
local left, list = tonumber(ARGV[3]), {}
for step = 0, #KEYS - 1 do
  if left <= 0 then break end
  local at = (tonumber(ARGV[4]) + step) % #KEYS
  local reply = redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', left, 'STREAMS',
    KEYS[at + 1], '>')
  if type(reply) == 'table' and reply.err then
    if string.find(reply.err, 'NOGROUP', 1, true) then return {'nogroup'} end
    return reply
  end
  if reply then
    for _, entry in ipairs(reply[1][2]) do
      list[#list + 1] = {at, entry}
      left = left - 1
    end
  end
end
return {'ok', list}
