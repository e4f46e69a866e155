#!lua flags=allow-oom
-- A dead letter of an ordered group was tried again: it is gone, or it has failed once more.
--
-- KEYS: group, letters, parked, again
-- ARGV: partition, epoch, letter, stream, failure (empty if it was handled)
-- Answers {word, ...}: ok; lost; fenced with the epoch that holds.
local epoch = redis.call('HGET', KEYS[1], ARGV[1] .. ':epoch')
if not epoch then return {'lost'} end
if epoch ~= ARGV[2] then return {'fenced', epoch} end
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[4], ARGV[3], ARGV[5])
  return {'ok'}
end
local letter = redis.call('XRANGE', KEYS[2], ARGV[3], ARGV[3])[1]
if letter then
  redis.call('XDEL', KEYS[2], ARGV[3])
  redis.call('HDEL', KEYS[4], ARGV[3])
  local holds = true
  for at = 1, #letter[2], 2 do holds = holds and letter[2][at] ~= '!alone' end
  if holds and redis.call('HEXISTS', KEYS[3], ARGV[4]) == 1
    and redis.call('HINCRBY', KEYS[3], ARGV[4], -1) <= 0 then
    redis.call('HDEL', KEYS[3], ARGV[4])
  end
end
return {'ok'}
