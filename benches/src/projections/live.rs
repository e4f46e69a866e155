//! How soon the rows of a PostgreSQL read model show what was appended: from the receipt of
//! the append to the moment when another connection reads the row.

use std::time::{Duration, Instant};

use eventsource::{
    BoxError, PgTx, PostgresOptions, PostgresReadModel, PostgresStore, Projection, Runner,
    prelude::*,
};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::{
    Effort,
    domain::{AccountEvent, account},
    measure::percentile,
    postgres::{Server, connect},
};

/// Appends in a second.
const RATE: u64 = 1_000;

/// Tasks that append; each appends `RATE / TASKS` times in a second.
const TASKS: u64 = 50;

struct Seen(String);

impl Projection for Seen {
    const NAME: &'static str = "seen";
    type Event = AccountEvent;
    type Tx = PgTx;

    async fn apply(&self, event: &Recorded<AccountEvent>, tx: &mut PgTx) -> Result<(), BoxError> {
        self.apply_all(std::slice::from_ref(event), tx).await
    }

    async fn apply_all(
        &self,
        events: &[Recorded<AccountEvent>],
        tx: &mut PgTx,
    ) -> Result<(), BoxError> {
        let insert = tx.prepare_cached(&self.0).await?;
        let positions: Vec<i64> =
            events.iter().map(|event| event.position.get().cast_signed()).collect();
        tx.execute(&insert, &[&positions]).await?;
        Ok(())
    }
}

pub(super) async fn latency(effort: Effort) -> anyhow::Result<Value> {
    let server = Server::new().await?;
    let schema = server.schema();
    let options = PostgresOptions::new().with_schema(&schema)?;
    let store = Store::new(PostgresStore::open_with(server.url(), options.clone()).await?);
    let model = PostgresReadModel::open_with(server.url(), options).await?;
    let client = connect(server.url()).await?;
    client
        .batch_execute(&format!("CREATE TABLE {schema}.seen (position bigint PRIMARY KEY)"))
        .await?;
    let insert = format!("INSERT INTO {schema}.seen SELECT unnest($1::bigint[])");
    let running = Runner::new(store.clone()).project(Seen(insert), model).start()?;
    let rounds = 20 / effort.thrift.min(20);
    let begun = Instant::now();
    let tasks = (0..TASKS).map(|task| {
        let (store, running) = (&store, &running);
        let (client, schema) = (&client, &schema);
        async move {
            let mut taken = Vec::new();
            let period = Duration::from_millis(1_000 * TASKS / RATE);
            let sql = format!("SELECT 1 FROM {schema}.seen WHERE position = $1");
            let look = client.prepare(&sql).await?;
            for number in 0..rounds * RATE / TASKS {
                let due = period * u32::try_from(number)? + period * u32::try_from(task)? / 50;
                tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
                let append = Append::to(account(task)?, ExpectedVersion::Any);
                let receipt = store.append(append.event(&AccountEvent::numbered(number))).await?;
                let acknowledged = Instant::now();
                running.wait_for("seen", &receipt, Duration::from_secs(30)).await?;
                let position = receipt.last.get().cast_signed();
                let row = client.query_opt(&look, &[&position]).await?;
                anyhow::ensure!(row.is_some(), "the row of {position} is not there");
                taken.push(u64::try_from(acknowledged.elapsed().as_nanos())?);
            }
            anyhow::Ok(taken)
        }
    });
    let mut tasks: futures_util::stream::FuturesUnordered<_> = tasks.collect();
    let mut taken = Vec::new();
    while let Some(task) = tasks.next().await {
        taken.extend(task?);
    }
    drop(tasks);
    let seconds = begun.elapsed().as_secs_f64();
    running.stop(Duration::from_secs(10)).await;
    taken.sort_unstable();
    let per_s = crate::measure::as_f64(taken.len() as u64) / seconds;
    let (p50, p99) = (percentile(&taken, 50) / 1_000.0, percentile(&taken, 99) / 1_000.0);
    let text = format!(
        "projections live: {per_s:.0} events/s, from the receipt to the row read back: p50 \
         {p50:.1} ms, p99 {p99:.1} ms (marks: 10 and 50 at 1000 events/s); {}",
        server.durability()
    );
    Ok(json!({
        "area": "projections", "workload": "live", "per_s": per_s, "p50_ms": p50, "p99_ms": p99,
        "durability": server.durability(), "text": text,
    }))
}
