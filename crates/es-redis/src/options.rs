//! How Redis is connected to.

use std::time::Duration;

/// How Redis is connected to.
///
/// ```
/// use std::time::Duration;
///
/// use es_redis::RedisOptions;
///
/// let options = RedisOptions::new().with_command_timeout(Duration::from_secs(2));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisOptions {
    pub(crate) connect_timeout: Duration,
    pub(crate) command_timeout: Duration,
    pub(crate) in_flight: usize,
    pub(crate) longest_pause: Duration,
}

impl RedisOptions {
    /// 5 seconds for a connection, 10 for a command, 10,000 commands on their way at most,
    /// up to 1 second between two tries to connect.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(10),
            in_flight: 10_000,
            longest_pause: Duration::from_secs(1),
        }
    }

    /// How long one try to connect takes at most.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a command takes at most, waiting for a connection included. A connection that
    /// answers nobody for about that time is made anew.
    #[must_use]
    pub const fn with_command_timeout(mut self, timeout: Duration) -> Self {
        self.command_timeout = timeout;
        self
    }

    /// How many commands are on their way at most; those beyond wait for room. 0 counts
    /// as 1.
    #[must_use]
    pub const fn with_in_flight(mut self, commands: usize) -> Self {
        self.in_flight = if commands == 0 { 1 } else { commands };
        self
    }

    /// How long the longest pause between two tries to connect is. Pauses begin at a
    /// fiftieth of it, double, and are never in step with those of others.
    #[must_use]
    pub const fn with_longest_pause(mut self, pause: Duration) -> Self {
        self.longest_pause = pause;
        self
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}
