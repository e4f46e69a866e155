-- Any number of appends behind the position that the writer believes to be the last: all of them,
-- or none and no row. See optimistic.rs for why that is enough.
--
-- $3 to $5: the streams, each once, and what the first append of each expects
-- $6 to $9: the families of the events, each once
-- from $10: events; the place behind the last position, the stream counted from 1, the place
-- behind the version that the stream has
WITH place AS MATERIALIZED (
    SELECT h.position, greatest(clock_timestamp(), h.recorded_at) AS at, s.versions
    FROM {es}log l
    JOIN {es}events h ON h.position = $2::bigint
    CROSS JOIN LATERAL (
        SELECT array_agg(coalesce(e.version, 0) ORDER BY n.number) AS versions,
               bool_and((e.key IS NULL OR e.key = n.key)
                        AND (n.expected = -1 OR n.expected = coalesce(e.version, 0)
                             OR (n.expected = -2 AND coalesce(e.version, 0) > 0))) AS are_so
        FROM (SELECT unnest($3::uuid[]) AS id, unnest($4::text[]) AS key,
                     unnest($5::bigint[]) AS expected,
                     generate_series(1, cardinality($3::uuid[])) AS number) n
        LEFT JOIN LATERAL (SELECT e.version, e.key FROM {es}events e WHERE e.stream = n.id
                           ORDER BY e.version DESC LIMIT 1) e ON true) s
    WHERE l.one AND l.id = $1::uuid AND s.are_so
    -- The table never has a row: it is the lock on it that is wanted.
    AND NOT EXISTS (SELECT FROM {es}append_lock FOR KEY SHARE)
    AND NOT EXISTS (
        SELECT FROM (SELECT unnest($6::bigint[]) AS id, unnest($7::text[]) AS tenant,
                            unnest($8::text[]) AS category, unnest($9::text[]) AS type) n
        WHERE NOT EXISTS (SELECT FROM {es}families f WHERE f.id = n.id AND f.tenant = n.tenant
                          AND f.category = n.category AND f.type = n.type OFFSET 0))
), written AS (
    INSERT INTO {es}events
    SELECT p.position + e.place, e.stream, p.versions[e.number] + e.version, p.at, e.id, e.family,
           e.schema, e.part, e.parts, e.key, e.payload, e.content, e.correlation, e.causation,
           e.metadata::json, string_to_array(e.tags, E'\n')
    FROM place p
    CROSS JOIN LATERAL (
        SELECT unnest($10::bigint[]) AS place, unnest($11::integer[]) AS number,
               unnest($12::bigint[]) AS version, unnest($13::smallint[]) AS part,
               unnest($14::smallint[]) AS parts, unnest($15::uuid[]) AS stream,
               unnest($16::text[]) AS key, unnest($17::bigint[]) AS family,
               unnest($18::uuid[]) AS id, unnest($19::bigint[]) AS schema,
               unnest($20::bytea[]) AS payload, unnest($21::text[]) AS content,
               unnest($22::uuid[]) AS correlation, unnest($23::uuid[]) AS causation,
               unnest($24::text[]) AS metadata, unnest($25::text[]) AS tags) e
    --tagged: RETURNING position, tags
--tagged: ), tagged AS (
--tagged:     INSERT INTO {es}tags SELECT t.tag, w.position FROM written w CROSS JOIN LATERAL unnest(w.tags) t(tag)
)
SELECT at, versions FROM place
