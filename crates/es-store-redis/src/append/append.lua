#!lua
-- One append: everything is checked, then everything is written. A script that fails half
-- way is not rolled back, so nothing that can fail comes behind the first write but for a
-- server that runs out of memory, which lets a script that has begun to write end.
--
-- KEYS: meta, log, tenants, the bucket of the anchor's id; each written stream; each required
--       stream; the category list of each written stream; for each event its bucket of ids, its type list and the list of
--       each of its tags; for each alternative of a condition the lists of its tags, then
--       those of its types.
-- ARGV: log id, the position up to which the log was seen, the anchor's id (empty for none)
--       and position, tenant, whether to look at the rights ('1' or '');
--       the number of written streams, for each: name, expected version, number of events;
--       the number of required streams, for each: expected version;
--       for each event: id, number of tags, record;
--       the number of conditions, for each: position, number of alternatives, for each of
--       them: number of tags, number of types.
-- The anchor is an event that the writer has seen. A server that was rolled back and has gone
-- on has given its position to another one.
-- An expected version is '*' (any), '+' (some), or a number, 0 for no stream.
--
-- The rights of the user can be taken away half-way as well as anything else. To look at them
-- costs as much as some writes do, so it is done when the caller says so.
--
-- The reply begins with a word: OK (first and last position, time, for each stream the
-- version before), LOG (its id, or none), BACK (where the log ends), OTHER (the anchor is not
-- where it was), KNOWN (number of the
-- event, position), CONFLICT (number of the stream, version), UNLESS (number of the
-- condition, position), LOOK (where the log ends: the conditions reach too far back to be
-- looked at here).

local call, format = redis.call, string.format
local arg, key = 0, 0
local function next_arg() arg = arg + 1; return ARGV[arg] end
local function next_key() key = key + 1; return KEYS[key] end

local meta, log, tenants, anchors = next_key(), next_key(), next_key(), next_key()
local id, mark, anchor, place, tenant, rights =
  next_arg(), tonumber(next_arg()), next_arg(), next_arg(), next_arg(), next_arg()
local state = call('HMGET', meta, 'log', 'seq', 'time')
if state[1] ~= id then return {'LOG', state[1] or ''} end
local seq = tonumber(state[2])
if seq < mark then return {'BACK', state[2]} end
if anchor ~= '' and call('HGET', anchors, anchor) ~= place then return {'OTHER'} end

local streams, total = {}, 0
for at = 1, tonumber(next_arg()) do
  local stream = {key = next_key(), name = next_arg(), expected = next_arg()}
  stream.count = tonumber(next_arg())
  total = total + stream.count
  streams[at] = stream
end
local required = {}
for at = 1, tonumber(next_arg()) do
  required[at] = {key = next_key(), expected = next_arg()}
end
for _, stream in ipairs(streams) do stream.category = next_key() end

-- Ids come first: a repetition is answered whatever else holds now.
local events = {}
for at = 1, total do
  local event = {ids = next_key(), kind = next_key(), id = next_arg(), tags = {}}
  for tag = 1, tonumber(next_arg()) do event.tags[tag] = next_key() end
  event.record = next_arg()
  local known = call('HGET', event.ids, event.id)
  if known then return {'KNOWN', at - 1, known} end
  events[at] = event
end

local function admits(expected, actual)
  if expected == '*' then return true end
  if expected == '+' then return actual > 0 end
  return actual == tonumber(expected)
end
for at, stream in ipairs(streams) do
  stream.base = call('LLEN', stream.key)
  if not admits(stream.expected, stream.base) then return {'CONFLICT', at - 1, stream.base} end
end
for at, stream in ipairs(required) do
  local actual = call('LLEN', stream.key)
  if not admits(stream.expected, actual) then
    return {'CONFLICT', #streams + at - 1, actual}
  end
end

-- Conditions: lists of positions are walked from their ends, a bounded number of steps.
local CHUNK, steps = 100, 5000
local function cursor(list)
  return {list = list, seen = 0, chunk = {}, at = 0}
end
-- The position that the cursor is at, or 0 behind the first one of the list.
local function here(walk)
  if walk.at == 0 then
    local chunk = call('LRANGE', walk.list, -walk.seen - CHUNK, -walk.seen - 1)
    if #chunk == 0 then return 0 end
    walk.seen, walk.chunk, walk.at = walk.seen + #chunk, chunk, #chunk
  end
  return tonumber(walk.chunk[walk.at])
end
-- Moves the cursor to the last position that is not above `most`, and gives it.
local function down_to(walk, most)
  local position = here(walk)
  while position > most do
    steps = steps - 1
    if steps < 0 then return position end
    walk.at = walk.at - 1
    position = here(walk)
  end
  return position
end
-- The last event behind `after` that has all tags and one of the types.
local function find(tags, types, after)
  local most = seq
  while most > after and steps >= 0 do
    local lowest = most
    for _, walk in ipairs(tags) do lowest = math.min(lowest, down_to(walk, lowest)) end
    if #types > 0 then
      local best = 0
      for _, walk in ipairs(types) do best = math.max(best, down_to(walk, lowest)) end
      lowest = math.min(lowest, best)
    end
    if lowest == most or lowest <= after then return lowest end
    most = lowest
  end
  return 0
end
for at = 1, tonumber(next_arg()) do
  local after, found = tonumber(next_arg()), 0
  for _ = 1, tonumber(next_arg()) do
    local tags, types = {}, {}
    for tag = 1, tonumber(next_arg()) do tags[tag] = cursor(next_key()) end
    for kind = 1, tonumber(next_arg()) do types[kind] = cursor(next_key()) end
    local position
    if #tags + #types > 0 then
      position = find(tags, types, after)
    else
      position = tonumber(call('HGET', tenants, tenant) or 0)
    end
    if steps < 0 then return {'LOOK', state[2]} end
    found = math.max(found, position)
  end
  if found > after then return {'UNLESS', at - 1, format('%.0f', found)} end
end

-- Whether all keys may be written was looked at when the script was called.
if rights == '1' then
  local may = redis.acl_check_cmd
  if not (may('XADD', log, '1-0', 'a', '') and may('RPUSH', log, '') and may('HSET', meta, '', '')) then
    return redis.error_reply('NOPERM the user may not run XADD, RPUSH or HSET')
  end
end

-- Everything holds. The log comes first: its own check of ids refuses a position that is
-- not above all before, and then nothing is written.
local now = call('TIME')
local time = math.max(now[1] * 1000000 + now[2], tonumber(state[3]))
local parts, bases = {}, {}
for at, stream in ipairs(streams) do
  parts[at] = format('%.0f:%d:%s', stream.base + 1, stream.count, stream.name)
  bases[at] = stream.base
end
local last = format('%.0f', seq + total)
call('XADD', log, last .. '-0', 'a', table.concat(parts, '\n'))
local written, position = 0, seq
local stamp = struct.pack('>I8', time)
for _, stream in ipairs(streams) do
  local left = stream.count
  while left > 0 do
    -- More than some thousand arguments do not fit on the stack.
    local records, places = {}, {}
    for at = 1, math.min(left, 1000) do
      local event = events[written + at]
      position = position + 1
      local place = format('%.0f', position)
      records[at] = struct.pack('>I8', position) .. stamp .. event.record
      places[at] = place
      call('HSET', event.ids, event.id, place)
      call('RPUSH', event.kind, place)
      for _, tag in ipairs(event.tags) do call('RPUSH', tag, place) end
    end
    call('RPUSH', stream.key, unpack(records))
    call('RPUSH', stream.category, unpack(places))
    written, left = written + #records, left - #records
  end
end
call('HSET', meta, 'seq', last, 'time', format('%.0f', time))
call('HSET', tenants, tenant, last)
return {'OK', format('%.0f', seq + 1), last, format('%.0f', time), bases}
