//! Area `postgres`: the store on a server against hand-written tokio-postgres on the same
//! tables with the same settings.

mod append;
mod command;
mod floor;
mod read;

pub(crate) use floor::connect;

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use eventsource::{PostgresOptions, PostgresStore, Store};

use crate::{Effort, measure::Row};

pub(crate) async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let server = Server::new().await?;
    let mut rows = append::measure(effort, &server).await?;
    rows.extend(command::measure(effort, &server).await?);
    rows.extend(read::measure(effort, &server).await?);
    Ok(rows)
}

/// Where both sides work, and what they commit with.
pub(crate) struct Server {
    url: String,
    durability: String,
}

impl Server {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let url = std::env::var("ES_TEST_POSTGRES_URL")
            .context("no server: run `cargo xtask bench postgres`")?;
        let client = floor::connect(&url).await?;
        let sql = "SELECT format('fsync=%s, synchronous_commit=%s, full_page_writes=%s', \
                   current_setting('fsync'), current_setting('synchronous_commit'), \
                   current_setting('full_page_writes'))";
        let durability = client.query_one(sql, &[]).await?.get(0);
        Ok(Self { url, durability })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn durability(&self) -> &str {
        &self.durability
    }

    /// A schema of its own for one workload.
    pub(crate) fn schema(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        format!("bench_{}_{number}", std::process::id())
    }

    /// A log of its own for one workload.
    async fn log(&self) -> anyhow::Result<(Store, String)> {
        let schema = self.schema();
        let options = PostgresOptions::new().with_schema(&schema)?.with_connections(4)?;
        let store = PostgresStore::open_with(&self.url, options).await?;
        Ok((Store::new(store), format!("{schema}.es_events")))
    }
}
