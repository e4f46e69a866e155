-- Tenants kept apart by the database: a role reads and writes the streams of the tenants that it
-- serves, and no others. The owner of the tables, superusers and roles with BYPASSRLS are not
-- concerned.
--
-- Reading is held by policies. Writing is held by functions that run as the owner of the tables,
-- because whoever gives positions has to see the whole log; they check what the caller may, and
-- that names and numbers belong together, before they append. A role that serves a tenant has no
-- right to write a table.

-- Which role serves which tenant: '' for streams without one, null for all tenants.
CREATE TABLE {es}tenants (
    role   name             NOT NULL,
    tenant text COLLATE "C",
    CONSTRAINT {es_}tenants_role UNIQUE (role, tenant)
);
GRANT SELECT ON {es}tenants TO PUBLIC;

-- Whoever asks, also from within a function that runs as somebody else: the role that was set,
-- or the one that connected.
CREATE FUNCTION {es}caller() RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE current_setting('role') WHEN 'none' THEN session_user
           ELSE current_setting('role')::name END
$$;

-- Whether a role may see and write the streams of a tenant; null asks for some tenant at all.
CREATE FUNCTION {es}serves(p_role name, p_tenant text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM {es}tenants t WHERE t.role = p_role
                   AND (t.tenant IS NULL OR t.tenant = p_tenant OR p_tenant IS NULL))
        OR EXISTS (SELECT 1 FROM pg_roles r, pg_class c
                   WHERE r.rolname = p_role AND c.oid = '{es}events'::regclass
                   AND (r.rolsuper OR r.rolbypassrls OR pg_has_role(r.oid, c.relowner, 'USAGE')))
$$;

-- Where the log ends, whoever asks: a reader must not wait for events of others one by one.
CREATE FUNCTION {es}head() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT e.position FROM {keys} e ORDER BY e.position DESC LIMIT 1), 0)
$$;

-- These look at the log as a whole, and give places only.
ALTER FUNCTION {es}position_at(timestamptz) SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION {es}is_fresh() SECURITY DEFINER SET search_path = pg_catalog, pg_temp;

ALTER TABLE {es}tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY {es_}own ON {es}tenants FOR SELECT USING (role = current_user);

ALTER TABLE {es}families ENABLE ROW LEVEL SECURITY;
-- Asked once for a statement, not for each row.
CREATE POLICY {es_}own ON {es}families FOR SELECT USING (
    tenant = ANY (ARRAY(SELECT t.tenant FROM {es}tenants t WHERE t.role = current_user))
    OR EXISTS (SELECT 1 FROM {es}tenants t WHERE t.role = current_user AND t.tenant IS NULL));

-- An event is of the tenant of its family; the policy on those holds here too.
ALTER TABLE {es}events ENABLE ROW LEVEL SECURITY;
CREATE POLICY {es_}own ON {es}events FOR SELECT USING (
    EXISTS (SELECT 1 FROM {es}families f WHERE f.id = family));

ALTER TABLE {es}tags ENABLE ROW LEVEL SECURITY;
CREATE POLICY {es_}own ON {es}tags FOR SELECT USING (
    EXISTS (SELECT 1 FROM {keys} e WHERE e.position = {es_}tags.position));

-- Runs as its owner, who sees everything, so it leaves out what the reader may not see.
DO $$ BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW {es}history WITH (security_barrier) AS '
        || rtrim(pg_get_viewdef('{es}history'::regclass), ';')
        || ' WHERE {es}serves(current_user, f.tenant)';
END $$;

-- Refuses a caller who does not serve all of these tenants.
CREATE FUNCTION {es}must_serve(p_tenants text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant text;
BEGIN
    FOR v_tenant IN SELECT DISTINCT t FROM unnest(p_tenants) t LOOP
        IF NOT {es}serves({es}caller(), v_tenant) THEN
            RAISE EXCEPTION 'role % does not serve tenant "%"', {es}caller(), v_tenant
                USING ERRCODE = 'ES005';
        END IF;
    END LOOP;
END $$;

-- The number of a family, as a writer knows it.
CREATE FUNCTION {es}family(tenant text, category text, type text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ('x' || encode(substr(sha256(convert_to(tenant, 'UTF8') || '\x00'::bytea
        || convert_to(category, 'UTF8') || '\x00'::bytea || convert_to(type, 'UTF8')), 1, 8), 'hex'))
        ::bit(64)::bigint
$$;

CREATE FUNCTION {es}tenant_append_one(
    p_log uuid, p_stream uuid, p_key text, p_expected bigint,
    p_family bigint, p_tenant text, p_category text, p_type text,
    p_id uuid, p_schema bigint, p_payload bytea, p_content text,
    p_correlation uuid, p_causation uuid, p_metadata text, p_tags text,
    OUT o_code integer, OUT o_position bigint, OUT o_version bigint, OUT o_at timestamptz
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM {es}must_serve(ARRAY[p_tenant]);
    IF p_stream IS DISTINCT FROM {es}stream(p_tenant, p_category, p_key)
        OR p_family IS DISTINCT FROM {es}family(p_tenant, p_category, p_type) THEN
        RAISE EXCEPTION 'the names of the event are not those of its numbers' USING ERRCODE = 'ES006';
    END IF;
    SELECT * INTO o_code, o_position, o_version, o_at
    FROM {es}append_one(p_log, p_stream, p_key, p_expected, p_family, p_tenant, p_category,
        p_type, p_id, p_schema, p_payload, p_content, p_correlation, p_causation, p_metadata,
        p_tags);
END $$;

CREATE FUNCTION {es}tenant_append(
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
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM {es}must_serve(f_tenant || c_tenant);
    IF EXISTS (SELECT 1 FROM unnest(f_id, f_tenant, f_category, f_type) f(id, tenant, category, type)
               WHERE f.id IS DISTINCT FROM {es}family(f.tenant, f.category, f.type))
        OR EXISTS (
            SELECT 1 FROM unnest(e_item, e_stream, e_key, e_family) e(item, stream, key, family)
            LEFT JOIN unnest(f_id, f_tenant, f_category) f(id, tenant, category) ON f.id = e.family
            -- The stream by its names, in the event and in the item that decides on it.
            WHERE e.stream IS DISTINCT FROM {es}stream(f.tenant, f.category, e.key)
            OR e.stream IS DISTINCT FROM p_streams[i_stream[e.item]]
            OR e.key IS DISTINCT FROM p_keys[i_stream[e.item]])
        -- As many events as each item says, one behind the other: or positions had holes.
        OR EXISTS (
            SELECT 1 FROM unnest(i_count) WITH ORDINALITY i(count, item)
            LEFT JOIN (SELECT e.item, count(DISTINCT e.offset) AS there, count(*) AS all,
                              min(e.offset) AS first, max(e.offset) AS last
                       FROM unnest(e_item, e_offset) e(item, "offset") GROUP BY 1) e
            ON e.item = i.item
            WHERE (coalesce(e.there, 0), coalesce(e.all, 0), coalesce(e.first, 0),
                   coalesce(e.last, i.count - 1))
            IS DISTINCT FROM (i.count::bigint, i.count::bigint, 0, i.count - 1)) THEN
        RAISE EXCEPTION 'the names of an event are not those of its numbers' USING ERRCODE = 'ES006';
    END IF;
    -- Streams that are only required come without their tenant; if they are there, they have one.
    PERFORM {es}must_serve((
        SELECT array_agg(DISTINCT f.tenant)
        FROM unnest(p_streams) s(id)
        CROSS JOIN LATERAL (SELECT e.family FROM {keys} e WHERE e.stream = s.id
                            ORDER BY e.version DESC LIMIT 1) e
        JOIN {es}families f ON f.id = e.family));
    SELECT * INTO o_at, o_codes, o_details, o_places, o_firsts, o_bases
    FROM {es}append(p_log, p_careful, p_streams, p_keys, i_append, i_stream, i_expected, i_count,
        e_item, e_offset, e_part, e_parts, e_stream, e_key, e_family, e_id, e_schema, e_payload,
        e_content, e_correlation, e_causation, e_metadata, e_tags, f_id, f_tenant, f_category,
        f_type, c_append, c_after, c_found, c_tenant, q_condition, q_types, q_tags);
END $$;

-- Lets a role serve a tenant, or all of them (null), with the rights that it needs.
CREATE FUNCTION {es}admit(p_role name, p_tenant text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_table text;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I',
        (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.oid = '{es}events'::regclass), p_role);
    FOREACH v_table IN ARRAY ARRAY['log', 'migrations', 'families', 'events', 'tags', 'keys',
                                   'history'] LOOP
        IF to_regclass('{es}' || v_table) IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON {es}%s TO %I', v_table, p_role);
        END IF;
    END LOOP;
    -- What LOCK TABLE asks for, where the role appends in a transaction of its own.
    EXECUTE format('GRANT UPDATE ON {es}append_lock TO %I', p_role);
    INSERT INTO {es}tenants SELECT p_role, p_tenant WHERE NOT EXISTS (
        SELECT 1 FROM {es}tenants t WHERE t.role = p_role AND t.tenant IS NOT DISTINCT FROM p_tenant);
END $$;

--partitioned: ALTER TABLE {es}keys ENABLE ROW LEVEL SECURITY;
--partitioned: CREATE POLICY {es_}own ON {es}keys FOR SELECT USING (
--partitioned:     EXISTS (SELECT 1 FROM {es}families f WHERE f.id = family));
-- A partition has no policy of its own: nobody but the owner reads it by its name.
DO $$
DECLARE
    v_partition regclass;
BEGIN
    FOR v_partition IN SELECT i.inhrelid FROM pg_inherits i
                       WHERE i.inhparent = '{es}events'::regclass LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', v_partition);
    END LOOP;
END $$;
