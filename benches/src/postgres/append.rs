//! Workload `append`: from 1 to 256 tasks, each conditional on the version of its stream,
//! against a prepared insert per commit. Where the floor has fewer tasks than ours, its
//! parameters say so.

use std::sync::{Arc, atomic::AtomicI64};

use eventsource::prelude::*;
use serde_json::json;

use super::{Server, floor::Floor};
use crate::{
    Effort,
    domain::{AccountEvent, account},
    measure::{Row, alternate, time_calls},
    memory::at_once,
};

/// What is compared with what.
struct Case {
    tasks: u64,
    events: u64,
    floor_tasks: u64,
    floor_events: u64,
}

pub(super) async fn measure(effort: Effort, server: &Server) -> anyhow::Result<Vec<Row>> {
    let cases = [(1, 1, 1, 1), (8, 1, 8, 1), (32, 1, 32, 1), (256, 1, 1, 100), (8, 10, 8, 10)];
    let mut rows = Vec::new();
    for (tasks, events, floor_tasks, floor_events) in cases {
        rows.push(one(effort, server, &Case { tasks, events, floor_tasks, floor_events }).await?);
    }
    Ok(rows)
}

async fn one(effort: Effort, server: &Server, case: &Case) -> anyhow::Result<Row> {
    let Case { tasks, events, floor_tasks, floor_events } = *case;
    let (store, _) = server.log().await?;
    let (_, table) = server.log().await?;
    let floors = floors(server, &table, floor_tasks, floor_events).await?;
    let commits = 12_000 / effort.thrift;
    let calls = (commits * if tasks > 32 { 4 } else { 1 } / tasks / events.min(4)).max(40);
    let floor_calls = (commits / floor_tasks / floor_events.min(8)).max(40);
    let mut round = 0;
    let ours = || {
        round += 1;
        let (store, number) = (store.clone(), round);
        at_once(tasks, move |task| {
            let (store, mut expected) = (store.clone(), ExpectedVersion::NoStream);
            let stream = account(number * 1_000 + task);
            async move {
                let stream = stream?;
                let mut run = crate::measure::Run::default();
                for call in 0..calls {
                    let (store, stream) = (&store, stream.clone());
                    let append = Append::to(stream, expected).events(batch(call, events)?);
                    let called = std::time::Instant::now();
                    let receipt = store.append(append).await?;
                    run.called(called.elapsed(), events);
                    expected = ExpectedVersion::Exact(receipt.version());
                }
                Ok(run)
            }
        })
    };
    let floor = || {
        let floors = Arc::clone(&floors);
        at_once(floor_tasks, move |task| {
            let floors = Arc::clone(&floors);
            async move {
                let floor = &floors[usize::try_from(task)?];
                time_calls(floor_calls, floor_events, |call| async move {
                    floor.append(&batch(call, floor_events)?).await
                })
                .await
            }
        })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({
        "tasks": tasks, "events": events, "floor_tasks": floor_tasks, "floor_events": floor_events,
    });
    let durability = server.durability.clone();
    Ok(Row { area: "postgres", workload: "append", params, ours, floor, durability })
}

/// A connection for each task of the floor.
pub(super) async fn floors(
    server: &Server,
    table: &str,
    tasks: u64,
    events: u64,
) -> anyhow::Result<Arc<Vec<Floor>>> {
    let positions = Arc::new(AtomicI64::new(1));
    let mut floors = Vec::new();
    for _ in 0..tasks {
        floors.push(Floor::new(&server.url, table, events, &positions).await?);
    }
    Ok(Arc::new(floors))
}

pub(super) fn batch(call: u64, events: u64) -> eventsource::Result<Vec<NewEvent>> {
    (0..events).map(|at| NewEvent::of(&AccountEvent::numbered(call * events + at))).collect()
}
