//! All metrics. The instruments are made from this table.

use es_core::spans::{
    AGGREGATE, CATEGORY, COMMAND, ERROR_TYPE, MESSAGING_DESTINATION, MESSAGING_GROUP,
    MESSAGING_OPERATION, PROJECTION, READS, RESULT,
};

use super::attributes::{LOG, POOL, POOL_STATE, STAGE, STORE, TOPIC};

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is made of.
    pub kind: MetricKind,
    /// Its unit, as OpenTelemetry writes them: `s`, `{event}`.
    pub unit: &'static str,
    /// What it says.
    pub meaning: &'static str,
    /// What it is told apart by.
    pub attributes: &'static [&'static str],
}

/// What a metric is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// How its values are spread.
    Histogram,
    /// How it is now.
    Gauge,
}

/// Writes each metric as a constant and all of them as a list, so that none is left out of
/// the documentation.
macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal $unit:literal [$($attribute:expr),*] $meaning:literal;)*) => {
        $(
            pub(crate) const $constant: Metric = Metric {
                name: $name,
                kind: MetricKind::$kind,
                unit: $unit,
                meaning: $meaning,
                attributes: &[$($attribute),*],
            };
        )*
        /// All metrics.
        pub const METRICS: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    APPEND_DURATION = Histogram "es.append.duration" "s" [CATEGORY, RESULT, ERROR_TYPE]
        "how long appends take, from the handle to the reply";
    APPEND_EVENTS = Counter "es.append.events" "{event}" [CATEGORY]
        "events that were written; a duplicate writes none";
    APPEND_CONFLICTS = Counter "es.append.conflicts" "{append}" [CATEGORY]
        "appends that met another writer, or a condition that did not hold";
    APPEND_DUPLICATES = Counter "es.append.duplicates" "{append}" [CATEGORY]
        "appends that had been written before, and were not written again";
    APPEND_UNKNOWN = Counter "es.append.unknown" "{append}" [CATEGORY]
        "appends whose reply was lost and of which nobody knows; appending them again settles it";
    APPEND_QUEUE = Gauge "es.append.queue" "{append}" [STORE, LOG]
        "appends that wait for the store or are being written";
    APPEND_QUEUE_MAX = Gauge "es.append.queue.max" "{append}" [STORE, LOG]
        "appends that can wait before callers do, or are refused";
    COMMIT_APPENDS = Histogram "es.commit.appends" "{append}" [STORE]
        "appends that shared a commit";
    COMMIT_WAIT = Histogram "es.commit.wait" "s" [STORE]
        "how long the append that waited longest for its commit had waited when the work on it began";
    COMMIT_DURATION = Histogram "es.commit.duration" "s" [STORE, RESULT]
        "how long it took from there until the commit was done";
    LOAD_DURATION = Histogram "es.load.duration" "s" [CATEGORY, READS, RESULT, ERROR_TYPE]
        "how long readers waited for the store over one read; what they do between pages is not counted";
    LOAD_EVENTS = Histogram "es.load.events" "{event}" [CATEGORY, READS]
        "events of one read";
    LOG_REGRESSIONS = Counter "es.log.regressions" "{error}" []
        "how often the log was found to be another one, or to have lost its end: acknowledged events may be gone";
    EXECUTE_DURATION = Histogram "es.execute.duration" "s" [AGGREGATE, COMMAND, RESULT]
        "how long commands take, with all attempts";
    EXECUTE_RETRIES = Counter "es.execute.retries" "{retry}" [AGGREGATE, COMMAND]
        "how often commands were decided again after a conflict";
    SNAPSHOT_LOOKUPS = Counter "es.snapshot.lookups" "{lookup}" [AGGREGATE, RESULT]
        "how often a snapshot was looked for, and what came of it";
    PROJECTION_DURATION = Histogram "es.projection.duration" "s" [PROJECTION]
        "how long a subscriber works on the events that it has taken at once, with retries";
    PROJECTION_BATCH = Histogram "es.projection.batch" "{event}" [PROJECTION]
        "events that a subscriber has taken at once";
    PROJECTION_EVENTS = Counter "es.projection.events" "{event}" [PROJECTION]
        "events that were handled";
    PROJECTION_ERRORS = Counter "es.projection.errors" "{error}" [PROJECTION, STAGE]
        "attempts that failed, also at events that were tried again one by one";
    PROJECTION_RETRIES = Counter "es.projection.retries" "{retry}" [PROJECTION, STAGE]
        "attempts that were made again after a pause";
    PROJECTION_DEAD_LETTERS = Counter "es.projection.dead_letters" "{event}" [PROJECTION]
        "events that were parked, with those that wait behind them";
    PROJECTION_RELEASED = Counter "es.projection.released" "{event}" [PROJECTION, RESULT]
        "parked events that were handled after all, or given up";
    PROJECTION_PARKED = Gauge "es.projection.parked" "{event}" [PROJECTION]
        "events that are parked now";
    PROJECTION_LAG = Gauge "es.projection.lag" "{event}" [PROJECTION]
        "places of the log that were not looked at; absent when that is not known, which is not zero";
    PROJECTION_LAG_TIME = Gauge "es.projection.lag_time" "s" [PROJECTION]
        "the age of the first event that is wanted and not handled; absent when that is not known";
    PROJECTION_HEALTHY = Gauge "es.projection.healthy" "1" [PROJECTION]
        "1 when somebody works, the work gets on, and that is known; else 0";
    SENT_MESSAGES = Counter "messaging.client.sent.messages" "{message}" [MESSAGING_DESTINATION]
        "events that a transport has taken from a relay";
    OPERATION_DURATION = Histogram "messaging.client.operation.duration" "s" [MESSAGING_DESTINATION, MESSAGING_OPERATION, RESULT]
        "how long a transport took to answer a relay; where handlers run in the same process, they are waited for";
    CONSUMED_MESSAGES = Counter "messaging.client.consumed.messages" "{message}" [MESSAGING_GROUP]
        "events that a handler of the bus was given";
    PROCESS_DURATION = Histogram "messaging.process.duration" "s" [MESSAGING_GROUP, RESULT]
        "how long a handler of the bus took for an event, with retries and the pauses between them";
    BUS_RETRIES = Counter "es.bus.retries" "{retry}" [MESSAGING_GROUP]
        "how often a handler of the bus was given an event again after it had failed";
    BUS_DEAD_LETTERS = Counter "es.bus.dead_letters" "{event}" [MESSAGING_GROUP]
        "events that became a dead letter of a subscription, or wait behind one";
    BUS_PENDING = Gauge "es.bus.pending" "{message}" [TOPIC, MESSAGING_GROUP]
        "events that wait for a handler of the bus in process; of a group of consumers (then with the topic) those that it has taken and is not done with, or that wait for another attempt; absent when that is not known";
    BUS_LAG = Gauge "es.bus.lag" "{event}" [TOPIC, MESSAGING_GROUP]
        "how far a group of consumers is behind what was published, in places of the log; absent when that is not known, which is not zero";
    BUS_LAG_TIME = Gauge "es.bus.lag_time" "s" [TOPIC, MESSAGING_GROUP]
        "how long ago the log recorded the oldest event that a group of consumers has not handled, by the clock of the Redis server; absent when that is not known";
    BUS_PARKED = Gauge "es.bus.parked" "{event}" [TOPIC, MESSAGING_GROUP]
        "events that are dead letters of a group of consumers now; absent when that is not known";
    BUS_HEALTHY = Gauge "es.bus.healthy" "1" [TOPIC, MESSAGING_GROUP]
        "1 when a group of consumers can be seen and somebody is there to do what there is to do; else 0";
    RELAY_LAG = Gauge "es.relay.lag" "{event}" [MESSAGING_DESTINATION]
        "places of the log that a relay has not looked at; absent when that is not known, which is not zero";
    RELAY_LAG_TIME = Gauge "es.relay.lag_time" "s" [MESSAGING_DESTINATION]
        "the age of the first event that a relay has to publish and has not published; absent when that is not known";
    RELAY_PARKED = Gauge "es.relay.parked_streams" "{stream}" [MESSAGING_DESTINATION]
        "streams that wait behind an event that a transport refused";
    RELAY_HEALTHY = Gauge "es.relay.healthy" "1" [MESSAGING_DESTINATION]
        "1 when somebody publishes, the work gets on, and that is known; else 0";
    POOL_CONNECTIONS = Gauge "db.client.connection.count" "{connection}" [POOL, POOL_STATE]
        "connections that are open";
    POOL_MAX = Gauge "db.client.connection.max" "{connection}" [POOL]
        "connections that there can be";
    POOL_PENDING = Gauge "db.client.connection.pending_requests" "{request}" [POOL]
        "callers that wait for a connection";
}
