//! How a Redis server is set up.

/// The settings of a server that a test starts, by the names of `redis.conf`.
///
/// ```
/// use es_testkit::servers::RedisConfig;
///
/// let small = RedisConfig::durable().with("maxmemory", "3mb").with("maxmemory-policy", "noeviction");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisConfig {
    settings: Vec<(String, String)>,
}

impl RedisConfig {
    /// A server that keeps nothing: no AOF, no RDB.
    pub fn in_memory() -> Self {
        let config = Self { settings: Vec::new() };
        config.with("save", "").with("appendonly", "no").with("loglevel", "notice")
    }

    /// A server that syncs each write to the disk before it answers.
    pub fn durable() -> Self {
        Self::in_memory().with("appendonly", "yes").with("appendfsync", "always")
    }

    /// A server that syncs once a second, which is what Redis does unless told otherwise.
    pub fn every_second() -> Self {
        Self::in_memory().with("appendonly", "yes").with("appendfsync", "everysec")
    }

    /// One more setting. The last one of a name counts.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.settings.retain(|(other, _)| *other != name);
        self.settings.push((name, value.into()));
        self
    }

    pub(super) fn arguments(&self) -> impl Iterator<Item = String> {
        self.settings.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()])
    }
}
