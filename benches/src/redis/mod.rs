//! Area `redis`: the store on a server against the same script and the same lists, used by
//! hand through the same client.

mod append;
mod bytes;
mod floor;
mod partitions;
mod read;

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use eventsource::{RedisOptions, RedisStore, Store};
use serde_json::Value;

use crate::{Effort, measure::Row};

pub(crate) async fn measure(effort: Effort) -> anyhow::Result<(Vec<Row>, Vec<Value>)> {
    let server = Server::new().await?;
    let bytes = bytes::measure(effort, &server).await?;
    let mut rows = append::measure(effort, &server).await?;
    rows.extend(read::measure(effort, &server).await?);
    rows.extend(partitions::measure(effort, &server.durability).await?);
    Ok((rows, bytes))
}

/// Where both sides work, and what they commit with.
struct Server {
    url: String,
    durability: String,
}

impl Server {
    async fn new() -> anyhow::Result<Self> {
        let url = std::env::var("ES_TEST_REDIS_URL")
            .context("no server: run `cargo xtask bench redis`")?;
        let store = RedisStore::open_with(&url, options(&name())?).await?;
        let durability = Store::new(store).durability().await?.settings;
        Ok(Self { url, durability })
    }

    /// The log of this name.
    async fn log(&self, name: &str) -> anyhow::Result<Store> {
        Ok(Store::new(RedisStore::open_with(&self.url, options(name)?).await?))
    }
}

/// A name for one workload, which has a log of its own.
fn name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("bench_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

fn options(name: &str) -> anyhow::Result<RedisOptions> {
    Ok(RedisOptions::new().with_name(name)?)
}
