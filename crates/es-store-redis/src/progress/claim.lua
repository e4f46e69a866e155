#!lua
-- Gives a checkpoint a new owner and a new epoch.
--
-- KEYS: checkpoint. ARGV: log, owner, token.
-- The token tells two claims apart that got the same epoch, because the server lost the first
-- of them.

local log = redis.call('HGET', KEYS[1], 'log')
if log and log ~= ARGV[1] then
    return { 'replaced', log }
end
local time = redis.call('TIME')
redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'log', ARGV[1], 'owner', ARGV[2], 'token', ARGV[3],
    'at', string.format('%.0f', time[1] * 1000000 + time[2]))
redis.call('HSETNX', KEYS[1], 'position', '0')
redis.call('HSETNX', KEYS[1], 'event', '')
return { 'claimed', redis.call('HMGET', KEYS[1], 'epoch', 'log', 'position', 'event', 'owner', 'at') }
