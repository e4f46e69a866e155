#!lua flags=allow-oom
-- An ordered consumer gives partitions back in good order; with leave, it goes.
--
-- KEYS: group, members
-- ARGV: consumer, leave (0 or 1), then for each partition: number, epoch
for at = 3, #ARGV, 2 do
  local state = redis.call('HMGET', KEYS[1], ARGV[at] .. ':owner', ARGV[at] .. ':epoch')
  if state[1] == ARGV[1] and state[2] == ARGV[at + 1] then
    redis.call('HSET', KEYS[1], ARGV[at] .. ':owner', '', ARGV[at] .. ':till', '0')
  end
end
if ARGV[2] == '1' then redis.call('ZREM', KEYS[2], ARGV[1]) end
return {'ok'}
