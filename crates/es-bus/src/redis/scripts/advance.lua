#!lua flags=allow-oom
-- Moves the place of a partition forward if the epoch still holds.
--
-- KEYS: group
-- ARGV: partition, epoch, place, least (the place of the last dead letter, which is lost where
--       the server is not there any more)
-- Answers {word, ...}: ok; lost; fenced with the epoch that holds.
local state = redis.call('HMGET', KEYS[1], ARGV[1] .. ':epoch', ARGV[1] .. ':at')
if not state[1] then return {'lost'} end
if state[1] ~= ARGV[2] then return {'fenced', state[1]} end
local function split(id)
  local position, part = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(position), tonumber(part)
end
local position, part = split(state[2])
local least, least_part = split(ARGV[4])
if position < least or (position == least and part < least_part) then return {'lost'} end
redis.call('HSET', KEYS[1], ARGV[1] .. ':at', ARGV[3])
return {'ok'}
