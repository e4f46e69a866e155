//! Workload `catch-up` into memory: a runner against a loop that decodes and folds.

use std::{collections::BTreeMap, hint::black_box, time::Instant};

use eventsource::{
    BoxError, MemoryStore, Projection, Runner,
    memory::{MemoryReadModel, MemoryTx, Table},
    prelude::*,
};
use serde_json::json;

use super::{cents, fill, sums_of};
use crate::{
    Effort,
    domain::AccountEvent,
    measure::{Row, Run, alternate},
};

const BALANCES: Table<String, (i64, i64)> = Table::new("balances");

struct Balances;

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;
    type Tx = MemoryTx;

    async fn apply(
        &self,
        event: &Recorded<AccountEvent>,
        tx: &mut MemoryTx,
    ) -> Result<(), BoxError> {
        self.apply_all(std::slice::from_ref(event), tx).await
    }

    async fn apply_all(
        &self,
        events: &[Recorded<AccountEvent>],
        tx: &mut MemoryTx,
    ) -> Result<(), BoxError> {
        for (account, (cents, bookings)) in sums_of(events) {
            tx.update(&BALANCES, account.to_owned(), |balance| {
                let balance = balance.unwrap_or_default();
                Some((balance.0 + cents, balance.1 + bookings))
            })?;
        }
        Ok(())
    }
}

pub(super) async fn catch_up(effort: Effort) -> anyhow::Result<Row> {
    let events = 1_000_000 / effort.thrift;
    let store = Store::new(MemoryStore::new());
    fill(&store, events).await?;
    let ours = || async {
        let mut runner = Runner::new(store.clone()).project(Balances, MemoryReadModel::new());
        let begun = Instant::now();
        // On the workers of the runtime, as users' work is.
        tokio::spawn(async move { runner.catch_up().await }).await??;
        Ok(Run { units: events, elapsed: begun.elapsed(), calls: Vec::new() })
    };
    let floor = || async {
        let store = store.clone();
        let begun = Instant::now();
        let balances = tokio::spawn(async move {
            let mut balances = BTreeMap::<String, (i64, i64)>::new();
            let mut events = store.read_as::<AccountEvent>(Read::all());
            while let Some(event) = events.next().await {
                let event = event?;
                let key = event.stream.key().as_str();
                if let Some(balance) = balances.get_mut(key) {
                    *balance = (balance.0 + cents(&event.event), balance.1 + 1);
                } else {
                    balances.insert(key.to_owned(), (cents(&event.event), 1));
                }
            }
            eventsource::Result::<_>::Ok(balances)
        });
        black_box(balances.await??);
        Ok(Run { units: events, elapsed: begun.elapsed(), calls: Vec::new() })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let (params, durability) = (json!({ "model": "memory", "events": events }), "none".to_owned());
    Ok(Row { area: "projections", workload: "catch-up", params, ours, floor, durability })
}
