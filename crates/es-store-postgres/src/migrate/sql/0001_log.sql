-- The log: one row per event, in one order.
--
-- `{es}` stands for the schema and the prefix of all names, `{es_}` for the prefix alone.

-- Which log this is. The identity travels with a dump; see docs/postgresql.md.
CREATE TABLE {es}log (
    one        boolean     PRIMARY KEY DEFAULT true CHECK (one),
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO {es}log DEFAULT VALUES;

-- Never holds a row. Whoever appends locks it until the end of the transaction, so that
-- positions are given in the order of the commits.
CREATE TABLE {es}append_lock ();

-- One tenant, category and event type. The id is a hash of the three, so that a writer
-- knows it without a look.
CREATE TABLE {es}families (
    id       bigint             PRIMARY KEY,
    tenant   text COLLATE "C"   NOT NULL, -- empty: none
    category text COLLATE "C"   NOT NULL,
    type     text COLLATE "C"   NOT NULL,
    CONSTRAINT {es_}families_names UNIQUE (category, tenant, type)
);

CREATE TABLE {es}events (
    position       bigint           NOT NULL,
    stream         uuid             NOT NULL, -- a hash of tenant, category and key
    version        bigint           NOT NULL,
    recorded_at    timestamptz      NOT NULL,
    id             uuid             NOT NULL,
    family         bigint           NOT NULL,
    schema_version bigint           NOT NULL,
    part           smallint         NOT NULL, -- place in its append, from 0
    parts          smallint         NOT NULL, -- how many events that append had
    key            text COLLATE "C" NOT NULL,
    payload        bytea            NOT NULL, -- as the writer gave it
    content_type   text,                      -- null: JSON
    correlation_id uuid,                      -- null: the event's own id
    causation_id   uuid,
    metadata       json,                      -- what there is besides the two ids
    tags           text[],
    CONSTRAINT {es_}events_position PRIMARY KEY (position),
    CONSTRAINT {es_}events_version UNIQUE (stream, version),
    CONSTRAINT {es_}events_id UNIQUE (id)
);
CREATE INDEX {es_}events_family ON {es}events (family, position);

CREATE TABLE {es}tags (
    tag      text COLLATE "C" NOT NULL,
    position bigint           NOT NULL,
    CONSTRAINT {es_}tags_tag PRIMARY KEY (tag, position)
);

-- A payload for SQL users; null where it is not JSON, or JSON that jsonb cannot hold.
CREATE FUNCTION {es}json(payload bytea, content_type text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF content_type IS NOT NULL THEN
        RETURN NULL;
    END IF;
    RETURN convert_from(payload, 'UTF8')::jsonb;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

-- The `stream` of an event by the name of its stream; without a tenant, say ''.
CREATE FUNCTION {es}stream(tenant text, category text, key text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(substr(sha256(convert_to(tenant, 'UTF8') || '\x00'::bytea
        || convert_to(category, 'UTF8') || '\x00'::bytea || convert_to(key, 'UTF8')), 1, 16), 'hex')::uuid
$$;

-- The log for people and reports. A reader that resumes must use the library.
CREATE VIEW {es}history AS
SELECT e.position, nullif(f.tenant, '') AS tenant, f.category, e.key, e.version, f.type,
       e.schema_version, e.recorded_at, e.id,
       {es}json(e.payload, e.content_type) AS payload,
       coalesce(e.correlation_id, e.id) AS correlation_id, e.causation_id, e.metadata,
       coalesce(e.tags, '{}') AS tags
FROM {es}events e JOIN {es}families f ON f.id = e.family;

-- The first position that was recorded at `moment` or later; the one behind the head where
-- there is none. Times follow positions, so halving finds it without an index.
CREATE FUNCTION {es}position_at(moment timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    low bigint; high bigint; middle bigint; next record;
BEGIN
    SELECT coalesce(min(position), 1), coalesce(max(position), 0) + 1 INTO low, high
    FROM {es}events;
    WHILE low < high LOOP
        middle := low + (high - low) / 2;
        SELECT e.position, e.recorded_at INTO next
        FROM {es}events e WHERE e.position >= middle ORDER BY e.position LIMIT 1;
        IF NOT FOUND OR next.recorded_at >= moment THEN
            high := middle;
        ELSE
            low := next.position + 1;
        END IF;
    END LOOP;
    RETURN low;
END $$;
