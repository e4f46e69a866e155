//! Workloads `load` (streams into state) and `replay` (the whole log decoded and folded).

use std::{hint::black_box, sync::Arc};

use eventsource::{Envelope, MemoryStore, prelude::*};
use serde_json::json;

use crate::{
    Effort,
    domain::{Account, AccountEvent, account},
    measure::{Row, alternate, time_calls},
    plain,
};

pub(super) async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for events in [10, 100, 1_000] {
        rows.push(load(effort, events).await?);
    }
    rows.push(replay(effort).await?);
    Ok(rows)
}

async fn load(effort: Effort, events: u64) -> anyhow::Result<Row> {
    const STREAMS: u64 = 50;
    let store = Store::new(MemoryStore::new());
    // Whoever loads has the key; the floor needs none.
    let (mut histories, mut keys) = (Vec::new(), Vec::new());
    for stream in 0..STREAMS {
        histories.push(fill(&store, stream, events).await?);
        keys.push(account(stream)?.key().clone());
    }
    let accounts = Repository::<Account>::new(store);
    let loads = 200_000 / events / effort.thrift;
    let ours = || {
        time_calls(loads, 1, |call| {
            let key = keys.get(usize::try_from(call % STREAMS).unwrap_or(0));
            let loaded = key.map(|key| accounts.load(key));
            async move {
                if let Some(loaded) = loaded {
                    black_box(loaded.await?);
                }
                Ok(())
            }
        })
    };
    let floor = || {
        time_calls(loads, 1, |call| {
            let history = histories.get(usize::try_from(call % STREAMS).unwrap_or(0));
            let folded = fold(history.into_iter().flatten());
            async move {
                black_box(folded?);
                Ok(())
            }
        })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let (params, durability) = (json!({ "events": events }), "none: memory".to_owned());
    Ok(Row { area: "memory", workload: "load", params, ours, floor, durability })
}

async fn replay(effort: Effort) -> anyhow::Result<Row> {
    let events = 1_000_000 / effort.thrift;
    let store = Store::new(MemoryStore::new());
    for stream in 0..events / 1_000 {
        fill(&store, stream, 1_000).await?;
    }
    let all = store.read(Read::all()).into_vec().await?;
    let all: Vec<Arc<Envelope>> = all.iter().map(|event| Arc::clone(event.envelope())).collect();
    let ours = || {
        time_calls(1, events, |_| async {
            let mut state = Account::default();
            let mut log = store.read_as::<AccountEvent>(Read::all());
            while let Some(event) = log.next().await {
                state.evolve(&event?.event);
            }
            black_box(state);
            Ok(())
        })
    };
    let floor = || {
        time_calls(1, events, |_| {
            let folded = fold(&all);
            async move {
                black_box(folded?);
                Ok(())
            }
        })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let (params, durability) = (json!({ "events": events }), "none: memory".to_owned());
    Ok(Row { area: "memory", workload: "replay", params, ours, floor, durability })
}

/// Gives a stream its events and returns them as recorded.
async fn fill(store: &Store, number: u64, events: u64) -> anyhow::Result<Vec<Arc<Envelope>>> {
    let stream = account(number)?;
    let events = (0..events).map(|at| AccountEvent::numbered(number * 1_000 + at));
    let events: Vec<_> = events.collect();
    store.append(Append::to(stream.clone(), ExpectedVersion::NoStream).events(&events)).await?;
    let recorded = store.read(Read::stream(stream)).into_vec().await?;
    Ok(recorded.iter().map(|event| Arc::clone(event.envelope())).collect())
}

fn fold<'a>(history: impl IntoIterator<Item = &'a Arc<Envelope>>) -> anyhow::Result<Account> {
    let mut state = Account::default();
    for envelope in history {
        state.evolve(&plain::decode(envelope.schema.name.as_str(), envelope.payload.bytes())?);
    }
    Ok(state)
}
