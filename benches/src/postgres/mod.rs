//! Area `postgres`: the store on a server against hand-written tokio-postgres on the same
//! tables with the same settings.

mod append;
mod command;
mod floor;
mod read;

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
struct Server {
    url: String,
    durability: String,
}

impl Server {
    async fn new() -> anyhow::Result<Self> {
        let url = std::env::var("ES_TEST_POSTGRES_URL")
            .context("no server: run `cargo xtask bench postgres`")?;
        let client = floor::connect(&url).await?;
        let sql = "SELECT format('fsync=%s, synchronous_commit=%s, full_page_writes=%s', \
                   current_setting('fsync'), current_setting('synchronous_commit'), \
                   current_setting('full_page_writes'))";
        let durability = client.query_one(sql, &[]).await?.get(0);
        Ok(Self { url, durability })
    }

    /// A log of its own for one workload.
    async fn log(&self) -> anyhow::Result<(Store, String)> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let schema = format!("bench_{}_{number}", std::process::id());
        let options = PostgresOptions::new().with_schema(&schema)?.with_connections(4)?;
        let store = PostgresStore::open_with(&self.url, options).await?;
        Ok((Store::new(store), format!("{schema}.es_events")))
    }
}
