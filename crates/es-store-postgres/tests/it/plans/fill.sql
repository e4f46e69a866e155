-- Puts $1 events behind the last one: a thousand to a stream, of four types in turn. $2 is
-- how many such events are there already.
INSERT INTO {es}events (position, stream, version, recorded_at, id, family, schema_version,
                        part, parts, key, payload)
SELECT h.position + n.number, {es}stream('', 'much', k.key), ($2 + n.number - 1) % 1000 + 1,
       clock_timestamp(), gen_random_uuid(), f.ids[1 + n.number % 4], 1, 0, 1, k.key, '1'
FROM (SELECT max(position) AS position FROM {es}events) h
CROSS JOIN (SELECT array_agg(id ORDER BY type) AS ids FROM {es}families
            WHERE tenant = '' AND category = 'much') f
CROSS JOIN generate_series(1, $1::bigint) n(number)
CROSS JOIN LATERAL (SELECT (($2::bigint + n.number - 1) / 1000)::text AS key) k
