#!lua flags=allow-oom
-- A relay has become the active one: it shuts out those before it and hears up to where the
-- topic has what it published. What is lost is told by what is not there.
--
-- KEYS: meta, groups, then the streams of the partitions
-- ARGV: log, relay, epoch, published, consumed, number of partitions, then names and modes of
--       groups that are known
-- Answers {word, ...}: ok with a position; log, relay, partitions, fenced with what was found.
local meta = KEYS[1]
-- A group that was lost with the topic holds up the trimming before it has come back.
local function groups()
  for at = 7, #ARGV, 2 do redis.call('HSETNX', KEYS[2], ARGV[at], ARGV[at + 1]) end
end
local found = redis.call('HMGET', meta, 'log', 'relay', 'epoch', 'through', 'partitions', 'floor')
if not found[1] then
  -- What is left of streams without their meta has holes, or ids above those that come next.
  -- Everything behind what was consumed comes again.
  for at = 3, #KEYS do redis.call('DEL', KEYS[at]) end
  local time = redis.call('TIME')
  redis.call('HSET', meta, 'log', ARGV[1], 'relay', ARGV[2], 'epoch', ARGV[3],
    'through', ARGV[5], 'floor', ARGV[5], 'partitions', ARGV[6],
    'made', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
  groups()
  return {'ok', ARGV[5]}
end
if found[1] ~= ARGV[1] then return {'log', found[1]} end
if found[2] ~= ARGV[2] then return {'relay', found[2]} end
if found[5] ~= ARGV[6] then return {'partitions', found[5]} end
if tonumber(found[3]) > tonumber(ARGV[3]) then return {'fenced', found[3]} end
local through = found[4]
for at = 3, #KEYS do
  local last = redis.call('HGET', meta, 'l' .. (at - 3))
  if last then
    local has = '0-0'
    if redis.call('EXISTS', KEYS[at]) == 1 then
      has = redis.call('XINFO', 'STREAM', KEYS[at])[8]
    end
    -- The stream is gone, or another one stands in its place.
    if tonumber(string.match(has, '^%d+')) < tonumber(string.match(last, '^%d+')) then
      redis.call('DEL', KEYS[at])
      redis.call('HDEL', meta, 'l' .. (at - 3))
      if tonumber(found[6]) < tonumber(through) then through = found[6] end
    end
  end
end
groups()
redis.call('HSET', meta, 'epoch', ARGV[3], 'through', through)
return {'ok', through}
