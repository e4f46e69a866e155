#!lua flags=allow-oom
-- A competing consumer gives a message up: it becomes a dead letter and is acknowledged, as
-- one. If it is not ours any more, nothing happens.
--
-- KEYS: source, letters, held
-- ARGV: group, consumer, id, is retry (0 or 1), name of the body, then fields and values
-- Answers {word}: ok; gone.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not pending[1] or pending[1][2] ~= ARGV[2] then return {'gone'} end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 6))
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
if ARGV[4] == '1' then redis.call('XDEL', KEYS[1], ARGV[3]) end
redis.call('ZREM', KEYS[3], ARGV[5])
return {'ok'}
