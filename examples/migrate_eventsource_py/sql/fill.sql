-- 100 orders of three tenants, and some of none: placed, two items added, and every second one
-- paid. Each step is done for all orders before the next, so streams are interleaved. Payloads
-- are whole events, as Python writes them.
INSERT INTO events (
    event_id, aggregate_id, aggregate_type, event_type, tenant_id, actor_id, version, timestamp,
    payload, created_at
)
SELECT
    event_id, aggregate_id, 'Order', event_type, tenant_id, actor_id, version, occurred_at,
    jsonb_build_object(
        'event_id', event_id,
        'event_type', event_type,
        'event_version', 1,
        'occurred_at', occurred_at,
        'aggregate_id', aggregate_id,
        'aggregate_type', 'Order',
        'aggregate_version', version,
        'tenant_id', tenant_id,
        'actor_id', actor_id,
        'correlation_id', md5('correlation ' || number)::uuid,
        'causation_id', CASE WHEN version > 1 THEN md5('event ' || number || ' 1')::uuid END,
        'metadata', jsonb_build_object('source', 'till ' || number % 5)
    ) || fields,
    occurred_at + interval '0.25 seconds'
FROM (
    SELECT
        number,
        version,
        md5('event ' || number || ' ' || version)::uuid AS event_id,
        md5('order ' || number)::uuid AS aggregate_id,
        CASE WHEN number % 4 > 0 THEN md5('tenant ' || number % 4)::uuid END AS tenant_id,
        CASE WHEN version = 1 THEN 'user-' || number END AS actor_id,
        (ARRAY['OrderPlaced', 'ItemAdded', 'ItemAdded', 'OrderPaid'])[version] AS event_type,
        timestamptz '2026-01-31 12:00:00.123456+00' + version * interval '1 hour'
            + number * interval '1 second' AS occurred_at,
        CASE version
            WHEN 1 THEN jsonb_build_object('customer', 'customer ' || number)
            WHEN 4 THEN '{}'
            ELSE jsonb_build_object('sku', 'sku-' || version, 'cents', 1250 * version)
        END AS fields
    FROM generate_series(1, 4) AS version, generate_series(1, 100) AS number
    WHERE version < 4 OR number % 2 = 0
    ORDER BY version, number
) AS history
ORDER BY version, number;
