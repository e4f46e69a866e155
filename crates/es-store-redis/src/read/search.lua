#!lua flags=no-writes
-- Where a list of positions, or of records that begin with theirs, first goes beyond one.
-- KEYS: the list. ARGV: the position, 'p' for positions or 'r' for records.
-- Reply: how many of its items are at that position or below, how many there are.
local limit, is_record = tonumber(ARGV[1]), ARGV[2] == 'r'
local function position(at)
  local item = redis.call('LINDEX', KEYS[1], at)
  if is_record then return struct.unpack('>I8', item) end
  return tonumber(item)
end
local low, length = 0, redis.call('LLEN', KEYS[1])
local high = length
while low < high do
  local middle = math.floor((low + high) / 2)
  if position(middle) > limit then high = middle else low = middle + 1 end
end
return {low, length}
