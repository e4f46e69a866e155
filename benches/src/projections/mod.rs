//! Area `projections`: runners that keep read models up to date against hand-written loops that
//! do the same; what reading once for all saves; how soon rows show what was appended.

mod live;
mod memory;
mod postgres;
mod readings;
mod sqlite;

use std::collections::BTreeMap;

use eventsource::{Projection, Recorded, prelude::*};
use serde_json::Value;

use crate::{
    Effort,
    domain::{AccountEvent, account},
    measure::Row,
};

/// Events that are read and committed at once, by both sides.
const BATCH: usize = 512;

/// Accounts that the events are about.
const ACCOUNTS: u64 = 1_000;

pub(crate) async fn measure(effort: Effort) -> anyhow::Result<(Vec<Row>, Vec<Value>)> {
    let mut rows = vec![memory::catch_up(effort).await?];
    rows.push(sqlite::catch_up(effort).await?);
    rows.extend(postgres::catch_up(effort).await?);
    let others = vec![readings::count().await?, live::latency(effort).await?];
    Ok((rows, others))
}

/// Fills a log with so many events over all accounts.
async fn fill(store: &Store, events: u64) -> anyhow::Result<()> {
    let mut number = 0;
    while number < events {
        let mut append =
            Append::to(account(number / BATCH as u64 % ACCOUNTS)?, ExpectedVersion::Any);
        for _ in 0..(BATCH as u64).min(events - number) {
            append = append.event(&AccountEvent::numbered(number));
            number += 1;
        }
        store.append(append).await?;
    }
    Ok(())
}

/// What events do to balances, by account: cents and bookings.
fn sums<'a>(
    events: impl IntoIterator<Item = (&'a str, &'a AccountEvent)>,
) -> BTreeMap<&'a str, (i64, i64)> {
    let mut sums = BTreeMap::new();
    for (account, event) in events {
        let sum: &mut (i64, i64) = sums.entry(account).or_default();
        sum.0 += cents(event);
        sum.1 += 1;
    }
    sums
}

fn cents(event: &AccountEvent) -> i64 {
    match event {
        AccountEvent::Deposited { cents, .. } => cents.cast_signed(),
        AccountEvent::Withdrawn { cents, .. } => -cents.cast_signed(),
    }
}

fn sums_of(events: &[Recorded<AccountEvent>]) -> BTreeMap<&str, (i64, i64)> {
    sums(events.iter().map(|event| (event.stream.key().as_str(), &event.event)))
}

/// The name that the progress of `P` is kept under.
fn name<P: Projection>() -> anyhow::Result<eventsource::SubscriberName> {
    Ok(eventsource::SubscriberName::new(format!("{}-v{}", P::NAME, P::VERSION))?)
}
