#!lua flags=allow-oom
-- Makes the consumer group of competing consumers on every partition where it is missing, at
-- the place that was saved for it.
--
-- KEYS: meta, groups, saved, retry, then the streams of the partitions
-- ARGV: name of the group, start (oldest or newest), rejoins (0 or 1)
-- Answers {word, ...}: none; partitions with how many there are, where these are not all; mode;
--          ok with the log and how many groups were made.
local found = redis.call('HMGET', KEYS[1], 'log', 'through', 'floor', 'partitions')
if not found[1] then return {'none'} end
if tonumber(found[4]) ~= #KEYS - 4 then return {'partitions', found[4]} end
local kind = redis.call('HGET', KEYS[2], ARGV[1])
if kind and kind ~= 'competing' then return {'mode', kind} end
local made = 0
local function has(stream)
  if redis.call('EXISTS', stream) == 0 then return false end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    if group[2] == ARGV[1] then return true end
  end
  return false
end
for at = 5, #KEYS do
  if not has(KEYS[at]) then
    -- `0` would run everything again, `$` would lose what came meanwhile.
    local start = redis.call('HGET', KEYS[3], at - 5)
    if not start then
      local first = not kind and ARGV[2] == 'newest' and ARGV[3] == '0'
      start = (first and found[2] or found[3]) .. '-18446744073709551615'
    end
    redis.call('XGROUP', 'CREATE', KEYS[at], ARGV[1], start, 'MKSTREAM')
    redis.call('HSETNX', KEYS[3], at - 5, start)
    made = made + 1
  end
end
if not has(KEYS[4]) then redis.call('XGROUP', 'CREATE', KEYS[4], ARGV[1], '0', 'MKSTREAM') end
redis.call('HSET', KEYS[2], ARGV[1], 'competing')
return {'ok', found[1], made}
