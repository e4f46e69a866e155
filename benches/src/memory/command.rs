//! Workload `command`: load, decide, append; with the repository's cache and without.

use std::sync::Arc;

use eventsource::{MemoryStore, prelude::*};
use serde_json::json;

use super::{append::at_once, floor::Bare};
use crate::{
    Effort,
    domain::{Account, Book, account},
    measure::{Row, alternate, time_calls},
    plain,
};

const CALLS: u64 = 60_000;
/// Shared out among the tasks, so that each has accounts of its own, and that the rows
/// differ in the number of tasks and not in how many accounts there are and how long they
/// grow.
const ACCOUNTS: u64 = 1_000;

pub(super) async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for cache in [false, true] {
        for tasks in [1, 8, 32] {
            rows.push(one(effort, tasks, cache).await?);
        }
    }
    Ok(rows)
}

async fn one(effort: Effort, tasks: u64, cache: bool) -> anyhow::Result<Row> {
    let calls = CALLS / effort.thrift / tasks;
    let ours = || async move {
        let accounts = Repository::<Account>::new(MemoryStore::new());
        let accounts = if cache { accounts.with_cache(100_000)? } else { accounts };
        at_once(tasks, |task| {
            let accounts = accounts.clone();
            async move {
                time_calls(calls, 1, |call| {
                    let (id, command) = (name(tasks, task, call), Book(call));
                    let accounts = &accounts;
                    async move { Ok(accounts.execute(id, &command).await.map(|_| ())?) }
                })
                .await
            }
        })
        .await
    };
    // The floor never keeps state: what the cache saves is part of what is compared.
    let floor = || async move {
        let bare = Arc::new(Bare::default());
        at_once(tasks, |task| {
            let bare = Arc::clone(&bare);
            async move {
                time_calls(calls, 1, |call| {
                    let done = by_hand(&bare, number(tasks, task, call), call);
                    async move { done }
                })
                .await
            }
        })
        .await
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({ "tasks": tasks, "events": 1, "cache": cache });
    let durability = "none: memory".to_owned();
    Ok(Row { area: "memory", workload: "command", params, ours, floor, durability })
}

fn by_hand(bare: &Bare, number: u64, call: u64) -> anyhow::Result<()> {
    let stream = account(number)?;
    let mut state = Account::default();
    let mut version = None;
    for envelope in bare.stream(&stream) {
        state.evolve(&plain::decode(envelope.schema.name.as_str(), envelope.payload.bytes())?);
        version = Some(envelope.version);
    }
    let events = Decide::<Book>::decide(&state, &Book(call))?;
    let events = events.iter().map(NewEvent::of).collect::<Result<Vec<_>, _>>()?;
    bare.append(&stream, ExpectedVersion::exactly(version), events)?;
    Ok(())
}

/// Which account a call of a task is for.
fn number(tasks: u64, task: u64, call: u64) -> u64 {
    let each = ACCOUNTS / tasks;
    task * each + call % each
}

fn name(tasks: u64, task: u64, call: u64) -> String {
    format!("account-{:06}", number(tasks, task, call))
}
