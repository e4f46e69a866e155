-- The events in partitions by position. Done right behind step 1, by the transaction that made
-- the table, so it is empty and nobody has seen it.
--
-- A unique index of a partitioned table has to contain the position, so it can promise neither
-- one event per version nor one per id. What has to be unique in the whole log is kept in a
-- table of its own, which has the unique indexes; each insert into the events writes there, by
-- a trigger, so that no writer goes round it.

CREATE TABLE {es}keys (
    position    bigint           NOT NULL,
    stream      uuid             NOT NULL,
    version     bigint           NOT NULL,
    id          uuid             NOT NULL,
    recorded_at timestamptz      NOT NULL,
    family      bigint           NOT NULL,
    key         text COLLATE "C" NOT NULL,
    CONSTRAINT {es_}keys_position PRIMARY KEY (position),
    CONSTRAINT {es_}keys_version UNIQUE (stream, version)
);

DO $$
DECLARE
    v_history text := pg_get_viewdef('{es}history'::regclass);
BEGIN
    DROP VIEW {es}history;
    ALTER TABLE {es}events RENAME TO {es_}whole;
    CREATE TABLE {es}events (LIKE {es}whole) PARTITION BY RANGE (position);
    DROP TABLE {es}whole;
    EXECUTE 'CREATE VIEW {es}history AS ' || v_history;
END $$;

ALTER TABLE {es}events ADD CONSTRAINT {es_}events_position PRIMARY KEY (position);
CREATE INDEX {es_}events_version ON {es}events (stream, version);
CREATE INDEX {es_}events_family ON {es}events (family, position);
-- By this name a writer recognises an event that is there already.
ALTER TABLE {es}keys ADD CONSTRAINT {es_}events_id UNIQUE (id);

-- partition_size: how many positions a partition has. room: up to here there are partitions.
ALTER TABLE {es}log ADD partition_size bigint, ADD room bigint NOT NULL DEFAULT 0;

-- Runs as the owner of the tables: who may write events need not be able to write keys without.
CREATE FUNCTION {es}note_keys() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO {es}keys
    SELECT e.position, e.stream, e.version, e.id, e.recorded_at, e.family, e.key FROM fresh e;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION {es}note_keys() FROM PUBLIC;

CREATE TRIGGER {es_}keys AFTER INSERT ON {es}events
REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION {es}note_keys();

-- As for a log in one table, but by the keys, which no partition can be missing from.
DO $$ BEGIN
    EXECUTE replace(pg_get_functiondef('{es}position_at(timestamptz)'::regprocedure),
                    '{es}events', '{es}keys');
END $$;

-- A session keeps a list of the partitions, and throws it away when news of the table comes. When
-- the news comes while the list is being made, the old list is kept nevertheless
-- (`RelationBuildPartitionDesc`, read in PostgreSQL 15, stores what it began with), until the next
-- news: so a session may pass over a partition that was attached long ago. Lists are of one
-- moment, and partitions are attached in their order, so one that leads to the last event lacks
-- none that matters. Whoever looks for events says this first, in the same session.
--
-- The second statement is planned when it is run, by the list that the session has then. Runs as
-- the owner of the tables: the last event may be one that the reader may not see.
CREATE FUNCTION {es}in_sight() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_last bigint;
    v_seen bigint;
BEGIN
    SELECT k.position INTO v_last FROM {es}keys k ORDER BY k.position DESC LIMIT 1;
    EXECUTE 'SELECT e.position FROM {es}events e WHERE e.position = $1' INTO v_seen USING v_last;
    IF v_seen IS DISTINCT FROM v_last THEN
        RAISE EXCEPTION 'a partition is out of sight' USING ERRCODE = 'ES007', DETAIL = v_last;
    END IF;
END $$;

-- Partitions are made by one transaction, opened by a later one, and written to by others later
-- still. Made by the transaction that writes, a partition would be missing to whoever looks
-- between the moment when that commit can be seen and the one when its news of the table has
-- come: such a reader would see the beginning of an append and not its end.

-- Makes the partitions up to a position. Runs as the owner of the tables, for any writer, and so
-- makes no more than a bounded number ahead of the log.
--
-- A partition is made on its own and then attached: that takes a lock on the events that
-- conflicts with no reader and no writer, where CREATE TABLE .. PARTITION OF would stop them all.
-- One maker after the other: whoever appends may wait for a maker, and no maker for an append.
CREATE FUNCTION {es}make_partitions(p_through bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_size    bigint;
    v_room    bigint;
    v_through bigint;
    v_name    text;
BEGIN
    LOCK TABLE {es}events IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT l.partition_size, l.room,
           least(p_through, coalesce((SELECT max(k.position) FROM {es}keys k), 0)
                            + greatest(10000, 100 * l.partition_size))
    INTO v_size, v_room, v_through FROM {es}log l;
    WHILE v_room < v_through LOOP
        v_name := '{es}events_' || (v_room / v_size + 1);
        IF to_regclass(v_name) IS NULL THEN
            EXECUTE 'CREATE TABLE ' || v_name || ' (LIKE {es}events)';
            -- For whoever writes past the whole.
            EXECUTE 'CREATE TRIGGER {es_}keys AFTER INSERT ON ' || v_name
                || ' REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT'
                || ' EXECUTE FUNCTION {es}note_keys()';
            EXECUTE 'ALTER TABLE {es}events ATTACH PARTITION ' || v_name
                || format(' FOR VALUES FROM (%s) TO (%s)', v_room + 1, v_room + v_size + 1);
            IF (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = '{es}events'::regclass) THEN
                EXECUTE 'ALTER TABLE ' || v_name || ' ENABLE ROW LEVEL SECURITY';
            END IF;
        END IF;
        v_room := v_room + v_size;
    END LOOP;
END $$;

-- Lets writers use the partitions that have been made, and gives how far there is room. The
-- lock is the makers': it is released when everybody has heard of what they made. It sends news of
-- the table once more, for sessions that have kept an old list of the partitions: to set what is set
-- already changes nothing, and tells everybody. (Not by a GRANT, which whoever grants at the same
-- time would fail by.)
CREATE FUNCTION {es}open_partitions() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_size bigint;
    v_room bigint;
    v_next bigint;
BEGIN
    LOCK TABLE {es}events IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT l.partition_size, l.room INTO v_size, v_room FROM {es}log l;
    v_next := v_room;
    WHILE EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = '{es}events'::regclass
                  AND i.inhrelid = to_regclass('{es}events_' || (v_next / v_size + 1))) LOOP
        v_next := v_next + v_size;
    END LOOP;
    IF v_next > v_room THEN
        UPDATE {es}log SET room = v_next;
    END IF;
    EXECUTE format('ALTER TABLE ONLY {es}events ALTER COLUMN part SET STATISTICS %s',
        (SELECT coalesce(a.attstattarget, -1) FROM pg_attribute a
         WHERE a.attrelid = '{es}events'::regclass AND a.attname = 'part'));
    RETURN v_next;
END $$;
