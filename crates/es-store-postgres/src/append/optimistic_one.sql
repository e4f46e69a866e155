-- One event for one stream behind the position that the writer believes to be the last. No row
-- comes back where anything is not as it must be; see optimistic.rs for why that is enough.
--tagged: WITH written AS (
INSERT INTO {es}events
SELECT h.position + 1, $2::uuid, coalesce(s.version, 0) + 1,
       greatest(clock_timestamp(), h.recorded_at), $9::uuid, $5::bigint, $10::bigint, 0, 1,
       $3::text, $11::bytea, $12::text, $13::uuid, $14::uuid, $15::text::json,
       {tags}
FROM {es}log l
JOIN {es}events h ON h.position = $16::bigint
JOIN {es}families f ON f.id = $5::bigint AND f.tenant = $6::text AND f.category = $7::text
                       AND f.type = $8::text
LEFT JOIN LATERAL (SELECT e.version, e.key FROM {es}events e WHERE e.stream = $2::uuid
                   ORDER BY e.version DESC LIMIT 1) s ON true
WHERE l.one AND l.id = $1::uuid
AND (s.key IS NULL OR s.key = $3::text)
AND ($4::bigint = -1 OR $4::bigint = coalesce(s.version, 0)
     OR ($4::bigint = -2 AND coalesce(s.version, 0) > 0))
-- The table never has a row: it is the lock on it that is wanted.
AND NOT EXISTS (SELECT FROM {es}append_lock FOR KEY SHARE)
RETURNING 0 AS code, position, version, recorded_at
--tagged: , tags), tagged AS (INSERT INTO {es}tags
--tagged:     SELECT t.tag, w.position FROM written w CROSS JOIN LATERAL unnest(w.tags) t(tag))
--tagged: SELECT code, position, version, recorded_at FROM written
