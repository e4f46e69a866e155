#!lua flags=allow-oom
-- Asks for the dead letters of a group to be tried again. Those of competing consumers go
-- where they find them; those of an ordered group stay, and their owner does it in order.
--
-- KEYS: groups, group, letters, retry, bell
-- ARGV: name of the group, how many at most
-- Answers {word, ...}: none; ok with how many were moved and how many are left.
local kind = redis.call('HGET', KEYS[1], ARGV[1])
if not kind then return {'none'} end
redis.call('XADD', KEYS[5], 'MAXLEN', '1', '*', 'n', 0)
if kind == 'ordered' then
  redis.call('HINCRBY', KEYS[2], 'replay', 1)
  return {'ok', 0, 0}
end
local letters = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', ARGV[2])
for _, letter in ipairs(letters) do
  local body = {}
  local fields = letter[2]
  for at = 1, #fields, 2 do
    -- What the letter says of the failure starts anew.
    if string.sub(fields[at], 1, 1) ~= '!' then
      body[#body + 1] = fields[at]
      body[#body + 1] = fields[at + 1]
    end
  end
  redis.call('XADD', KEYS[4], '*', unpack(body))
  redis.call('XDEL', KEYS[3], letter[1])
end
return {'ok', #letters, redis.call('XLEN', KEYS[3])}
