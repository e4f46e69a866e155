//! Workload `append`: from 1 to 256 tasks, each conditional on the version of its stream.

use std::{sync::Arc, time::Instant};

use eventsource::prelude::*;
use serde_json::json;

use super::{Server, floor::Floor, name};
use crate::{
    Effort,
    domain::{AccountEvent, account},
    measure::{Row, Run, alternate},
    memory::at_once,
};

pub(super) async fn measure(effort: Effort, server: &Server) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (tasks, events) in [(1, 1), (8, 1), (32, 1), (256, 1), (8, 10)] {
        rows.push(one(effort, server, tasks, events).await?);
    }
    Ok(rows)
}

async fn one(effort: Effort, server: &Server, tasks: u64, events: u64) -> anyhow::Result<Row> {
    let (own, bare) = (name(), name());
    let store = server.log(&own).await?;
    let floor = Arc::new(Floor::new(&server.url, &bare, &server.log(&bare).await?).await?);
    let commits = if tasks == 1 { 8_000 } else { 24_000 };
    let calls = (commits / effort.thrift / tasks / events.min(4)).max(40);
    // Streams of a round are new, so that both sides write to lists of the same length.
    let mut our_round = 0;
    let ours = || {
        our_round += 1;
        let (store, round) = (store.clone(), our_round);
        at_once(tasks, move |task| {
            let (store, mut expected) = (store.clone(), ExpectedVersion::NoStream);
            let stream = account(round * 1_000 + task);
            async move {
                let (stream, mut run) = (stream?, Run::default());
                for call in 0..calls {
                    let called = Instant::now();
                    let append = Append::to(stream.clone(), expected).events(batch(call, events)?);
                    let receipt = store.append(append).await?;
                    run.called(called.elapsed(), events);
                    expected = ExpectedVersion::Exact(receipt.version());
                }
                Ok(run)
            }
        })
    };
    let mut floor_round = 0;
    let floor = || {
        floor_round += 1;
        let (floor, round) = (Arc::clone(&floor), floor_round);
        at_once(tasks, move |task| {
            let floor = Arc::clone(&floor);
            let stream = account(round * 1_000 + task);
            async move {
                let (stream, mut run) = (stream?.to_string(), Run::default());
                for call in 0..calls {
                    let called = Instant::now();
                    floor.append(&stream, call * events, &batch(call, events)?).await?;
                    run.called(called.elapsed(), events);
                }
                Ok(run)
            }
        })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({ "tasks": tasks, "events": events });
    let durability = server.durability.clone();
    Ok(Row { area: "redis", workload: "append", params, ours, floor, durability })
}

pub(super) fn batch(call: u64, events: u64) -> eventsource::Result<Vec<NewEvent>> {
    (0..events).map(|at| NewEvent::of(&AccountEvent::numbered(call * events + at))).collect()
}
