#!lua flags=allow-oom
-- Removes consumers that are long gone. One that has something pending stays: removing it
-- would lose that.
--
-- KEYS: streams
-- ARGV: group, consumer, idle in ms
-- Answers {ok, how many}.
local gone = 0
for at = 1, #KEYS do
  for _, other in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[at], ARGV[1])) do
    if other[2] ~= ARGV[2] and other[4] == 0 and other[6] > tonumber(ARGV[3]) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[at], ARGV[1], other[2])
      gone = gone + 1
    end
  end
end
return {'ok', gone}
