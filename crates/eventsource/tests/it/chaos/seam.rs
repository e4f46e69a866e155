//! The seam between catching up and live, over and over, on a log that is written all the time:
//! events that land before, during and after the switch are written once and in order.

use std::time::Duration;

use super::{BOOKS, Bank, Deposit, Runner, fold, policy_of};
use eventsource::prelude::*;

/// How many times a runner is started and goes live.
fn runs() -> u64 {
    let long = std::env::var("ES_SEAM_RUNS").ok().and_then(|runs| runs.parse().ok());
    long.unwrap_or(150)
}

async fn write(store: &Store, key: u64) -> eventsource::Receipt {
    let stream = StreamId::new("deposit", key).unwrap();
    let append = Append::to(stream, ExpectedVersion::Any).event(Deposit::Made { cents: 1 });
    store.append(append).await.unwrap()
}

pub(crate) async fn seam<B: Bank>(bank: B) {
    let store = bank.store();
    let mut count = 0;
    for run in 0..runs() {
        for number in 0..run % 7 {
            write(&store, number % 3).await;
        }
        let publishers: Vec<_> = (0..3_u64)
            .map(|publisher| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut last = None;
                    for number in 0..4 {
                        for _ in 0..(run + publisher) % 5 {
                            tokio::task::yield_now().await;
                        }
                        last = Some(write(&store, (number + publisher) % 3).await);
                    }
                    last.unwrap()
                })
            })
            .collect();
        let runner = Runner::new(store.clone())
            .project_with(bank.book::<0>(), bank.model(), policy_of(0))
            .project_with(bank.book::<1>(), bank.model(), policy_of(1));
        let running = runner.start().unwrap();
        for publisher in publishers {
            let receipt = publisher.await.unwrap();
            for name in &BOOKS[..2] {
                running.wait_for(name, &receipt, Duration::from_secs(60)).await.unwrap();
            }
        }
        count += run % 7 + 12;
        // One of them is left as by a crash.
        if run % 3 > 0 {
            running.stop(Duration::from_secs(60)).await;
        }
    }
    let folded = fold(&store).await;
    assert_eq!(folded.written.len() as u64, count);
    for table in &BOOKS[..2] {
        assert_eq!(bank.rows(table).await, folded, "{table}: each event once and in order");
    }
}
