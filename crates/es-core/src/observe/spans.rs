//! The names of spans and of their fields. The crates that open them and the one that
//! documents them take them from here.

/// One append, from the handle to the reply.
pub const APPEND: &str = "es.append";
/// One read of a stream.
pub const LOAD: &str = "es.load";
/// One read of anything else.
pub const READ: &str = "es.read";
/// One command, with all attempts.
pub const EXECUTE: &str = "es.execute";
/// What a subscriber does with the events that it has taken at once.
pub const PROJECT: &str = "es.project";

/// A batch that a relay gives to a transport.
pub const PUBLISH: &str = "es.publish";
/// An event that a handler of the bus is given.
pub const PROCESS: &str = "es.process";

/// A consumer asks a topic for events.
pub const POLL: &str = "es.poll";
/// A consumer tells a topic what it is done with.
pub const ACK: &str = "es.ack";
/// One call of a database.
pub const DB: &str = "es.db";

/// The name that is shown, with what it is of: `es.append account`.
pub const NAME: &str = "otel.name";
/// The kind of span, as OpenTelemetry has them.
pub const KIND: &str = "otel.kind";
/// `ERROR` when something is broken.
pub const STATUS: &str = "otel.status_code";

/// The category of the stream, or of the first of several.
pub const CATEGORY: &str = "es.category";
/// The stream, or the first of several.
pub const STREAM: &str = "es.stream.id";
/// How many streams are written.
pub const STREAM_COUNT: &str = "es.stream_count";
/// What the stream was to be.
pub const EXPECTED: &str = "es.expected_version";
/// How many events.
pub const EVENT_COUNT: &str = "es.event_count";
/// What is read: `stream`, `category`, `all`.
pub const READS: &str = "es.read.kind";
/// How it ended: a word of [`Outcome`](crate::Outcome).
pub const RESULT: &str = "es.result";
/// The kind of error, if it ended with one.
pub const ERROR_TYPE: &str = "error.type";
/// The first position.
pub const FROM: &str = "es.from";
/// The last position.
pub const TO: &str = "es.to";
/// The category of an aggregate.
pub const AGGREGATE: &str = "es.aggregate.type";
/// The type of a command.
pub const COMMAND: &str = "es.command";
/// How often it was tried.
pub const ATTEMPTS: &str = "es.attempts";
/// The name that the progress of a projection or a reactor is kept under.
pub const PROJECTION: &str = "es.projection";
/// Whether the events are history.
pub const HISTORY: &str = "es.history";

/// The messaging system.
pub const MESSAGING_SYSTEM: &str = "messaging.system";
/// What is done with messages: `publish`, `poll`, `process`, `ack`.
pub const MESSAGING_OPERATION: &str = "messaging.operation.name";
/// Where messages go or come from: the name of a relay, or of a topic.
pub const MESSAGING_DESTINATION: &str = "messaging.destination.name";
/// Who takes messages: the name of a subscription.
pub const MESSAGING_GROUP: &str = "messaging.consumer.group.name";
/// The id of a message, which is that of the event.
pub const MESSAGING_ID: &str = "messaging.message.id";

/// The partition that is asked.
pub const MESSAGING_PARTITION: &str = "messaging.destination.partition.id";

/// Which kind of database.
pub const DB_SYSTEM: &str = "db.system.name";
/// Which database: `shop|public` (the schema behind the name), or a file.
pub const DB_NAMESPACE: &str = "db.namespace";
/// Which table.
pub const DB_COLLECTION: &str = "db.collection.name";
/// What it is asked for: a command, or `append` and `read`.
pub const DB_OPERATION: &str = "db.operation.name";
/// How many commands or events one call carries; only where there are several.
pub const DB_BATCH: &str = "db.operation.batch.size";
/// The function or the script that it runs.
pub const DB_PROCEDURE: &str = "db.stored_procedure.name";
/// What the database itself calls the error: of PostgreSQL the SQLSTATE.
pub const DB_STATUS: &str = "db.response.status_code";
/// Where it is, without user and password; nothing for a file.
pub const SERVER: &str = "server.address";
/// The port, where it is one.
pub const PORT: &str = "server.port";

/// What [`MESSAGING_SYSTEM`] is.
pub const SYSTEM: &str = "eventsource";
/// What [`STATUS`] is when something is broken.
pub const ERROR: &str = "ERROR";

/// A count or a position as a field. OpenTelemetry has signed numbers only, and what is none
/// becomes text on the way there, which nobody can add up or compare.
#[must_use]
pub fn number(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// The same where one is not worth a field.
#[must_use]
pub fn several(count: usize) -> Option<i64> {
    (count > 1).then(|| number(count))
}

/// The last part of the name of a type, without path and parameters, as commands are called:
/// of `bank::commands::Deposit<u64>`, `Deposit`.
#[must_use]
pub fn short_type_name(name: &str) -> &str {
    let plain = name.split('<').next().unwrap_or(name);
    plain.rsplit("::").next().unwrap_or(plain).trim_start_matches('&')
}
