//! Workload `append`: from 1, 8 and 32 tasks, to one stream and to many.

use std::{future::Future, sync::Arc, time::Instant};

use eventsource::{MemoryStore, prelude::*};
use serde_json::json;

use super::floor::Bare;
use crate::{
    Effort,
    domain::{AccountEvent, account},
    measure::{Row, Run, alternate, time_calls, together},
};

const CALLS: u64 = 120_000;

pub(super) async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for events in [1, 10] {
        for tasks in [1, 8, 32] {
            for many in [false, true] {
                rows.push(one(effort, tasks, events, many).await?);
            }
        }
    }
    Ok(rows)
}

async fn one(effort: Effort, tasks: u64, events: u64, many: bool) -> anyhow::Result<Row> {
    let calls = CALLS / effort.thrift / tasks / events.max(1);
    let ours = || async move {
        let store = Store::new(MemoryStore::new());
        at_once(tasks, |task| {
            let store = store.clone();
            async move {
                time_calls(calls, events, |call| {
                    let append = target(task, call, many).and_then(|stream| {
                        let append = Append::to(stream, ExpectedVersion::Any);
                        Ok(append.events(batch(call, events)?))
                    });
                    let store = &store;
                    async move { store.append(append?).await.map(|_| ()).map_err(Into::into) }
                })
                .await
            }
        })
        .await
    };
    let floor = || async move {
        let bare = Arc::new(Bare::default());
        at_once(tasks, |task| {
            let bare = Arc::clone(&bare);
            async move {
                time_calls(calls, events, |call| {
                    let done = target(task, call, many).and_then(|stream| {
                        Ok(bare.append(&stream, ExpectedVersion::Any, batch(call, events)?))
                    });
                    async move { done?.map(|_| ()) }
                })
                .await
            }
        })
        .await
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let streams = if many { "many" } else { "one" };
    let params = json!({ "tasks": tasks, "events": events, "streams": streams });
    let durability = "none: memory".to_owned();
    Ok(Row { area: "memory", workload: "append", params, ours, floor, durability })
}

/// One stream for all, or thirty for each task, so that most appends find theirs.
fn target(task: u64, call: u64, many: bool) -> eventsource::Result<StreamId> {
    account(if many { task * 30 + call % 30 } else { 0 })
}

fn batch(call: u64, events: u64) -> eventsource::Result<Vec<NewEvent>> {
    (0..events).map(|at| NewEvent::of(&AccountEvent::numbered(call * events + at))).collect()
}

/// Runs `task` as many times at once, on the workers of the runtime.
pub(crate) async fn at_once<F>(tasks: u64, task: impl Fn(u64) -> F) -> anyhow::Result<Run>
where
    F: Future<Output = anyhow::Result<Run>> + Send + 'static,
{
    let begin = Instant::now();
    let running: Vec<_> = (0..tasks).map(|number| tokio::spawn(task(number))).collect();
    let mut runs = Vec::new();
    for task in running {
        runs.push(task.await??);
    }
    Ok(together(runs, begin.elapsed()))
}
