-- The columns and constraints of the events table of eventsource-py 0.1.0. Its store asks for
-- a column `id` that this table does not have, so whoever used it had added one.
CREATE TABLE events (
    event_id uuid PRIMARY KEY,
    aggregate_id uuid NOT NULL,
    aggregate_type varchar(255) NOT NULL,
    event_type varchar(255) NOT NULL,
    tenant_id uuid,
    actor_id varchar(255),
    version integer NOT NULL,
    timestamp timestamptz NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_events_aggregate_version UNIQUE (aggregate_id, aggregate_type, version)
);
