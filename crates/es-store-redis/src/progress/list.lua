#!lua flags=no-writes
-- Lists letters by position. The values stand one level down, where the client takes none of
-- them for a message.
--
-- KEYS: letters. ARGV: lower bound, count.

return { redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], '+', 'LIMIT', 0, ARGV[2]) }
