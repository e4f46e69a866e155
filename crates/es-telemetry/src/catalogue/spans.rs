//! All spans. The crates that open them take the names from es-core, as this table does.

use es_core::spans::{
    self, AGGREGATE, ATTEMPTS, CATEGORY, COMMAND, ERROR_TYPE, EVENT_COUNT, EXPECTED, FROM, HISTORY,
    MESSAGING_DESTINATION, MESSAGING_GROUP, MESSAGING_ID, MESSAGING_OPERATION, MESSAGING_SYSTEM,
    PROJECTION, READS, RESULT, STREAM, STREAM_COUNT, TO,
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
            ERROR_TYPE,
        ],
    },
    SpanName {
        name: spans::PROCESS,
        shown: "process {subscription}",
        kind: "consumer",
        level: "info",
        emitter: "es_bus",
        meaning: "an event that a handler of the bus is given, with all attempts and a link to the context that it was written in; none for history",
        attributes: &[
            MESSAGING_SYSTEM,
            MESSAGING_OPERATION,
            MESSAGING_GROUP,
            MESSAGING_ID,
            STREAM,
            ATTEMPTS,
            RESULT,
        ],
    },
];
