//! Workload `project`: a projection catches up with a log, as history and as what has just
//! come; per event. Each event has a trace context of its own.

use eventsource::{
    BoxError, MemoryStore,
    memory::{MemoryReadModel, MemoryTx, Table},
    prelude::*,
};
use serde_json::json;

use super::mode::{self, Mode};
use crate::{
    Effort,
    domain::{AccountEvent, account},
    measure::{Row, Run, alternate},
};

const COUNTS: Table<&'static str, u64> = Table::new("counts");

/// Counts.
struct Counts;

impl Projection for Counts {
    const NAME: &'static str = "counts";
    type Event = AccountEvent;
    type Tx = MemoryTx;

    async fn apply(&self, _: &Recorded<AccountEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
        tx.update(&COUNTS, "all", |count| Some(count.unwrap_or(0) + 1))?;
        Ok(())
    }
}

pub(super) async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for mode in mode::all() {
        rows.push(one(effort, &mode, "history", 40_000 / effort.thrift).await?);
        // As many as may be behind without being history.
        rows.push(one(effort, &mode, "links", 1_000).await?);
    }
    Ok(rows)
}

async fn one(effort: Effort, mode: &Mode, kind: &str, events: u64) -> anyhow::Result<Row> {
    let plain = Store::new(MemoryStore::new());
    write(&plain, events).await?;
    let observed = mode.observe(plain.clone());
    let rounds = if kind == "links" { 20 / effort.thrift } else { 1 };
    let ours = || async {
        let _here = mode.here();
        run(&observed, kind, rounds, events).await
    };
    let floor = || run(&plain, kind, rounds, events);
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({ "store": "memory", "mode": mode.name, "events": kind, "count": events });
    let durability = "none: memory".to_owned();
    Ok(Row { area: "telemetry", workload: "project", params, ours, floor, durability })
}

async fn write(store: &Store, events: u64) -> anyhow::Result<()> {
    for number in 0..events {
        let parent = format!("00-{:032x}-{:016x}-01", number + 1, number + 1);
        let event = NewEvent::of(&AccountEvent::numbered(number))?
            .with_metadata(Metadata::new().with_trace(parent, None));
        store.append(Append::to(account(number % 30)?, ExpectedVersion::Any).event(event)).await?;
    }
    Ok(())
}

async fn run(store: &Store, kind: &str, rounds: u64, events: u64) -> anyhow::Result<Run> {
    let mut run = Run::default();
    for _ in 0..rounds {
        let model = MemoryReadModel::new();
        if kind == "links" {
            behind_one(store, &model).await?;
        }
        let mut runner = Runner::new(store.clone()).project(Counts, model);
        let begun = std::time::Instant::now();
        runner.catch_up().await?;
        run.called(begun.elapsed(), events);
        run.elapsed += begun.elapsed();
    }
    Ok(run)
}

/// Puts the checkpoint behind the first event, as if it had been there.
async fn behind_one(store: &Store, model: &MemoryReadModel) -> anyhow::Result<()> {
    use eventsource::{CheckpointStore, Owner, Progress, SubscriberName};
    let name = SubscriberName::new("counts-v1")?;
    let head = store.head().await?;
    let checkpoint = model.claim(&name, head.log, &Owner::new("bench")).await?;
    model.advance(&Progress::from(&checkpoint, Position::new(1))).await?;
    Ok(())
}
