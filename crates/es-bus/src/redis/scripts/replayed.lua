#!lua flags=allow-oom
-- The dead letters of a partition were tried again, as number so and so asked for.
--
-- KEYS: group
-- ARGV: partition, epoch, number
local epoch = redis.call('HGET', KEYS[1], ARGV[1] .. ':epoch')
if not epoch then return {'lost'} end
if epoch ~= ARGV[2] then return {'fenced', epoch} end
redis.call('HSET', KEYS[1], ARGV[1] .. ':replayed', ARGV[3])
return {'ok'}
