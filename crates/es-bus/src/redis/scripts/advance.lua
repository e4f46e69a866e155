#!lua
-- Moves the place of a partition forward if the epoch still holds.
--
-- KEYS: group
-- ARGV: partition, epoch, place
-- Answers {word, ...}: ok; lost; fenced with the epoch that holds.
local state = redis.call('HMGET', KEYS[1], ARGV[1] .. ':epoch', ARGV[1] .. ':at')
if not state[1] then return {'lost'} end
if state[1] ~= ARGV[2] then return {'fenced', state[1]} end
redis.call('HSET', KEYS[1], ARGV[1] .. ':at', ARGV[3])
return {'ok'}
