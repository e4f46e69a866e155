//! Workloads `load` (streams into state) and `replay` (the whole log decoded and folded).

use std::hint::black_box;

use eventsource::{prelude::*, sqlite::SqliteStore};
use rusqlite::Connection;
use serde_json::json;

use super::{DURABILITY, floor};
use crate::{
    Effort,
    domain::{Account, AccountEvent, account},
    measure::{Row, alternate, time_calls},
};

pub(super) async fn measure(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("log.db");
    let store = Store::new(SqliteStore::open(&file).await?);
    let connection = Connection::open(&file)?;
    let mut rows = Vec::new();
    for (category_first, events) in [(0, 10), (100, 100), (200, 1_000)] {
        for number in 0..50 {
            fill(&store, category_first + number, events).await?;
        }
        rows.push(load(effort, &store, &connection, category_first, events).await?);
    }
    let total = 1_000_000 / effort.thrift;
    let mut number = 1_000;
    while store.head().await?.position.get() < total {
        fill(&store, number, 1_000).await?;
        number += 1;
    }
    for envelopes in [false, true] {
        rows.push(replay(effort, &store, &connection, envelopes).await?);
    }
    Ok(rows)
}

async fn load(
    effort: Effort,
    store: &Store,
    connection: &Connection,
    first: u64,
    events: u64,
) -> anyhow::Result<Row> {
    let accounts = Repository::<Account>::new(store.clone());
    let loads = 100_000 / events / effort.thrift;
    let ours = || {
        time_calls(loads, 1, |call| {
            let (accounts, id) = (&accounts, format!("account-{:06}", first + call % 50));
            async move {
                black_box(accounts.load(id).await?);
                Ok(())
            }
        })
    };
    let numbers = numbers(connection, first)?;
    let floor = || {
        time_calls(loads, 1, |call| {
            let number = numbers.get(usize::try_from(call % 50).unwrap_or(0)).copied();
            let folded = floor::fold(connection, number);
            async move {
                black_box(folded?);
                Ok(())
            }
        })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let (params, durability) = (json!({ "events": events }), DURABILITY.to_owned());
    Ok(Row { area: "sqlite", workload: "load", params, ours, floor, durability })
}

/// The rows of fifty streams.
fn numbers(connection: &Connection, first: u64) -> anyhow::Result<Vec<i64>> {
    let keys = (first..first + 50).map(|number| format!("account-{number:06}"));
    let sql = "SELECT id FROM es_streams WHERE category = 'account' AND key = ?1 AND tenant = ''";
    keys.map(|key| Ok(connection.query_row(sql, [key], |row| row.get(0))?)).collect()
}

async fn replay(
    effort: Effort,
    store: &Store,
    connection: &Connection,
    envelopes: bool,
) -> anyhow::Result<Row> {
    let events = store.head().await?.position.get();
    let ours = || {
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
            Ok(())
        })
    };
    let floor = || {
        time_calls(1, events, |_| {
            let folded = floor::fold(connection, None);
            async move {
                black_box(folded?);
                Ok(())
            }
        })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({ "events": events, "envelopes": envelopes });
    let durability = DURABILITY.to_owned();
    Ok(Row { area: "sqlite", workload: "replay", params, ours, floor, durability })
}

/// Gives a stream its events in one append.
async fn fill(store: &Store, number: u64, events: u64) -> anyhow::Result<()> {
    let stream = account(number)?;
    let events: Vec<_> =
        (0..events).map(|at| AccountEvent::numbered(number * 1_000 + at)).collect();
    store.append(Append::to(stream, ExpectedVersion::NoStream).events(&events)).await?;
    Ok(())
}
