//! What spans and metrics are told apart by.

use es_core::spans;

/// Something that spans or metrics are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

/// The kind of store.
pub(crate) const STORE: &str = "es.store";
/// Which log, without user and password.
pub(crate) const LOG: &str = "es.log";
/// What an attempt of a subscriber was at.
pub(crate) const STAGE: &str = "es.stage";
/// Which pool of connections.
pub(crate) const POOL: &str = "db.client.connection.pool.name";
/// Whether a connection is in use.
pub(crate) const POOL_STATE: &str = "db.client.connection.state";
/// A topic of the bus.
pub(crate) const TOPIC: &str = "es.topic";

const fn is(name: &'static str, meaning: &'static str) -> Attribute {
    Attribute { name, meaning }
}

/// All attributes.
pub const ATTRIBUTES: &[Attribute] = &[
    is(spans::CATEGORY, "the category of the stream, or of the first of several"),
    is(spans::STREAM, "the stream, or the first of several; on spans only"),
    is(spans::STREAM_COUNT, "how many streams an append writes; only where there are several"),
    is(spans::EXPECTED, "what the stream was to be: `version 7`, `no stream`"),
    is(spans::EVENT_COUNT, "how many events were written, read or taken"),
    is(spans::READS, "what was read: `stream`, `category`, `event`, `all`"),
    is(
        spans::RESULT,
        "how it ended: `ok`, `nothing`, `duplicate`, `rejected`, `conflict`, `unknown` (the reply was lost), `error`, `abandoned` (the caller went away); of a snapshot `hit`, `missing`, `unusable`; of a parked event `handled`, `skipped`",
    ),
    is(
        spans::ERROR_TYPE,
        "the kind of error: `unavailable`, `log_diverged`; only where there was one",
    ),
    is(spans::AGGREGATE, "the category of the aggregate"),
    is(spans::COMMAND, "the type of the command, without its path; `Update` for a closure"),
    is(spans::ATTEMPTS, "how often the command was decided on; more than 1 after conflicts"),
    is(
        spans::PROJECTION,
        "the name that the progress of a projection or a reactor is kept under: `orders-v1`",
    ),
    is(spans::FROM, "the position of the first event"),
    is(spans::TO, "everything up to this position was looked at"),
    is(
        spans::HISTORY,
        "whether the events are those of a rebuild, or older than the subscriber; then there are no links",
    ),
    is(STORE, "the kind of store: `sqlite`, `postgresql`"),
    is(LOG, "which log, without user and password"),
    is(
        STAGE,
        "what had failed: `handler` (user code and its rows) or `progress` (everything around it)",
    ),
    is(spans::MESSAGING_SYSTEM, "`eventsource`"),
    is(spans::MESSAGING_OPERATION, "`publish`, `poll`, `process` or `ack`"),
    is(
        spans::MESSAGING_DESTINATION,
        "the relay that publishes; the topic that is polled, or that an event comes from, if it comes from one",
    ),
    is(spans::MESSAGING_PARTITION, "the partition that is asked, by consumers that keep order"),
    is(spans::MESSAGING_GROUP, "the subscription of the bus, or the group of consumers"),
    is(spans::MESSAGING_ID, "the id of the event; on spans only"),
    is(TOPIC, "the topic that a group of consumers reads"),
    is(spans::DB_SYSTEM, "the kind of database: `sqlite`, `postgresql`, `redis`"),
    is(
        spans::DB_NAMESPACE,
        "the database and the schema, `shop|eventsource`, or the file; not of a pool that was given, and not of Redis",
    ),
    is(spans::DB_COLLECTION, "the table of the events; not of Redis"),
    is(spans::DB_OPERATION, "what is asked for: `append`, `read`, or a command such as `XRANGE`"),
    is(
        spans::DB_BATCH,
        "how many events an append has, or how many commands of Redis were sent together; only where there were several",
    ),
    is(spans::DB_PROCEDURE, "the digest of the script that is run; only of Redis"),
    is(
        spans::SERVER,
        "the host of the Redis or the PostgreSQL that is asked, or its socket; absent where PostgreSQL may be one of several hosts",
    ),
    is(spans::PORT, "its port"),
    is(spans::DB_STATUS, "what PostgreSQL calls an error that came from it, the SQLSTATE: `57P01`"),
    is(POOL, "which pool of connections, without user and password"),
    is(POOL_STATE, "`used` or `idle`"),
];
