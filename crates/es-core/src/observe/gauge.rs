//! Values that are asked for, not told.

use std::time::Duration;

/// Has values that change by themselves, such as how many connections are in use.
pub trait GaugeSource: Send + Sync {
    /// Gives each value as it is now. It must not wait for anything.
    fn gauges(&self, report: &mut dyn FnMut(Gauge<'_>));
}

/// A value as it is now. Match with `..`: fields may be added.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Gauge<'a> {
    /// A pool of connections.
    Pool {
        /// The kind of store: `postgresql`.
        store: &'a str,
        /// Which pool, without user and password.
        name: &'a str,
        /// Connections that somebody uses.
        used: usize,
        /// Connections that are open and that nobody uses.
        idle: usize,
        /// How many there can be.
        max: usize,
        /// Callers that wait for one.
        waiting: usize,
    },
    /// The queue of appends of a store.
    Queue {
        /// The kind of store: `sqlite`.
        store: &'a str,
        /// Which log, without user and password.
        name: &'a str,
        /// Appends in it, with those that are being written.
        appends: usize,
        /// How many there can be.
        max: usize,
    },
    /// The events that wait for a handler of the bus.
    Messages {
        /// The subscription.
        subscription: &'a str,
        /// How many wait.
        pending: usize,
    },
    /// A projection or a reactor (P4).
    Subscriber {
        /// The name that its progress is kept under.
        subscriber: &'a str,
        /// Places of the log that it has not looked at; `None` when that is not known, which
        /// is not the same as none.
        lag: Option<u64>,
        /// The age of the first event that it wants and has not handled; `None` when that is
        /// not known.
        lag_time: Option<Duration>,
        /// Events that are parked.
        parked: u64,
        /// Whether somebody works on it, the work gets on, and that is known.
        is_healthy: bool,
    },
    /// A relay.
    Relay {
        /// Its name.
        relay: &'a str,
        /// Places of the log that it has not looked at; `None` when that is not known, which
        /// is not the same as none.
        lag: Option<u64>,
        /// The age of the first event that it has to publish and has not published; `None`
        /// when that is not known.
        lag_time: Option<Duration>,
        /// Streams that wait behind an event that a transport refused.
        parked_streams: u64,
        /// Whether somebody publishes, the work gets on, and that is known.
        is_healthy: bool,
    },
    /// A group of consumers of a topic, over all processes.
    Group {
        /// The topic.
        topic: &'a str,
        /// The group.
        group: &'a str,
        /// What is known of its work; `None` when that is not known, which is not the same as
        /// nothing.
        work: Option<GroupWork>,
        /// Whether somebody is there to do what there is to do, and that is known.
        is_healthy: bool,
    },
}

/// What a group of consumers has before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupWork {
    /// How far it is behind what was published, in places of the log.
    pub lag: u64,
    /// The age of the oldest event that it has not handled, dead letters aside; `None` when that
    /// is not known.
    pub lag_time: Option<Duration>,
    /// Events that were taken and are not done with, or wait for another attempt.
    pub pending: u64,
    /// Events that are dead letters now.
    pub dead_letters: u64,
}
