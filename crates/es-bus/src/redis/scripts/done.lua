#!lua flags=allow-oom
-- Messages of one source were handled.
--
-- KEYS: source, held
-- ARGV: group, is retry (0 or 1), then for each: id, name of its body
-- Answers {ok, how many were still pending}.
local acknowledged = 0
for at = 3, #ARGV, 2 do
  acknowledged = acknowledged + redis.call('XACK', KEYS[1], ARGV[1], ARGV[at])
  if ARGV[2] == '1' then
    redis.call('XDEL', KEYS[1], ARGV[at])
    redis.call('ZREM', KEYS[2], ARGV[at + 1])
  end
end
return {'ok', acknowledged}
