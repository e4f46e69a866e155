#!lua flags=allow-oom
-- A competing consumer failed: the message is put aside until it is due, and acknowledged
-- where it was, as one. If it is not ours any more, nothing happens.
--
-- KEYS: source, waiting, bodies, held
-- ARGV: group, consumer, id, pause in ms, is retry (0 or 1), name of the body, position of the
--       event, then fields and values
-- Answers {word}: ok; gone.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not pending[1] or pending[1][2] ~= ARGV[2] then return {'gone'} end
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[4]
local body = {}
for at = 8, #ARGV do body[#body + 1] = ARGV[at] end
redis.call('HSET', KEYS[3], ARGV[6], cmsgpack.pack(body))
redis.call('ZADD', KEYS[2], string.format('%.0f', due), ARGV[6])
redis.call('ZADD', KEYS[4], ARGV[7], ARGV[6])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
if ARGV[5] == '1' then redis.call('XDEL', KEYS[1], ARGV[3]) end
return {'ok'}
