#!lua flags=allow-oom
-- Makes an event a dead letter and moves the place of its partition past it, as one. Done
-- again, it does nothing.
--
-- KEYS: group, letters, parked
-- ARGV: partition, epoch, place (that of the event), least (the place of the last dead letter,
--       which is lost where the server is not there any more), stream, or empty if its later
--       events do not wait, then the fields and values of the letter (with `!alone` if its later
--       events do not wait)
-- Answers {word, ...}: ok; lost; fenced with the epoch that holds.
local state = redis.call('HMGET', KEYS[1], ARGV[1] .. ':epoch', ARGV[1] .. ':at')
if not state[1] then return {'lost'} end
if state[1] ~= ARGV[2] then return {'fenced', state[1]} end
local function split(id)
  local position, part = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(position), tonumber(part)
end
local position, part = split(ARGV[3])
local at_position, at_part = split(state[2])
local least, least_part = split(ARGV[4])
if at_position < least or (at_position == least and at_part < least_part) then return {'lost'} end
if at_position > position or (at_position == position and at_part >= part) then return {'ok'} end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 6))
if ARGV[5] ~= '' then redis.call('HINCRBY', KEYS[3], ARGV[5], 1) end
redis.call('HSET', KEYS[1], ARGV[1] .. ':at', ARGV[3])
return {'ok'}
