#!lua
-- Moves a checkpoint, its dead letters, and the rows of a read model, all or nothing.
--
-- Redis does not roll back a script that fails half-way. So everything that could fail is
-- looked at first, on the state that the writes before it will have left, and only then is
-- anything written. What is looked at: the fence, what the transaction has read, the type of
-- each row, the numbers that are counted up, and the rights of the user. Memory, replicas and
-- the disk are looked at by the server before it starts a script with this first line.
--
-- KEYS: checkpoint, parked letters, skipped letters, then the rows.
-- ARGV: epoch, log, position, event or '', token or '', least position that is there; the
--       counts of reads, writes, released and parked letters; the place of the position if the
--       checkpoint may move back, or ''; then these, one after another:
--   read:     row, field or '', '1' and the value or '0' and ''
--   write:    command, row, count of arguments, arguments
--   released: place, reason or ''
--   parked:   place, record
-- A row is its number among the keys of rows. A place is a position of 16 hexadecimal digits.

local checkpoint, parked, skipped = KEYS[1], KEYS[2], KEYS[3]
local at = 11

local function take()
    at = at + 1
    return ARGV[at]
end

local function row()
    local number = tonumber(take())
    return KEYS[3 + number], number
end

-- Positions are larger than what a number in Lua holds.
local function below(a, b)
    return #a < #b or (#a == #b and a < b)
end

-- The fence.
local known = redis.call('HMGET', checkpoint, 'epoch', 'log', 'position', 'token')
if not known[2] then
    return { 'unclaimed' }
end
if known[1] ~= ARGV[1] then
    return { 'fenced', known[1] }
end
if ARGV[5] ~= '' and known[4] ~= ARGV[5] or below(known[3], ARGV[6]) then
    return { 'fenced', known[1] }
end
if known[2] ~= ARGV[2] then
    return { 'replaced', known[2] }
end
if ARGV[11] == '' and below(ARGV[3], known[3]) then
    return { 'backward', known[3] }
end

-- What was read is still so.
for number = 1, tonumber(ARGV[7]) do
    local key = row()
    local field, is_there, value = take(), take(), take()
    local found
    if field == '' then
        found = redis.pcall('GET', key)
    else
        found = redis.pcall('HGET', key, string.sub(field, 2))
    end
    if type(found) == 'table' or (found or '') ~= value or (found and '1' or '0') ~= is_there then
        return { 'changed', number }
    end
end

-- What each command needs: the type of its row, and where a number is counted up, which.
local TYPE = {
    SET = 'string', INCRBY = 'string',
    HSET = 'hash', HDEL = 'hash', HINCRBY = 'hash',
    SADD = 'set', SREM = 'set',
    ZADD = 'zset', ZINCRBY = 'zset', ZREM = 'zset',
    RPUSH = 'list', LTRIM = 'list',
}
local LARGEST = 9007199254740991 -- up to which a number in Lua is exact

local types = {}  -- by row: what it will be
local numbers = {} -- by row, then by field: what it will be, where that is known

local function counted(key, number, field, by)
    local value = numbers[number] and numbers[number][field]
    if value == nil then
        -- A long one is no number, and need not be fetched to be refused.
        local length
        if numbers[number] and numbers[number].is_new then
            value = '0'
        elseif field == '' then
            length = redis.call('STRLEN', key)
        else
            length = redis.call('HSTRLEN', key, string.sub(field, 2))
        end
        if length and length > 17 then
            return nil
        elseif length then
            local found = field == '' and redis.call('GET', key)
                or field ~= '' and redis.call('HGET', key, string.sub(field, 2))
            value = found or '0'
        end
    end
    if value ~= '0' and not string.match(value, '^%-?[1-9]%d*$') then
        return nil
    end
    local sum = tonumber(value) + tonumber(by)
    if math.abs(tonumber(value)) > LARGEST or math.abs(sum) > LARGEST then
        return nil
    end
    return string.format('%.0f', sum)
end

local function knows(number, field, value)
    numbers[number] = numbers[number] or {}
    numbers[number][field] = value
end

local writes = {}
for index = 1, tonumber(ARGV[8]) do
    local command = take()
    local key, number = row()
    local write = { command, key }
    for part = 1, tonumber(take()) do
        write[2 + part] = take()
    end
    if not redis.acl_check_cmd(unpack(write)) then
        return { 'denied', index }
    end
    if not types[number] then
        local kind = redis.call('TYPE', key).ok
        types[number] = kind
    end
    if command == 'DEL' then
        types[number] = 'none'
        numbers[number] = { is_new = true }
    elseif types[number] ~= 'none' and types[number] ~= TYPE[command] and command ~= 'SET' then
        return { 'type', index, types[number] }
    else
        types[number] = TYPE[command]
    end
    if command == 'SET' then
        numbers[number] = { [''] = write[3] }
    elseif command == 'HSET' then
        knows(number, ':' .. write[3], write[4])
    elseif command == 'HDEL' then
        knows(number, ':' .. write[3], '0')
    elseif command == 'INCRBY' or command == 'HINCRBY' then
        local field = command == 'INCRBY' and '' or ':' .. write[3]
        local sum = counted(key, number, field, write[#write])
        if not sum then
            return { 'number', index }
        end
        knows(number, field, sum)
    end
    writes[index] = write
end

-- From here on nothing fails.
for _, write in ipairs(writes) do
    redis.call(unpack(write))
end

local function letter(key, place)
    return redis.call('ZRANGEBYLEX', key, '[' .. place, '(' .. place .. '\255')[1]
end

local function replace(key, place, record)
    redis.call('ZREMRANGEBYLEX', key, '[' .. place, '(' .. place .. '\255')
    if record then
        redis.call('ZADD', key, 0, record)
    end
end

if ARGV[11] ~= '' then
    -- What is behind the position comes again.
    redis.call('ZREMRANGEBYLEX', parked, '(' .. ARGV[11] .. '\255', '+')
    redis.call('ZREMRANGEBYLEX', skipped, '(' .. ARGV[11] .. '\255', '+')
end

for _ = 1, tonumber(ARGV[9]) do
    local place, reason = take(), take()
    local record = letter(parked, place)
    if record then
        replace(parked, place)
        if reason ~= '' then
            -- A record has no zero byte, and a reason begins with one.
            replace(skipped, place, record .. reason)
        end
    end
end
for _ = 1, tonumber(ARGV[10]) do
    local place, record = take(), take()
    replace(parked, place, place .. record)
end

local time = redis.call('TIME')
redis.call('HSET', checkpoint, 'position', ARGV[3],
    'at', string.format('%.0f', time[1] * 1000000 + time[2]))
-- An event proves the history at its own position only.
if ARGV[4] ~= '' or known[3] ~= ARGV[3] then
    redis.call('HSET', checkpoint, 'event', ARGV[4])
end
return { 'moved' }
