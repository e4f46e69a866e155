//! How a store is opened.

use std::time::Duration;

use es_core::{Error, Invalid, Result, SharedObserver};
use es_redis::RedisOptions as Link;

use crate::keys::Keys;

/// How a store is opened.
///
/// ```
/// use es_store_redis::RedisOptions;
///
/// let options = RedisOptions::new().with_name("ledger")?.with_queue(1_000)?;
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisOptions {
    pub(crate) name: String,
    pub(crate) queue: usize,
    pub(crate) refuse_when_full: bool,
    pub(crate) patience: Duration,
    pub(crate) command_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) accept_eviction: bool,
    pub(crate) observer: Option<SharedObserver>,
}

impl RedisOptions {
    /// The log `es`; 4,096 appends on their way at most, and those beyond wait; 15 seconds
    /// for an append without a deadline, 5 for one command and for a connection; a look every
    /// 100 ms for what other processes wrote, in case that nothing woke us; a server that may
    /// evict keys is refused.
    #[must_use]
    pub fn new() -> Self {
        Self {
            name: "es".to_owned(),
            queue: 4_096,
            refuse_when_full: false,
            patience: Duration::from_secs(15),
            command_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            poll_interval: Duration::from_millis(100),
            accept_eviction: false,
            observer: None,
        }
    }

    /// The name of the log: all of its keys begin with it in braces, so they share one slot
    /// of a cluster. Each name is a log of its own.
    ///
    /// # Errors
    /// `Invalid` unless it is 1 to 64 letters, digits, `_`, `-`, `.` and `:`.
    pub fn with_name(mut self, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
            let remedy = "write 1 to 64 letters, digits, `_`, `-`, `.` and `:`";
            return Err(invalid("the name of a log in Redis", name, remedy));
        }
        self.name = name;
        Ok(self)
    }

    /// How many appends may be on their way.
    ///
    /// # Errors
    /// `Invalid` for 0.
    pub fn with_queue(mut self, appends: usize) -> Result<Self> {
        if appends == 0 {
            let value = appends.to_string();
            return Err(invalid("the queue of a Redis store", value, "say 1 or more"));
        }
        self.queue = appends;
        Ok(self)
    }

    /// Whether an append that finds no room fails at once with `Busy`, instead of waiting.
    #[must_use]
    pub const fn with_refusal_when_full(mut self, refuse: bool) -> Self {
        self.refuse_when_full = refuse;
        self
    }

    /// How long an append that has no deadline takes at most, a lost reply and what it takes
    /// to settle it included.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long one command waits for its reply before it counts as lost.
    #[must_use]
    pub const fn with_command_timeout(mut self, timeout: Duration) -> Self {
        self.command_timeout = timeout;
        self
    }

    /// How long one try to connect takes at most.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often those who wait for events look for themselves. What is appended, by whomever,
    /// wakes them at once through a connection that waits at the server.
    #[must_use]
    pub const fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Whether a server is accepted whose `maxmemory-policy` lets it throw away any key, and
    /// with it any part of the log. For caches of a log that is kept elsewhere.
    #[must_use]
    pub const fn with_eviction_accepted(mut self, accept: bool) -> Self {
        self.accept_eviction = accept;
        self
    }

    /// Who is told of appends, and asked how many are on their way.
    #[must_use]
    pub fn with_observer(mut self, observer: SharedObserver) -> Self {
        self.observer = Some(observer);
        self
    }

    pub(crate) fn keys(&self) -> Keys {
        Keys::new(&self.name)
    }

    /// The same for one of several partitions. No log that is named by a user has a `/`.
    pub(crate) fn of_partition(&self, index: usize) -> Self {
        Self { name: format!("{}/{index}", self.name), ..self.clone() }
    }

    /// How the connections are made.
    pub(crate) fn link(&self) -> Link {
        Link::new()
            .with_command_timeout(self.command_timeout)
            .with_connect_timeout(self.connect_timeout)
            .with_in_flight(self.queue.saturating_add(4_096))
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}

fn invalid(setting: &'static str, value: String, remedy: &'static str) -> Error {
    Invalid::Setting { setting, value, remedy }.into()
}
