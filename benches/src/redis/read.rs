//! Workloads `load` (streams into state) and `replay` (the whole log decoded and folded).

use std::{hint::black_box, sync::Arc};

use eventsource::prelude::*;
use futures_util::future::try_join_all;
use serde_json::json;

use super::{Server, append::batch, floor::Floor, name};
use crate::{
    Effort,
    domain::{Account, AccountEvent, account},
    measure::{Row, alternate, time_calls},
    memory::at_once,
};

/// Streams that the floor asks for at a time.
const PIPELINED: usize = 20;

pub(super) async fn measure(effort: Effort, server: &Server) -> anyhow::Result<Vec<Row>> {
    let log = name();
    let store = server.log(&log).await?;
    let floor = Arc::new(Floor::new(&server.url, &log, &store).await?);
    let mut rows = Vec::new();
    for (first, events) in [(0, 10), (100, 100), (200, 1_000)] {
        for number in 0..50 {
            fill(&store, first + number, events).await?;
        }
        rows.push(load(effort, server, &store, &floor, (first, events)).await?);
    }
    rows.extend(replay(effort, server).await?);
    Ok(rows)
}

async fn load(
    effort: Effort,
    server: &Server,
    store: &Store,
    floor: &Arc<Floor>,
    (first, events): (u64, u64),
) -> anyhow::Result<Row> {
    let accounts = Repository::<Account>::new(store.clone());
    let loads = 200_000 / events.max(20) / effort.thrift;
    let ours = || {
        let accounts = accounts.clone();
        at_once(1, move |_| {
            let accounts = accounts.clone();
            async move {
                time_calls(loads, 1, |call| {
                    let (accounts, id) = (&accounts, format!("account-{:06}", first + call % 50));
                    async move {
                        black_box(accounts.load(id).await?);
                        anyhow::Ok(())
                    }
                })
                .await
            }
        })
    };
    let bare = || {
        let floor = Arc::clone(floor);
        at_once(1, move |_| {
            let floor = Arc::clone(&floor);
            async move {
                time_calls(loads, 1, |call| {
                    let (floor, id) = (&floor, format!("account/account-{:06}", first + call % 50));
                    async move {
                        let mut state = Account::default();
                        floor.fold(&id, &mut state).await?;
                        black_box(state);
                        anyhow::Ok(())
                    }
                })
                .await
            }
        })
    };
    let (ours, floor) = alternate(effort.rounds, ours, bare).await?;
    let (params, durability) = (json!({ "events": events }), server.durability.clone());
    Ok(Row { area: "redis", workload: "load", params, ours, floor, durability })
}

/// A log of streams of 100 events each, that were written ten at a time. There are two floors:
/// one that gives what a replay is for, the events in the order of the log, and one that knows
/// the names of all streams beforehand and reads each whole, in no order at all.
async fn replay(effort: Effort, server: &Server) -> anyhow::Result<Vec<Row>> {
    let log = name();
    let store = server.log(&log).await?;
    let floor = Arc::new(Floor::new(&server.url, &log, &store).await?);
    let streams = 10_000 / effort.thrift;
    let mut tasks = Vec::new();
    for task in 0..32 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for number in (task..streams).step_by(32) {
                for call in 0..10 {
                    let append = Append::to(account(number)?, ExpectedVersion::Any);
                    store.append(append.events(batch(number * 10 + call, 10)?)).await?;
                }
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let events = store.head().await?.position.get();
    let ours = |envelopes: bool| {
        let store = store.clone();
        at_once(1, move |_| {
            let store = store.clone();
            async move {
                time_calls(1, events, |_| async {
                    let mut state = Account::default();
                    if envelopes {
                        let mut log = store.read_as::<AccountEvent>(Read::all());
                        while let Some(event) = log.next().await {
                            state.evolve(&event?.event);
                        }
                    } else {
                        let take = |state: &mut Account, event: AccountEvent| state.evolve(&event);
                        state = store.fold(Read::all(), state, take).await?;
                    }
                    black_box(state);
                    anyhow::Ok(())
                })
                .await
            }
        })
    };
    let names: Arc<Vec<String>> = Arc::new(
        (0..streams)
            .map(|number| Ok(account(number)?.to_string()))
            .collect::<anyhow::Result<_>>()?,
    );
    let in_order = || {
        let floor = Arc::clone(&floor);
        at_once(1, move |_| {
            let floor = Arc::clone(&floor);
            async move {
                time_calls(1, events, |_| async {
                    let mut state = Account::default();
                    floor.replay(&mut state).await?;
                    anyhow::ensure!(state.bookings == events, "the floor has missed some");
                    black_box(state);
                    anyhow::Ok(())
                })
                .await
            }
        })
    };
    let by_stream = || {
        let (floor, names) = (Arc::clone(&floor), Arc::clone(&names));
        at_once(1, move |_| {
            let (floor, names) = (Arc::clone(&floor), Arc::clone(&names));
            async move {
                time_calls(1, events, |_| async {
                    let mut state = Account::default();
                    for names in names.chunks(PIPELINED) {
                        let folds = names.iter().map(|name| {
                            let floor = &floor;
                            async move {
                                let mut state = Account::default();
                                floor.fold(name, &mut state).await?;
                                anyhow::Ok(state)
                            }
                        });
                        for part in try_join_all(folds).await? {
                            state.bookings += part.bookings;
                        }
                    }
                    black_box(state);
                    anyhow::Ok(())
                })
                .await
            }
        })
    };
    let row = |order, envelopes, (ours, floor)| {
        let params = json!({ "events": events, "floor": order, "envelopes": envelopes });
        let durability = server.durability.clone();
        Row { area: "redis", workload: "replay", params, ours, floor, durability }
    };
    Ok(vec![
        row("in order", false, alternate(effort.rounds, || ours(false), in_order).await?),
        row("by stream", false, alternate(effort.rounds, || ours(false), by_stream).await?),
        row("by stream", true, alternate(effort.rounds, || ours(true), by_stream).await?),
    ])
}

/// Gives a stream its events in one append.
async fn fill(store: &Store, number: u64, events: u64) -> anyhow::Result<()> {
    let append = Append::to(account(number)?, ExpectedVersion::NoStream);
    store.append(append.events(batch(number, events)?)).await?;
    Ok(())
}
