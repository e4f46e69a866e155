//! What the server is and how it is set up: whether it may keep a log, and what it can lose.

use std::{collections::HashMap, time::Duration};

use es_core::{Durability, Error, ErrorKind, Invalid, Result};
use es_redis::{Command, Redis};

use crate::{error::from_redis, options::RedisOptions};

/// What is known of a server. Managed ones may not say all of it.
#[derive(Debug)]
pub(crate) struct Server {
    info: HashMap<String, String>,
    settings: HashMap<String, String>,
}

/// The settings that decide what can be lost.
const SETTINGS: [&str; 6] = [
    "appendonly",
    "appendfsync",
    "no-appendfsync-on-rewrite",
    "maxmemory-policy",
    "maxmemory",
    "min-replicas-to-write",
];

impl Server {
    /// Asks the server that has this key.
    pub(crate) async fn ask(redis: &Redis, key: &str) -> Result<Self> {
        let sections = ["server", "replication", "persistence", "memory"];
        let info = |section| Command::new("INFO").arg(section).at(key);
        let mut asked: Vec<Command> = sections.into_iter().map(info).collect();
        // One by one: older servers take only one name.
        let setting = |name| Command::new("CONFIG").arg("GET").arg(name).at(key);
        asked.extend(SETTINGS.map(setting));
        let (mut info, mut settings) = (HashMap::new(), HashMap::new());
        for (at, reply) in redis.batch(&asked).await.into_iter().enumerate() {
            match reply {
                Ok(reply) if at < sections.len() => {
                    let text = reply.text("INFO").map_err(from_redis)?;
                    let lines = text.lines().filter_map(|line| line.split_once(':'));
                    info.extend(lines.map(|(name, value)| (name.to_owned(), value.to_owned())));
                }
                Ok(reply) => {
                    let pair = reply.array("CONFIG GET").map_err(from_redis)?;
                    let pair = pair.into_iter().map(|part| part.text("CONFIG GET"));
                    let pair: Vec<String> = pair.collect::<Result<_, _>>().map_err(from_redis)?;
                    if let [name, value] = pair.as_slice() {
                        settings.insert(name.clone(), value.clone());
                    }
                }
                // Forbidden, or unknown to a server that is only like Redis: then unknown.
                Err(error) if error.refusal().is_some() && !error.is_temporary() => {}
                Err(error) => return Err(from_redis(error)),
            }
        }
        Ok(Self { info, settings })
    }

    /// Refuses what would lose events silently, and warns of the rest.
    pub(crate) fn check(&self, place: &str, options: &RedisOptions) -> Result<()> {
        let info = |name: &str| self.info.get(name).map(String::as_str);
        if info("role").is_some_and(|role| role != "master") {
            let message = "this Redis is a replica: connect to its primary, or through sentinels";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        if let Some(version) = self.too_old() {
            let message = format!("Redis {version} is too old: 7.0 is needed, or Valkey 7.2");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let policy = self.policy();
        match policy {
            Some(policy) if self.evicts() && !options.accept_eviction => {
                let setting = "maxmemory-policy of the Redis server";
                let remedy = "it would throw parts of the log away: set it to noeviction";
                return Err(Invalid::Setting { setting, value: policy.to_owned(), remedy }.into());
            }
            Some("noeviction") => {}
            Some(policy) => {
                tracing::warn!(redis = place, policy, "Redis may evict keys when memory is full");
            }
            None => tracing::warn!(redis = place, "whether Redis evicts keys is unknown"),
        }
        match (self.setting("appendonly"), self.setting("appendfsync")) {
            (Some("yes"), Some("always" | "everysec")) if self.skips_syncs() => {
                let message = "no-appendfsync-on-rewrite is on: while Redis rewrites its file, a \
                               power cut can take acknowledged appends of 30 seconds and more";
                tracing::warn!(redis = place, "{message}");
            }
            (Some("yes"), Some("always")) => {}
            (Some("yes"), Some(fsync)) => {
                tracing::warn!(redis = place, fsync, "a power cut can take acknowledged appends");
            }
            (Some(_), _) => {
                let message = "Redis writes no append-only file: a crash of the server loses what \
                               came after its last snapshot";
                tracing::warn!(redis = place, "{message}");
            }
            (None, _) => tracing::warn!(redis = place, "how durable Redis is, is unknown"),
        }
        Ok(())
    }

    /// What an acknowledged append survives.
    pub(crate) fn durability(&self) -> Durability {
        let append_only = self.setting("appendonly").or_else(|| {
            self.info.get("aof_enabled").map(|on| if on == "1" { "yes" } else { "no" })
        });
        let fsync = self.setting("appendfsync");
        let unknown = "unknown";
        let settings = format!(
            "appendonly={}, appendfsync={}, no-appendfsync-on-rewrite={}, maxmemory-policy={}, \
             min-replicas-to-write={}, connected replicas={}; replication is asynchronous, so a failover can lose \
             acknowledged appends",
            append_only.unwrap_or(unknown),
            fsync.unwrap_or(unknown),
            self.setting("no-appendfsync-on-rewrite").unwrap_or(unknown),
            self.policy().unwrap_or(unknown),
            self.setting("min-replicas-to-write").unwrap_or(unknown),
            self.info.get("connected_slaves").map_or(unknown, String::as_str),
        );
        match (append_only, fsync) {
            // No crash is needed: what is acknowledged may be thrown away at any time.
            _ if self.evicts() => volatile(settings),
            // Nothing is synced while the file is rewritten, however long that takes.
            (Some("yes"), _) if self.skips_syncs() => Durability::delayed(None, settings),
            (Some("yes"), Some("always")) => Durability::full(settings),
            // Redis syncs once a second, and may be a second late with it.
            (Some("yes"), Some("everysec")) => {
                Durability::delayed(Some(Duration::from_secs(2)), settings)
            }
            (Some("yes"), _) => Durability::delayed(None, settings),
            _ => volatile(settings),
        }
    }

    /// Whether it throws away keys of the log when its memory is full.
    fn evicts(&self) -> bool {
        self.policy().is_some_and(|policy| policy.starts_with("allkeys-"))
    }

    /// Whether it syncs nothing while it rewrites its file.
    fn skips_syncs(&self) -> bool {
        self.setting("no-appendfsync-on-rewrite") == Some("yes")
    }

    fn policy(&self) -> Option<&str> {
        let told = self.info.get("maxmemory_policy").map(String::as_str);
        self.setting("maxmemory-policy").or(told)
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// The version, if it is below 7.0. Valkey calls itself a Redis 7.2 for our kind.
    fn too_old(&self) -> Option<&str> {
        let version = self.info.get("redis_version")?;
        let major: u32 = version.split('.').next()?.parse().ok()?;
        (major < 7).then_some(version)
    }
}

/// It outlives whoever appended, and nothing else is certain.
fn volatile(settings: String) -> Durability {
    let mut durability = Durability::volatile(settings);
    durability.survives_client_crash = true;
    durability
}
