//! Workload `append`: from 1 to 256 tasks, against one caller with a transaction of its own
//! for each append. With several tasks the ratio is what group commit gains.

use std::{cell::RefCell, rc::Rc};

use eventsource::{prelude::*, sqlite::SqliteStore};
use serde_json::json;

use super::{DURABILITY, floor::Floor};
use crate::{
    Effort,
    domain::{AccountEvent, account},
    measure::{Row, alternate, time_calls},
    memory::at_once,
};

pub(super) async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (tasks, events) in [(1, 1), (8, 1), (32, 1), (256, 1), (1, 100)] {
        rows.push(one(effort, tasks, events).await?);
    }
    Ok(rows)
}

async fn one(effort: Effort, tasks: u64, events: u64) -> anyhow::Result<Row> {
    let folder = tempfile::tempdir()?;
    let store = Store::new(SqliteStore::open(folder.path().join("ours.db")).await?);
    let floor = Rc::new(RefCell::new(Floor::new(&folder.path().join("floor.db")).await?));
    let floor_calls = if events == 1 { 4_000 } else { 1_200 } / effort.thrift;
    // As many commits on both sides, roughly.
    let calls = if tasks == 1 { floor_calls } else { (24_000 / effort.thrift / tasks).max(30) };
    let ours = || {
        let store = store.clone();
        at_once(tasks, move |task| {
            let store = store.clone();
            async move {
                time_calls(calls, events, |call| {
                    let append = account(task).and_then(|stream| {
                        let append = Append::to(stream, ExpectedVersion::Any);
                        Ok(append.events(batch(call, events)?))
                    });
                    let store = &store;
                    async move { store.append(append?).await.map(|_| ()).map_err(Into::into) }
                })
                .await
            }
        })
    };
    let floor = || {
        let floor = Rc::clone(&floor);
        async move {
            time_calls(floor_calls, events, |call| {
                let events = batch(call, events);
                let done = events
                    .map_err(Into::into)
                    .and_then(|events| floor.borrow_mut().append(&events));
                async move { done }
            })
            .await
        }
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({ "tasks": tasks, "events": events, "floor_tasks": 1 });
    let durability = DURABILITY.to_owned();
    Ok(Row { area: "sqlite", workload: "append", params, ours, floor, durability })
}

fn batch(call: u64, events: u64) -> eventsource::Result<Vec<NewEvent>> {
    (0..events).map(|at| NewEvent::of(&AccountEvent::numbered(call * events + at))).collect()
}
