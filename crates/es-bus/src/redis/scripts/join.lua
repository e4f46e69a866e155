#!lua flags=allow-oom
-- An ordered consumer shows that it lives, renews what it owns, and takes its share of what
-- nobody owns. The clock is the server's.
--
-- KEYS: meta, groups, group, members
-- ARGV: name of the group, consumer, lease in ms, start (oldest or newest), rejoins (0 or 1)
-- Answers {word, ...}: none; mode; ok with log, through, how many to give back, replay number,
--          and a list of partition, epoch, place, replayed.
local meta, groups, group, members = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local found = redis.call('HMGET', meta, 'log', 'through', 'partitions', 'floor')
if not found[1] then return {'none'} end
local kind = redis.call('HGET', groups, ARGV[1])
if kind and kind ~= 'ordered' then return {'mode', kind} end
local partitions = tonumber(found[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HEXISTS', group, '0:at') == 0 then
  -- Whoever comes back to a group that is gone must not start at the end.
  local start = found[4]
  if ARGV[4] == 'newest' and ARGV[5] == '0' and not kind then start = found[2] end
  for number = 0, partitions - 1 do
    redis.call('HSETNX', group, number .. ':at', start .. '-18446744073709551615')
    -- Epochs begin with the time, so that one from before a flush is never in force again.
    redis.call('HSETNX', group, number .. ':epoch', string.format('%.0f', now))
  end
end
-- After its places: one that is known and has none does not begin with the newest.
if not kind then redis.call('HSET', groups, ARGV[1], 'ordered') end
local till = string.format('%.0f', now + ARGV[3])
redis.call('ZREMRANGEBYSCORE', members, '-inf', string.format('%.0f', now))
redis.call('ZADD', members, till, ARGV[2])
local share = math.ceil(partitions / redis.call('ZCARD', members))
local own, free = {}, {}
for number = 0, partitions - 1 do
  local state = redis.call('HMGET', group, number .. ':owner', number .. ':till')
  if state[1] == ARGV[2] then
    redis.call('HSET', group, number .. ':till', till)
    own[#own + 1] = number
  elseif not state[1] or state[1] == '' or tonumber(state[2]) <= now then
    free[#free + 1] = number
  end
end
for _, number in ipairs(free) do
  if #own >= share then break end
  redis.call('HSET', group, number .. ':owner', ARGV[2], number .. ':till', till)
  redis.call('HINCRBY', group, number .. ':epoch', 1)
  own[#own + 1] = number
end
local list = {}
for _, number in ipairs(own) do
  local state = redis.call('HMGET', group, number .. ':epoch', number .. ':at', number .. ':replayed')
  list[#list + 1] = {number, state[1], state[2], state[3] or '0'}
end
local replay = redis.call('HGET', group, 'replay') or '0'
return {'ok', found[1], found[2], math.max(#own - share, 0), replay, list}
