#!lua
-- What can be seen of a group.
--
-- KEYS: meta, groups, group, members, letters, parked, saved, retry, waiting, then the streams
--       of the partitions
-- ARGV: name of the group
-- Answers {word, ...}: none; ok with mode, consumers, pending, lag, waiting, letters, parked.
local kind = redis.call('HGET', KEYS[2], ARGV[1])
local through = redis.call('HGET', KEYS[1], 'through')
if not kind or not through then return {'none'} end
local function below(one, other)
  local a, b = string.match(one, '^(%d+)-(%d+)$')
  local c, d = string.match(other, '^(%d+)-(%d+)$')
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  return a < c or (a == c and b < d)
end
local consumers, pending, lag, seen = 0, 0, 0, {}
local function look(stream)
  local at = nil
  if redis.call('EXISTS', stream) == 0 then return at end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    if group[2] == ARGV[1] then
      at = group[8]
      pending = pending + group[6]
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
for at = 10, #KEYS do
  local number = at - 10
  local place
  if kind == 'ordered' then
    place = redis.call('HGET', KEYS[3], number .. ':at')
  else
    place = look(KEYS[at]) or redis.call('HGET', KEYS[7], number)
  end
  local last = redis.call('HGET', KEYS[1], 'l' .. number)
  if place and last and below(place, last) then
    lag = math.max(lag, tonumber(through) - tonumber(string.match(place, '^%d+')))
  end
end
local waiting = redis.call('ZCARD', KEYS[9])
if kind == 'ordered' then
  local time = redis.call('TIME')
  local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  consumers = redis.call('ZCOUNT', KEYS[4], '(' .. now, '+inf')
else
  look(KEYS[8])
end
return {'ok', kind, consumers, pending, string.format('%.0f', lag), waiting,
  redis.call('XLEN', KEYS[5]), redis.call('HLEN', KEYS[6])}
