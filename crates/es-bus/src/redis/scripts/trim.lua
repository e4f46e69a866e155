#!lua flags=allow-oom
-- Trims each partition up to what every group has consumed, and says up to where that is.
-- Never above what somebody still needs: with no group at all, nothing is trimmed.
--
-- KEYS: meta, groups, then the streams of the partitions
-- ARGV: log, relay, epoch, prefix of the keys of groups, grace in ms, since (what the caller
--       has published)
-- Answers {word, ...}: ok with a position and the names and modes of the groups; lost, fenced.
local meta, groups = KEYS[1], KEYS[2]
local found = redis.call('HMGET', meta, 'log', 'relay', 'epoch', 'through', 'floor', 'made')
if not found[1] or found[1] ~= ARGV[1] or found[2] ~= ARGV[2] then return {'lost'} end
if tonumber(found[3]) > tonumber(ARGV[3]) then return {'fenced', found[3]} end
-- A server that was rolled back lacks events that nothing new may ever follow: the log is quiet.
if tonumber(found[4]) < tonumber(ARGV[6]) then return {'lost'} end
local function split(id)
  local position, part = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(position), tonumber(part)
end
local function below(one, other)
  local a, b = split(one)
  local c, d = split(other)
  return a < c or (a == c and b < d)
end
local function before(id)
  local position, part = split(id)
  if part > 0 then return string.format('%.0f-%.0f', position, part - 1) end
  -- The largest part that an id can have: everything of the position before.
  return string.format('%.0f-18446744073709551615', position - 1)
end
local names = redis.call('HGETALL', groups)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Groups that were lost with a former topic of this name have so long to come back.
local is_young = now - tonumber(found[6]) < tonumber(ARGV[5])
local floor = found[5] .. '-0'
local consumed = tonumber(found[4])
for at = 3, #KEYS do
  local stream, number = KEYS[at], at - 3
  local last = redis.call('HGET', meta, 'l' .. number)
  if last then
    if redis.call('EXISTS', stream) == 0 then return {'lost'} end
    if below(redis.call('XINFO', 'STREAM', stream)[8], last) then return {'lost'} end
  end
  local lowest = nil
  local place = {}
  for _, group in ipairs(redis.call('EXISTS', stream) == 1 and redis.call('XINFO', 'GROUPS', stream) or {}) do
    place[group[2]] = group[8]
  end
  for name = 1, #names, 2 do
    local group, mark = names[name], nil
    if names[name + 1] == 'ordered' then
      mark = redis.call('HGET', ARGV[4] .. 'o:' .. group, number .. ':at') or floor
    elseif place[group] then
      local pending = redis.call('XPENDING', stream, group)
      mark = place[group]
      if pending[1] > 0 then mark = before(pending[2]) end
      redis.call('HSET', ARGV[4] .. 's:' .. group, number, mark)
    else
      mark = redis.call('HGET', ARGV[4] .. 's:' .. group, number) or floor
    end
    if not lowest or below(mark, lowest) then lowest = mark end
  end
  if is_young or not lowest then
    consumed = math.min(consumed, tonumber(found[5]))
  elseif last then
    local position, part = split(lowest)
    if below(lowest, last) then
      consumed = math.min(consumed, math.max(position - 1, tonumber(found[5])))
    end
    local from
    if string.match(lowest, '-(%d+)$') == '18446744073709551615' then
      from = string.format('%.0f-0', position + 1)
    else
      from = string.format('%.0f-%.0f', position, part + 1)
    end
    redis.call('XTRIM', stream, 'MINID', from)
  end
end
-- What waits for another attempt is not in the partitions any more, and not consumed either.
for name = 1, #names, 2 do
  local held = redis.call('ZRANGE', ARGV[4] .. 'h:' .. names[name], 0, 0, 'WITHSCORES')
  if held[2] then
    consumed = math.min(consumed, math.max(tonumber(held[2]) - 1, tonumber(found[5])))
  end
end
local text = string.format('%.0f', consumed)
redis.call('HSET', meta, 'floor', text)
return {'ok', text, names}
