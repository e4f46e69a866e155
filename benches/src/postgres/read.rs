//! Workloads `load` (streams into state) and `replay` (the whole log decoded and folded).

use std::{hint::black_box, sync::Arc};

use eventsource::prelude::*;
use serde_json::json;

use super::{Server, floor};
use crate::{
    Effort,
    domain::{Account, AccountEvent, account},
    measure::{Row, alternate, time_calls},
    memory::at_once,
};

pub(super) async fn measure(effort: Effort, server: &Server) -> anyhow::Result<Vec<Row>> {
    let (store, table) = server.log().await?;
    let mut rows = Vec::new();
    for (first, events) in [(0, 10), (100, 100), (200, 1_000)] {
        for number in 0..50 {
            fill(&store, first + number, events).await?;
        }
        rows.push(load(effort, server, &store, &table, (first, events)).await?);
    }
    let total = 1_000_000 / effort.thrift;
    let mut number = 1_000;
    while store.head().await?.position.get() < total {
        fill(&store, number, 1_000).await?;
        number += 1;
    }
    floor::connect(&server.url).await?.batch_execute(&format!("VACUUM ANALYZE {table}")).await?;
    rows.push(replay(effort, server, &store, &table).await?);
    Ok(rows)
}

async fn load(
    effort: Effort,
    server: &Server,
    store: &Store,
    table: &str,
    (first, events): (u64, u64),
) -> anyhow::Result<Row> {
    let accounts = Repository::<Account>::new(store.clone());
    let loads = 100_000 / events.max(20) / effort.thrift;
    let client = Arc::new(floor::connect(&server.url).await?);
    let columns = floor::COLUMNS;
    let by_stream =
        format!("SELECT {columns} FROM {table} e WHERE e.stream = $1 ORDER BY e.version");
    let statement = client.prepare(&by_stream).await?;
    let schema = table.trim_end_matches("es_events");
    let mut ids = Vec::new();
    for number in first..first + 50 {
        let key = format!("account-{number:06}");
        let sql = format!("SELECT {schema}es_stream('', 'account', $1)");
        let id = client.query_one(&sql, &[&key]).await?.get(0);
        ids.push(EventId::from_uuid(id));
    }
    // Both on a worker of the runtime, where users' work runs.
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
    let floor = || {
        let (client, statement, ids) = (Arc::clone(&client), statement.clone(), ids.clone());
        at_once(1, move |_| {
            let (client, statement, ids) = (Arc::clone(&client), statement.clone(), ids.clone());
            async move {
                time_calls(loads, 1, |call| {
                    let id = ids.get(usize::try_from(call % 50).unwrap_or(0)).copied();
                    let (client, statement) = (&client, &statement);
                    async move {
                        black_box(floor::fold(client, statement, id).await?);
                        anyhow::Ok(())
                    }
                })
                .await
            }
        })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let (params, durability) = (json!({ "events": events }), server.durability.clone());
    Ok(Row { area: "postgres", workload: "load", params, ours, floor, durability })
}

async fn replay(
    effort: Effort,
    server: &Server,
    store: &Store,
    table: &str,
) -> anyhow::Result<Row> {
    let events = store.head().await?.position.get();
    let client = Arc::new(floor::connect(&server.url).await?);
    let columns = floor::COLUMNS;
    let all = format!("SELECT {columns} FROM {table} e ORDER BY e.position");
    let statement = client.prepare(&all).await?;
    let ours = || {
        let store = store.clone();
        at_once(1, move |_| {
            let store = store.clone();
            async move {
                time_calls(1, events, |_| async {
                    let mut state = Account::default();
                    let mut log = store.read_as::<AccountEvent>(Read::all());
                    while let Some(event) = log.next().await {
                        state.evolve(&event?.event);
                    }
                    black_box(state);
                    anyhow::Ok(())
                })
                .await
            }
        })
    };
    let floor = || {
        let (client, statement) = (Arc::clone(&client), statement.clone());
        at_once(1, move |_| {
            let (client, statement) = (Arc::clone(&client), statement.clone());
            async move {
                time_calls(1, events, |_| async {
                    black_box(floor::fold(&client, &statement, None).await?);
                    anyhow::Ok(())
                })
                .await
            }
        })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let (params, durability) = (json!({ "events": events }), server.durability.clone());
    Ok(Row { area: "postgres", workload: "replay", params, ours, floor, durability })
}

/// Gives a stream its events in one append.
async fn fill(store: &Store, number: u64, events: u64) -> anyhow::Result<()> {
    let stream = account(number)?;
    let events: Vec<_> =
        (0..events).map(|at| AccountEvent::numbered(number * 1_000 + at)).collect();
    store.append(Append::to(stream, ExpectedVersion::NoStream).events(&events)).await?;
    Ok(())
}
