-- Appending. Each function takes the lock in a statement of its own, before it looks at
-- anything: at READ COMMITTED every later statement then sees all that was committed, and
-- the lock is held until the commit is visible. So positions are dense, they grow in the
-- order of the commits, and no reader can meet a new event below one that it has seen.
--
-- `{keys}` is where heads and ids are looked up: the events themselves, or what a partitioned
-- log keeps of them beside its partitions. Lines that begin with `--partitioned:` are for such
-- a log.
--
-- Codes: 0 taken, 1 a stream is at another version, 2 an event is there already, 3 an
-- event that must be absent is there.

-- One event for one stream, without conditions: the common case when nobody else waits.
CREATE FUNCTION {es}append_one(
    p_log uuid, p_stream uuid, p_key text, p_expected bigint,
    p_family bigint, p_tenant text, p_category text, p_type text,
    p_id uuid, p_schema bigint, p_payload bytea, p_content text,
    p_correlation uuid, p_causation uuid, p_metadata text, p_tags text,
    OUT o_code integer, OUT o_position bigint, OUT o_version bigint, OUT o_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    v_log     uuid;
    v_head    bigint;
    v_last    timestamptz;
    v_version bigint;
    v_key     text;
    v_family  bigint;
BEGIN
    LOCK TABLE {es}append_lock IN EXCLUSIVE MODE;
    -- All that has to be known, in one statement: each costs as much again as what it looks up.
    SELECT l.id, coalesce(h.position, 0), h.recorded_at, coalesce(s.version, 0), s.key, f.id
    INTO v_log, v_head, v_last, v_version, v_key, v_family
    FROM {es}log l
    LEFT JOIN LATERAL (SELECT e.position, e.recorded_at FROM {keys} e
                       ORDER BY e.position DESC LIMIT 1) h ON true
    LEFT JOIN LATERAL (SELECT e.version, e.key FROM {keys} e WHERE e.stream = p_stream
                       ORDER BY e.version DESC LIMIT 1) s ON true
    LEFT JOIN LATERAL (SELECT f.id FROM {es}families f WHERE f.id = p_family AND f.type = p_type
                       AND f.category = p_category AND f.tenant = p_tenant LIMIT 1) f ON true;
    IF v_log IS DISTINCT FROM p_log THEN
        RAISE EXCEPTION 'the log is another one' USING ERRCODE = 'ES001', DETAIL = v_log;
    END IF;
    IF v_key <> p_key THEN
        RAISE EXCEPTION 'two streams have one hash' USING ERRCODE = 'ES002', DETAIL = v_key;
    END IF;
    IF NOT (p_expected = -1 OR p_expected = v_version OR (p_expected = -2 AND v_version > 0)) THEN
        o_code := CASE WHEN EXISTS (SELECT 1 FROM {keys} e WHERE e.id = p_id) THEN 2 ELSE 1 END;
        o_version := v_version;
        RETURN;
    END IF;
    IF v_family IS NULL THEN
        INSERT INTO {es}families VALUES (p_family, p_tenant, p_category, p_type);
    END IF;
    o_code := 0;
    o_position := v_head + 1;
    o_version := v_version + 1;
    o_at := greatest(clock_timestamp(), v_last);
    --partitioned: IF (SELECT l.room < o_position FROM {es}log l) THEN
    --partitioned:     RAISE EXCEPTION 'no room' USING ERRCODE = 'ES004', DETAIL = o_position;
    --partitioned: END IF;
    INSERT INTO {es}events
    VALUES (o_position, p_stream, o_version, o_at, p_id, p_family, p_schema, 0, 1, p_key,
            p_payload, p_content, p_correlation, p_causation, p_metadata::json,
            string_to_array(p_tags, E'\n'));
    IF p_tags IS NOT NULL THEN
        INSERT INTO {es}tags
        SELECT t, o_position FROM unnest(string_to_array(p_tags, E'\n')) t;
    END IF;
END $$;

-- Any number of appends, each decided on its own, in order: later ones see earlier ones.
--
-- p_*  the streams that are named, each once
-- i_*  items: what each append says of each of its streams, in order of the appends;
--      a demand without events has a count of 0
-- e_*  events, in order of the items; e_tags and the like are null when no event has any
-- f_*  the families of the events, each once
-- c_*  conditions, in order of the appends; c_found is where a look before this call has
--      found what must be absent, or 0
-- q_*  the alternatives of the conditions; names and tags joined by line breaks
--
-- o_details: the item of a conflict, the event of a repetition, the failed condition.
-- o_places: the version that a stream has, or the position of what must be absent.
-- o_firsts, o_bases: by item the first position, and the version before it.
CREATE FUNCTION {es}append(
    p_log uuid, p_careful boolean, p_streams uuid[], p_keys text[],
    i_append integer[], i_stream integer[], i_expected bigint[], i_count integer[],
    e_item integer[], e_offset integer[], e_part smallint[], e_parts smallint[],
    e_stream uuid[], e_key text[], e_family bigint[], e_id uuid[], e_schema bigint[],
    e_payload bytea[], e_content text[], e_correlation uuid[], e_causation uuid[],
    e_metadata text[], e_tags text[],
    f_id bigint[], f_tenant text[], f_category text[], f_type text[],
    c_append integer[], c_after bigint[], c_found bigint[], c_tenant text[],
    q_condition integer[], q_types text[], q_tags text[],
    OUT o_at timestamptz, OUT o_codes integer[], OUT o_details integer[],
    OUT o_places bigint[], OUT o_firsts bigint[], OUT o_bases bigint[]
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_log       uuid;
    v_head      bigint;
    v_last      timestamptz;
    v_versions  bigint[];
    v_clash     text;
    v_missing   bigint;
    v_repeated  integer[];
    v_items     integer := cardinality(i_append);
    v_appends   integer := i_append[cardinality(i_append)];
    v_append    integer := 1;   -- the next one to decide
    v_item      integer := 1;   -- its first item
    v_behind    integer;        -- the first one of the append behind it
    v_written   integer := 1;   -- all before this one are in the table
    v_condition integer := 1;
    v_code      integer;
    v_detail    integer;
    v_place     bigint;
    v_expected  bigint;
    v_stream    integer;
BEGIN
    LOCK TABLE {es}append_lock IN EXCLUSIVE MODE;
    -- All that has to be known, in one statement. Functions in the list of a SELECT take turns
    -- row by row, where each in FROM would first fill a store of its own.
    SELECT l.id, coalesce(h.position, 0), h.recorded_at, s.versions, s.clash,
           (SELECT count(*)
            FROM (SELECT unnest(f_id) AS id, unnest(f_tenant) AS tenant,
                         unnest(f_category) AS category, unnest(f_type) AS type) n
            -- By the index, however many there are: OFFSET keeps it from becoming a join.
            WHERE NOT EXISTS (SELECT 1 FROM {es}families f WHERE f.id = n.id
                              AND f.tenant = n.tenant AND f.category = n.category
                              AND f.type = n.type OFFSET 0))
    INTO v_log, v_head, v_last, v_versions, v_clash, v_missing
    FROM {es}log l
    LEFT JOIN LATERAL (SELECT e.position, e.recorded_at FROM {keys} e
                       ORDER BY e.position DESC LIMIT 1) h ON true
    CROSS JOIN LATERAL (
        SELECT array_agg(coalesce(e.version, 0) ORDER BY n.number) AS versions,
               min(e.key) FILTER (WHERE e.key <> n.key) AS clash
        FROM (SELECT unnest(p_streams) AS id, unnest(p_keys) AS key,
                     generate_series(1, cardinality(p_streams)) AS number) n
        LEFT JOIN LATERAL (SELECT e.version, e.key FROM {keys} e WHERE e.stream = n.id
                           ORDER BY e.version DESC LIMIT 1) e ON true) s;
    IF v_log IS DISTINCT FROM p_log THEN
        RAISE EXCEPTION 'the log is another one' USING ERRCODE = 'ES001', DETAIL = v_log;
    END IF;
    IF v_clash IS NOT NULL THEN
        RAISE EXCEPTION 'two streams have one hash' USING ERRCODE = 'ES002', DETAIL = v_clash;
    END IF;
    o_at := greatest(clock_timestamp(), v_last);
    IF v_missing > 0 THEN
        INSERT INTO {es}families
        SELECT n.id, n.tenant, n.category, n.type
        FROM unnest(f_id, f_tenant, f_category, f_type) n(id, tenant, category, type)
        WHERE NOT EXISTS (SELECT 1 FROM {es}families f WHERE f.id = n.id
                          AND f.tenant = n.tenant AND f.category = n.category
                          AND f.type = n.type OFFSET 0);
    END IF;

    o_codes := array_fill(0, ARRAY[v_appends]);
    o_details := o_codes;
    o_places := array_fill(0::bigint, ARRAY[v_appends]);
    o_firsts := array_fill(0::bigint, ARRAY[v_items]);
    o_bases := o_firsts;

    IF p_careful THEN
        -- By append the first of its events that is there already.
        SELECT array_agg(r.event ORDER BY a.number) INTO v_repeated
        FROM generate_series(1, v_appends) a(number)
        LEFT JOIN (SELECT i_append[e.item] AS append, min(e.number)::integer AS event
                   FROM unnest(e_id, e_item) WITH ORDINALITY e(id, item, number)
                   CROSS JOIN LATERAL (SELECT 1 FROM {keys} x WHERE x.id = e.id LIMIT 1) x
                   GROUP BY 1) r ON r.append = a.number;
    END IF;

    -- Decides up to where something has to be in the table, writes that, and goes on.
    LOOP
        WHILE v_append <= v_appends LOOP
            -- A condition looks at the table, which then needs all that came before it.
            EXIT WHEN c_append[v_condition] = v_append AND v_written < v_item;
            v_code := 0;
            v_behind := v_item;
            WHILE v_behind <= v_items AND i_append[v_behind] = v_append LOOP
                IF v_code = 0 THEN
                    v_place := v_versions[i_stream[v_behind]];
                    v_expected := i_expected[v_behind];
                    IF NOT (v_expected = -1 OR v_expected = v_place
                            OR (v_expected = -2 AND v_place > 0)) THEN
                        v_code := 1;
                        v_detail := v_behind;
                    END IF;
                END IF;
                v_behind := v_behind + 1;
            END LOOP;

            -- A repetition is answered as such, whatever else the append demands now. One
            -- that would be taken is told by the unique index, and done again with care.
            IF p_careful THEN
                IF v_repeated[v_append] IS NOT NULL THEN
                    v_code := 2;
                    v_detail := v_repeated[v_append];
                END IF;
            ELSIF v_code = 1 OR c_append[v_condition] = v_append THEN
                SELECT min(e.number)::integer INTO v_stream
                FROM unnest(e_id, e_item) WITH ORDINALITY e(id, item, number)
                CROSS JOIN LATERAL (SELECT 1 FROM {keys} x WHERE x.id = e.id LIMIT 1) x
                WHERE e.item >= v_item AND e.item < v_behind;
                IF v_stream IS NOT NULL THEN
                    v_code := 2;
                    v_detail := v_stream;
                END IF;
            END IF;

            WHILE c_append[v_condition] = v_append LOOP
                IF v_code = 0 THEN
                    v_place := c_found[v_condition];
                    IF v_place = 0 THEN
                        --partitioned: PERFORM {es}in_sight();
                        SELECT e.position INTO v_place
                        FROM {es}events e JOIN {es}families f ON f.id = e.family
                        WHERE e.position > c_after[v_condition]
                        AND f.tenant = c_tenant[v_condition]
                        AND EXISTS (
                            SELECT 1 FROM unnest(q_condition, q_types, q_tags) q(of, types, tags)
                            WHERE q.of = v_condition
                            AND (q.types IS NULL
                                 OR f.type = ANY (string_to_array(q.types, E'\n')))
                            AND (q.tags IS NULL OR e.tags @> string_to_array(q.tags, E'\n')))
                        ORDER BY e.position DESC LIMIT 1;
                    END IF;
                    IF v_place > 0 THEN
                        v_code := 3;
                        v_detail := v_condition;
                    END IF;
                END IF;
                v_condition := v_condition + 1;
            END LOOP;

            IF v_code = 0 THEN
                WHILE v_item < v_behind LOOP
                    IF i_count[v_item] > 0 THEN
                        v_stream := i_stream[v_item];
                        o_bases[v_item] := v_versions[v_stream];
                        o_firsts[v_item] := v_head + 1;
                        v_versions[v_stream] := v_versions[v_stream] + i_count[v_item];
                        v_head := v_head + i_count[v_item];
                    END IF;
                    v_item := v_item + 1;
                END LOOP;
            ELSE
                o_codes[v_append] := v_code;
                o_details[v_append] := v_detail;
                o_places[v_append] := v_place;
                v_item := v_behind;
            END IF;
            v_append := v_append + 1;
        END LOOP;

        --partitioned: IF (SELECT l.room < v_head FROM {es}log l) THEN
        --partitioned:     RAISE EXCEPTION 'no room' USING ERRCODE = 'ES004', DETAIL = v_head;
        --partitioned: END IF;
        INSERT INTO {es}events
        SELECT o_firsts[e.item] + e.offset, e.stream, o_bases[e.item] + e.offset + 1, o_at, e.id,
               e.family, e.schema, e.part, e.parts, e.key, e.payload, e.content, e.correlation,
               e.causation, e.metadata::json, string_to_array(e.tags, E'\n')
        FROM (SELECT unnest(e_item) AS item, unnest(e_offset) AS "offset",
                     unnest(e_part) AS part, unnest(e_parts) AS parts,
                     unnest(e_stream) AS stream, unnest(e_key) AS key,
                     unnest(e_family) AS family, unnest(e_id) AS id,
                     unnest(e_schema) AS schema, unnest(e_payload) AS payload,
                     unnest(e_content) AS content, unnest(e_correlation) AS correlation,
                     unnest(e_causation) AS causation, unnest(e_metadata) AS metadata,
                     unnest(e_tags) AS tags) e
        WHERE e.item >= v_written AND e.item < v_item AND o_firsts[e.item] > 0;
        IF e_tags IS NOT NULL THEN
            INSERT INTO {es}tags
            SELECT t.tag, o_firsts[e.item] + e.offset
            FROM unnest(e_item, e_offset, e_tags) e(item, "offset", tags)
            CROSS JOIN LATERAL unnest(string_to_array(e.tags, E'\n')) t(tag)
            WHERE e.item >= v_written AND e.item < v_item AND o_firsts[e.item] > 0;
        END IF;
        v_written := v_item;
        EXIT WHEN v_append > v_appends;
    END LOOP;
END $$;

-- Whether the transaction sees the whole log. One at REPEATABLE READ or SERIALIZABLE sees
-- what was there when it began: if it took the append lock later than that, the place
-- behind the last event that it sees may be taken, and only a unique index tells.
CREATE FUNCTION {es}is_fresh() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_behind bigint := (SELECT coalesce(max(position), 0) + 1 FROM {keys});
BEGIN
    INSERT INTO {es}events (position, stream, version, recorded_at, id, family, schema_version,
                            part, parts, key, payload)
    VALUES (v_behind, gen_random_uuid(), 1, clock_timestamp(), gen_random_uuid(), 0, 1, 0, 1,
            '', '');
    RAISE EXCEPTION 'undone' USING ERRCODE = 'ES003';
EXCEPTION
    WHEN unique_violation THEN RETURN false;
    -- There is no partition for that place yet, so nobody has taken it.
    --partitioned: WHEN check_violation THEN RETURN true;
    WHEN SQLSTATE 'ES003' THEN RETURN true;
END $$;
