//! Workload `command`: load, decide, append from 32 tasks; the floor only appends.

use std::sync::Arc;

use eventsource::prelude::*;
use serde_json::json;

use super::{
    Server,
    append::{batch, floors},
};
use crate::{
    Effort,
    domain::{Account, Book},
    measure::{Row, alternate, time_calls},
    memory::at_once,
};

const TASKS: u64 = 32;
/// Each task has accounts of its own, which grow to a few events each.
const ACCOUNTS_PER_TASK: u64 = 50;

pub(super) async fn measure(effort: Effort, server: &Server) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for cache in [false, true] {
        rows.push(one(effort, server, cache).await?);
    }
    Ok(rows)
}

async fn one(effort: Effort, server: &Server, cache: bool) -> anyhow::Result<Row> {
    let (store, _) = server.log().await?;
    let (_, table) = server.log().await?;
    let accounts = Repository::<Account>::new(store);
    let accounts = if cache { accounts.with_cache(100_000)? } else { accounts };
    let floors = floors(server, &table, TASKS, 1).await?;
    let calls = 12_000 / effort.thrift / TASKS;
    let ours = || {
        let accounts = accounts.clone();
        at_once(TASKS, move |task| {
            let accounts = accounts.clone();
            async move {
                time_calls(calls, 1, |call| {
                    let number = task * ACCOUNTS_PER_TASK + call % ACCOUNTS_PER_TASK;
                    let (id, command) = (format!("account-{number:06}"), Book(call));
                    let accounts = &accounts;
                    async move { Ok(accounts.execute(id, &command).await.map(|_| ())?) }
                })
                .await
            }
        })
    };
    let floor = || {
        let floors = Arc::clone(&floors);
        at_once(TASKS, move |task| {
            let floors = Arc::clone(&floors);
            async move {
                let floor = &floors[usize::try_from(task)?];
                time_calls(calls, 1, |call| async move { floor.append(&batch(call, 1)?).await })
                    .await
            }
        })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({ "tasks": TASKS, "events": 1, "cache": cache });
    let durability = server.durability.clone();
    Ok(Row { area: "postgres", workload: "command", params, ours, floor, durability })
}
