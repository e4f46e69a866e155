//! All spans. The crates that open them take the names from es-core, as this table does.

use es_core::spans::{
    self, AGGREGATE, ATTEMPTS, CATEGORY, COMMAND, DB_BATCH, DB_COLLECTION, DB_NAMESPACE,
    DB_OPERATION, DB_PROCEDURE, DB_STATUS, DB_SYSTEM, ERROR_TYPE, EVENT_COUNT, EXPECTED, FROM,
    HISTORY, MESSAGING_DESTINATION, MESSAGING_GROUP, MESSAGING_ID, MESSAGING_OPERATION,
    MESSAGING_PARTITION, MESSAGING_SYSTEM, PORT, PROJECTION, READS, RESULT, SERVER, STREAM,
    STREAM_COUNT, TO,
};

/// A span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanName {
    /// Its name as `tracing` has it, for filters.
    pub name: &'static str,
    /// Its name as OpenTelemetry shows it.
    pub shown: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// The level that it is opened at.
    pub level: &'static str,
    /// The crate that opens it; also its target, for filters.
    pub emitter: &'static str,
    /// What it spans.
    pub meaning: &'static str,
    /// Its attributes.
    pub attributes: &'static [&'static str],
}

/// All spans.
pub const SPANS: &[SpanName] = &[
    SpanName {
        name: spans::EXECUTE,
        shown: "es.execute {command}",
        kind: "internal",
        level: "info",
        emitter: "es_aggregate",
        meaning: "one command, with all attempts",
        attributes: &[AGGREGATE, COMMAND, STREAM, ATTEMPTS, RESULT, ERROR_TYPE],
    },
    SpanName {
        name: spans::APPEND,
        shown: "es.append {category}",
        kind: "internal",
        level: "info",
        emitter: "es_telemetry",
        meaning: "one append, from the handle to the reply; its context is written into each event",
        attributes: &[CATEGORY, STREAM, STREAM_COUNT, EXPECTED, EVENT_COUNT, RESULT, ERROR_TYPE],
    },
    SpanName {
        name: spans::LOAD,
        shown: "es.load {category}",
        kind: "internal",
        level: "info",
        emitter: "es_telemetry",
        meaning: "one read of a stream, from the first page that is asked for until the reader is done",
        attributes: &[CATEGORY, STREAM, EVENT_COUNT, RESULT, ERROR_TYPE],
    },
    SpanName {
        name: spans::READ,
        shown: "es.read {what}",
        kind: "internal",
        level: "debug",
        emitter: "es_telemetry",
        meaning: "one read of anything else, likewise",
        attributes: &[CATEGORY, READS, EVENT_COUNT, RESULT, ERROR_TYPE],
    },
    SpanName {
        name: spans::PROJECT,
        shown: "es.project {projection}",
        kind: "consumer",
        level: "info",
        emitter: "es_projection",
        meaning: "what a projection or a reactor does with the events that it has taken at once, with links to the contexts that they were written in, at most 128",
        attributes: &[PROJECTION, FROM, TO, EVENT_COUNT, HISTORY, ERROR_TYPE],
    },
    SpanName {
        name: spans::PUBLISH,
        shown: "publish {relay}",
        kind: "producer",
        level: "info",
        emitter: "es_bus",
        meaning: "events that a relay gives to a transport at once, with links to the contexts that they were written in, at most 128",
        attributes: &[
            MESSAGING_SYSTEM,
            MESSAGING_OPERATION,
            MESSAGING_DESTINATION,
            FROM,
            TO,
            EVENT_COUNT,
            HISTORY,
            RESULT,
            ERROR_TYPE,
        ],
    },
    SpanName {
        name: spans::POLL,
        shown: "poll {topic}",
        kind: "client",
        level: "debug",
        emitter: "es_bus",
        meaning: "a consumer asks a topic for events; with a partition where it keeps order",
        attributes: ASKED,
    },
    SpanName {
        name: spans::ACK,
        shown: "ack {topic}",
        kind: "client",
        level: "debug",
        emitter: "es_bus",
        meaning: "a consumer tells a topic what it is done with: how many events, or the place of a partition",
        attributes: ASKED,
    },
    SpanName {
        name: spans::PROCESS,
        shown: "process {topic or subscription}",
        kind: "consumer",
        level: "info",
        emitter: "es_bus",
        meaning: "an event that a handler of the bus is given, called by the topic, or by the subscription where the bus is in process, with all attempts and a link to the context that it was written in; none for history",
        attributes: &[
            MESSAGING_SYSTEM,
            MESSAGING_OPERATION,
            MESSAGING_DESTINATION,
            MESSAGING_GROUP,
            MESSAGING_ID,
            STREAM,
            ATTEMPTS,
            RESULT,
        ],
    },
    SpanName {
        name: spans::DB,
        shown: "{operation} {system}",
        kind: "client",
        level: "debug",
        emitter: "es_redis, es_store_sqlite, es_store_postgres",
        meaning: "one call of a database: an append or a page of a read, with what it waits for; on Redis a command, or a pipeline of them",
        attributes: &[
            DB_SYSTEM,
            DB_NAMESPACE,
            DB_COLLECTION,
            DB_OPERATION,
            DB_BATCH,
            DB_PROCEDURE,
            SERVER,
            PORT,
            DB_STATUS,
            ERROR_TYPE,
        ],
    },
];

/// What a consumer asks of a topic.
const ASKED: &[&str] = &[
    MESSAGING_SYSTEM,
    MESSAGING_OPERATION,
    MESSAGING_DESTINATION,
    MESSAGING_GROUP,
    MESSAGING_PARTITION,
    EVENT_COUNT,
    ERROR_TYPE,
];
