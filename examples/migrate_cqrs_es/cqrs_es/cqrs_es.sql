-- The rows of a table of cqrs-es: by time where there is one, and each stream in the order of
-- its sequence, whatever the times say.
SELECT
    aggregate_type,
    aggregate_id,
    sequence::bigint AS version,
    NULL::uuid AS event_id,
    event_type,
    event_version,
    NULL::text AS tenant,
    NULL::text AS actor,
    {micros} AS occurred_at,
    NULL::text AS correlation,
    NULL::text AS causation,
    -- A variant without fields is its name as text; one with fields is an object with one key.
    CASE
        WHEN json_typeof(payload::json) = 'string' THEN '{}'
        ELSE coalesce(unwrapped.fields, payload::text)
    END AS payload,
    metadata::text AS metadata,
    NULL::text AS origin
FROM {table}
LEFT JOIN LATERAL (
    SELECT min(value::text) AS fields
    FROM json_each(CASE WHEN json_typeof(payload::json) = 'object' THEN payload::json ELSE '{}' END)
    HAVING count(*) = 1 AND bool_and({wrapped})
) AS unwrapped ON TRUE
ORDER BY
    max({order}) OVER (
        PARTITION BY aggregate_type, aggregate_id ORDER BY sequence
        RANGE UNBOUNDED PRECEDING
    ) NULLS FIRST,
    aggregate_type,
    aggregate_id,
    sequence
