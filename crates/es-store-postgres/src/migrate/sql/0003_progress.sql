-- How far subscribers have got, what they could not handle, and folded state.

CREATE TABLE {es}subscribers (
    name       text COLLATE "C" NOT NULL,
    epoch      bigint           NOT NULL, -- outlives the checkpoint: no epoch comes twice
    log        uuid,                      -- null: no checkpoint, it was forgotten
    position   bigint           NOT NULL DEFAULT 0,
    event      uuid,
    owner      text             NOT NULL DEFAULT '',
    updated_at timestamptz      NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT {es_}subscribers_name PRIMARY KEY (name)
) WITH (fillfactor = 50); -- moved again and again: room for the new row beside the old one

CREATE TABLE {es}dead_letters (
    subscriber      text COLLATE "C" NOT NULL,
    position        bigint           NOT NULL,
    event           uuid             NOT NULL,
    stream          text COLLATE "C" NOT NULL,
    cause           text,
    attempts        integer          NOT NULL,
    first_failed_at timestamptz      NOT NULL,
    last_failed_at  timestamptz      NOT NULL,
    CONSTRAINT {es_}dead_letters_position PRIMARY KEY (subscriber, position)
);

-- Dead letters that were given up, with the reason.
CREATE TABLE {es}skipped (
    LIKE {es}dead_letters INCLUDING ALL,
    reason text NOT NULL
);

CREATE TABLE {es}snapshots (
    stream       text COLLATE "C" NOT NULL,
    fingerprint  bigint           NOT NULL,
    version      bigint           NOT NULL,
    event        uuid             NOT NULL,
    log          uuid             NOT NULL,
    taken_at     timestamptz      NOT NULL,
    state        bytea            NOT NULL,
    content_type text,
    CONSTRAINT {es_}snapshots_key PRIMARY KEY (stream, fingerprint)
);
