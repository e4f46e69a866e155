#!lua
-- Publishes events of one log in its order. The id of an entry is the position in the log, so
-- one that comes again is known, and one that comes late cannot get in behind a later one.
--
-- KEYS: meta, bell, then the streams of the partitions
-- ARGV: log, relay, epoch, since (what the caller has published), through, room, and for each
--       event: partition, number of values, position, part, then its fields and values
-- Answers {word, ...}: ok with the number of entries; lost, full, log, fenced.
local meta, bell = KEYS[1], KEYS[2]
local found = redis.call('HMGET', meta, 'log', 'relay', 'epoch', 'through')
if not found[1] or found[2] ~= ARGV[2] then return {'lost'} end
if found[1] ~= ARGV[1] then return {'log', found[1]} end
if tonumber(found[3]) > tonumber(ARGV[3]) then return {'fenced', found[3]} end
-- A server that was rolled back, as by a failover, knows less than the caller has published.
if tonumber(found[4]) < tonumber(ARGV[4]) then return {'lost'} end
local length, last = 0, {}
for at = 3, #KEYS do
  local here = redis.call('XLEN', KEYS[at])
  length = length + here
  local known = redis.call('HGET', meta, 'l' .. (at - 3))
  if known then
    local position, part = string.match(known, '^(%d+)-(%d+)$')
    last[at - 3] = {tonumber(position), tonumber(part)}
    if here == 0 then
      -- A stream that is gone, or was made anew by a reader, must not be added to: what it
      -- lacks could not get in afterwards.
      if redis.call('EXISTS', KEYS[at]) == 0 then return {'lost'} end
      local has = redis.call('XINFO', 'STREAM', KEYS[at])[8]
      if tonumber(string.match(has, '^%d+')) < last[at - 3][1] then return {'lost'} end
    end
  end
end
if #ARGV > 6 and length >= tonumber(ARGV[6]) then return {'full'} end
local added, at, changed = 0, 7, {}
while at <= #ARGV do
  local partition, values = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local position, part = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local before = last[partition]
  if not before or position > before[1] or (position == before[1] and part > before[2]) then
    local id = ARGV[at + 2] .. '-' .. ARGV[at + 3]
    redis.call('XADD', KEYS[partition + 3], id, unpack(ARGV, at + 4, at + 3 + values))
    last[partition] = {position, part}
    changed['l' .. partition] = id
    added = added + 1
  end
  at = at + 4 + values
end
for field, id in pairs(changed) do redis.call('HSET', meta, field, id) end
if tonumber(found[4]) < tonumber(ARGV[5]) then redis.call('HSET', meta, 'through', ARGV[5]) end
if added > 0 then redis.call('XADD', bell, 'MAXLEN', '1', '*', 'n', added) end
return {'ok', added}
