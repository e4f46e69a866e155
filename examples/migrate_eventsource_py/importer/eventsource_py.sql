-- The rows of a table of eventsource-py, in the order in which they were written. Within a
-- stream that is the order of versions, whatever the numbers say: a row is never before one of
-- an earlier version.
SELECT
    aggregate_type::text,
    aggregate_id::text,
    version::bigint,
    event_id,
    event_type::text,
    payload ->> 'event_version' AS event_version,
    tenant_id::text AS tenant,
    actor_id::text AS actor,
    -- Whole numbers throughout: extract(epoch) is a float before PostgreSQL 14.
    CASE WHEN isfinite(timestamp) THEN
        extract(epoch FROM date_trunc('second', timestamp))::bigint * 1000000
            + extract(microseconds FROM timestamp)::bigint % 1000000
    END AS occurred_at,
    payload ->> 'correlation_id' AS correlation,
    payload ->> 'causation_id' AS causation,
    CASE WHEN jsonb_typeof(payload) = 'object' THEN
        payload - ARRAY[
            'event_id', 'event_type', 'event_version', 'occurred_at', 'aggregate_id',
            'aggregate_type', 'aggregate_version', 'tenant_id', 'actor_id', 'correlation_id',
            'causation_id', 'metadata'
        ]
    ELSE payload END::text AS payload,
    nullif(payload -> 'metadata', 'null'::jsonb)::text AS metadata,
    jsonb_strip_nulls(jsonb_build_object(
        '{order}', {order},
        'created_at', created_at,
        -- The version that Python believed in, where it was another one.
        'aggregate_version', nullif(payload -> 'aggregate_version', to_jsonb(version))
    ))::text AS origin
FROM {table}
ORDER BY
    max({order}) OVER (
        PARTITION BY aggregate_type, aggregate_id ORDER BY version
        RANGE UNBOUNDED PRECEDING
    ),
    aggregate_type,
    aggregate_id,
    version
