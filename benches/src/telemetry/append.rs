//! Workload `append`: one event by one caller, on a file and in memory. The file tells what
//! share it is of a durable append; memory tells the cost itself, without the noise of a disk.

use eventsource::{MemoryStore, SqliteStore, prelude::*, sqlite::SqliteOptions};
use serde_json::json;

use super::mode::{self, Mode};
use crate::{
    Effort,
    domain::{AccountEvent, account},
    measure::{Row, Run, alternate, time_calls},
};

pub(super) async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for mode in mode::all() {
        rows.push(in_memory(effort, &mode).await?);
        rows.push(on_a_file(effort, &mode).await?);
    }
    Ok(rows)
}

async fn in_memory(effort: Effort, mode: &Mode) -> anyhow::Result<Row> {
    let calls = 60_000 / effort.thrift;
    let ours = || async {
        let _here = mode.here();
        run(&mode.observe(Store::new(MemoryStore::new())), calls).await
    };
    let floor = || async { run(&Store::new(MemoryStore::new()), calls).await };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({ "store": "memory", "mode": mode.name });
    let durability = crate::sqlite::DURABILITY.to_owned();
    Ok(Row { area: "telemetry", workload: "append", params, ours, floor, durability })
}

async fn on_a_file(effort: Effort, mode: &Mode) -> anyhow::Result<Row> {
    let folder = tempfile::tempdir()?;
    let options = SqliteOptions::new().with_observer(mode.observer());
    let ours = SqliteStore::open_with(folder.path().join("ours.db"), options).await?;
    let ours = mode.observe(Store::new(ours));
    let floor = Store::new(SqliteStore::open(folder.path().join("floor.db")).await?);
    let calls = 2_000 / effort.thrift;
    let ours = || async {
        let _here = mode.here();
        run(&ours, calls).await
    };
    let floor = || run(&floor, calls);
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({ "store": "sqlite", "mode": mode.name });
    let durability = crate::sqlite::DURABILITY.to_owned();
    Ok(Row { area: "telemetry", workload: "append", params, ours, floor, durability })
}

async fn run(store: &Store, calls: u64) -> anyhow::Result<Run> {
    time_calls(calls, 1, |call| {
        let append = account(call % 30).and_then(|stream| {
            let event = NewEvent::of(&AccountEvent::numbered(call))?;
            Ok(Append::to(stream, ExpectedVersion::Any).event(event))
        });
        async move { store.append(append?).await.map(|_| ()).map_err(Into::into) }
    })
    .await
}
