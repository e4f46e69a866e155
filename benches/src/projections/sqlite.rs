//! Workload `catch-up` into SQLite: a runner against a loop over a page, a transaction and a
//! prepared upsert.

use std::time::Instant;

use eventsource::{
    BoxError, CheckpointStore, Projection, Runner,
    prelude::*,
    sqlite::{SqliteReadModel, SqliteStore, SqliteTx},
};
use rusqlite::{Connection, params};
use serde_json::json;

use super::{BATCH, fill, name, sums, sums_of};
use crate::{
    Effort,
    domain::AccountEvent,
    measure::{Row, Run, alternate},
};

const UPSERT: &str = "INSERT INTO balances VALUES (?1, ?2, ?3) ON CONFLICT (account) \
                      DO UPDATE SET cents = cents + excluded.cents, \
                      bookings = bookings + excluded.bookings";

struct Balances;

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;
    type Tx = SqliteTx;

    async fn apply(
        &self,
        event: &Recorded<AccountEvent>,
        tx: &mut SqliteTx,
    ) -> Result<(), BoxError> {
        self.apply_all(std::slice::from_ref(event), tx).await
    }

    async fn apply_all(
        &self,
        events: &[Recorded<AccountEvent>],
        tx: &mut SqliteTx,
    ) -> Result<(), BoxError> {
        let mut upsert = tx.prepare_cached(UPSERT)?;
        for (account, (cents, bookings)) in sums_of(events) {
            upsert.execute(params![account, cents, bookings])?;
        }
        Ok(())
    }
}

pub(super) async fn catch_up(effort: Effort) -> anyhow::Result<Row> {
    let events = 1_000_000 / effort.thrift;
    let folder = tempfile::tempdir()?;
    let (log, rows) = (folder.path().join("log.db"), folder.path().join("rows.db"));
    let store = Store::new(SqliteStore::open(&log).await?);
    fill(&store, events).await?;
    let model = SqliteReadModel::open(&rows).await?;
    let table = "CREATE TABLE balances (account TEXT PRIMARY KEY, cents INTEGER, bookings INTEGER);
                 CREATE TABLE place (position INTEGER)";
    model.write(move |db| db.execute_batch(table)).await?;
    let clear = async || {
        model.forget(&name::<Balances>()?).await?;
        let sql = "DELETE FROM balances; DELETE FROM place; INSERT INTO place VALUES (0)";
        anyhow::Ok(model.write(move |db| db.execute_batch(sql)).await?)
    };
    let ours = || async {
        clear().await?;
        let mut runner = Runner::new(store.clone()).project(Balances, model.clone());
        let begun = Instant::now();
        tokio::spawn(async move { runner.catch_up().await }).await??;
        Ok(Run { units: events, elapsed: begun.elapsed(), calls: Vec::new() })
    };
    let floor = || async {
        clear().await?;
        let (log, mut rows) = (Connection::open(&log)?, Connection::open(&rows)?);
        rows.pragma_update(None, "synchronous", "FULL")?;
        let begun = Instant::now();
        by_hand(&log, &mut rows)?;
        Ok(Run { units: events, elapsed: begun.elapsed(), calls: Vec::new() })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let durability = "SQLite: journal_mode=WAL, synchronous=FULL".to_owned();
    let params = json!({ "model": "sqlite", "events": events });
    Ok(Row { area: "projections", workload: "catch-up", params, ours, floor, durability })
}

fn by_hand(log: &Connection, rows: &mut Connection) -> anyhow::Result<()> {
    // The names of the accounts are in another table, which a loop by hand looks up once.
    let mut names = Vec::new();
    let mut streams = log.prepare("SELECT id, key FROM es_streams ORDER BY id")?;
    let mut found = streams.query([])?;
    while let Some(row) = found.next()? {
        let id = usize::try_from(row.get::<_, i64>(0)?)?;
        names.resize(names.len().max(id + 1), String::new());
        names[id] = row.get(1)?;
    }
    let mut page = log.prepare(
        "SELECT e.position, e.stream, f.type, e.payload FROM es_events e \
         CROSS JOIN es_families f ON f.id = e.family WHERE e.position > ?1 ORDER BY e.position LIMIT ?2",
    )?;
    let mut after = 0_i64;
    loop {
        let mut events = Vec::with_capacity(BATCH);
        let mut found = page.query(params![after, i64::try_from(BATCH)?])?;
        while let Some(row) = found.next()? {
            after = row.get(0)?;
            let event =
                crate::plain::decode(row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_blob()?)?;
            events.push((usize::try_from(row.get::<_, i64>(1)?)?, event));
        }
        if events.is_empty() {
            return Ok(());
        }
        let tx = rows.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let mut upsert = tx.prepare_cached(UPSERT)?;
            let events = events.iter().map(|(stream, event)| (names[*stream].as_str(), event));
            for (account, (cents, bookings)) in sums(events) {
                upsert.execute(params![account, cents, bookings])?;
            }
            tx.prepare_cached("UPDATE place SET position = ?1")?.execute([after])?;
        }
        tx.commit()?;
    }
}
