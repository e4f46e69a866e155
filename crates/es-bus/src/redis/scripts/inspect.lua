#!lua flags=no-writes
-- What can be seen of a group.
--
-- KEYS: meta, groups, group, members, letters, parked, saved, retry, waiting, bodies, held, then
--       the streams of the partitions
-- ARGV: name of the group
-- Answers {word, ...}: none; partitions with how many there are, where these are not all; ok
--          with mode, consumers, pending, lag, waiting, letters, parked, and the age in us of the
--          oldest event that is not handled, -1 when that cannot be read.
local kind = redis.call('HGET', KEYS[2], ARGV[1])
local found = redis.call('HMGET', KEYS[1], 'through', 'floor', 'partitions')
local through = found[1]
if not kind or not through then return {'none'} end
if tonumber(found[3]) ~= #KEYS - 11 then return {'partitions', found[3]} end
-- A group of which no consumer came yet will begin there.
local floor = found[2] .. '-18446744073709551615'
local function below(one, other)
  local a, b = string.match(one, '^(%d+)-(%d+)$')
  local c, d = string.match(other, '^(%d+)-(%d+)$')
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  return a < c or (a == c and b < d)
end
local time = redis.call('TIME')
local oldest, is_blind = nil, false
-- Notes when the log recorded the event of these fields, which the fifth word of the first says.
local function note(fields)
  for at = 1, #fields, 2 do
    if fields[at] == 'event' then
      local recorded = tonumber(string.match(fields[at + 1], '^%S+ %S+ %S+ %S+ (%-?%d+)'))
      if recorded and (not oldest or recorded < oldest) then oldest = recorded end
      if recorded then return end
    end
  end
  is_blind = true
end
local function note_first(stream, from)
  local entries = redis.call('XRANGE', stream, from, '+', 'COUNT', 1)
  if entries[1] then note(entries[1][2]) end
  return entries[1]
end
local consumers, pending, lag, seen = 0, 0, 0, {}
local function look(stream)
  local at = nil
  if redis.call('EXISTS', stream) == 0 then return at end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    if group[2] == ARGV[1] then
      at = group[8]
      pending = pending + group[6]
      if group[6] > 0 then note_first(stream, redis.call('XPENDING', stream, ARGV[1])[2]) end
      for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream, ARGV[1])) do
        if not seen[consumer[2]] then
          seen[consumer[2]] = true
          consumers = consumers + 1
        end
      end
    end
  end
  return at
end
for at = 12, #KEYS do
  local number = at - 12
  local place
  if kind == 'ordered' then
    place = redis.call('HGET', KEYS[3], number .. ':at')
  else
    place = look(KEYS[at]) or redis.call('HGET', KEYS[7], number)
  end
  place = place or floor
  local last = redis.call('HGET', KEYS[1], 'l' .. number)
  if last and below(place, last) then
    lag = math.max(lag, tonumber(through) - tonumber(string.match(place, '^%d+')))
    if not note_first(KEYS[at], '(' .. place) then is_blind = true end
  end
end
local waiting = redis.call('ZCARD', KEYS[9])
if kind == 'ordered' then
  local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  consumers = redis.call('ZCOUNT', KEYS[4], '(' .. now, '+inf')
else
  look(KEYS[8])
  note_first(KEYS[8], '-')
  -- Of what waits for its next attempt, the one that is first in the log.
  local held = redis.call('ZRANGE', KEYS[11], 0, 0)
  local body = held[1] and redis.call('HGET', KEYS[10], held[1])
  if body then note(cmsgpack.unpack(body)) end
end
local age = 0
if oldest then age = math.max(time[1] * 1000000 + time[2] - oldest, 0) end
if is_blind then age = -1 end
return {'ok', kind, consumers, pending, string.format('%.0f', lag), waiting,
  redis.call('XLEN', KEYS[5]), redis.call('HLEN', KEYS[6]), string.format('%.0f', age)}
