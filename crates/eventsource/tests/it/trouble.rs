//! A handler that fails because of the database: the event is not to blame, and is not parked
//! for it. What is up to the event is parked at once.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{sync::Arc, time::Duration};

use eventsource::{
    BoxError, DeadLetter, DeadLetterStore, ReadModel,
    memory::MemoryStore,
    prelude::*,
    projection::{Policy, Projection, Runner, WaitError},
};
use tokio::sync::watch;

const RETRIES: u32 = 2;

#[derive(Debug, Event)]
#[event(prefix = "deposit")]
enum Deposit {
    Made { cents: i64 },
}

/// How often a handler was called.
#[derive(Clone)]
struct Calls(Arc<watch::Sender<u32>>);

impl Calls {
    fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// The number of this call, from 1.
    fn next(&self) -> u32 {
        self.0.send_modify(|calls| *calls += 1);
        self.count()
    }

    fn count(&self) -> u32 {
        *self.0.borrow()
    }

    async fn reach(&self, count: u32) {
        self.0.subscribe().wait_for(|calls| *calls >= count).await.unwrap();
    }
}

fn policy() -> Policy {
    let (least, most) = (Duration::from_millis(1), Duration::from_millis(10));
    Policy::default().with_retries(RETRIES).with_backoff(least, most)
}

fn deposit(key: &str, cents: i64) -> Append {
    let stream = StreamId::new("deposit", key).unwrap();
    Append::to(stream, ExpectedVersion::Any).event(Deposit::Made { cents })
}

/// Lets a projection handle these, each in a stream of its own, and gives the streams that it
/// parked.
async fn parked_of<P, M>(projection: P, model: M, deposits: &[(&str, i64)]) -> Vec<String>
where
    P: Projection<Event = Deposit>,
    M: ReadModel<Tx = P::Tx> + DeadLetterStore + Clone,
{
    let store = Store::new(MemoryStore::new());
    for (name, cents) in deposits {
        store.append(deposit(name, *cents)).await.unwrap();
    }
    let mut runner = Runner::new(store).project_with(projection, model.clone(), policy());
    let caught_up = runner.catch_up().await.unwrap();
    assert_eq!(caught_up[0].position.get(), deposits.len() as u64);
    let letters = model.dead_letters(&caught_up[0].subscriber, Position::START, 10).await.unwrap();
    letters.iter().map(|letter| letter.stream.to_string()).collect()
}

/// Lets a live projection handle one event, with `meanwhile` going on beside it, and gives what
/// it parked.
async fn parked<P, M>(
    projection: P,
    model: M,
    meanwhile: impl Future<Output = ()>,
) -> Vec<DeadLetter>
where
    P: Projection<Event = Deposit>,
    M: ReadModel<Tx = P::Tx> + DeadLetterStore + Clone,
{
    let store = Store::new(MemoryStore::new());
    let running =
        Runner::new(store.clone()).project_with(projection, model, policy()).start().unwrap();
    let receipt = store.append(deposit("alice", 5)).await.unwrap();
    let handled = running.wait_for(P::NAME, &receipt, Duration::from_secs(120));
    let (handled, ()) = tokio::join!(handled, meanwhile);
    match handled {
        Ok(()) | Err(WaitError::Parked { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    let letters = running.dead_letters(P::NAME, Position::START, 10).await.unwrap();
    running.stop(Duration::from_secs(10)).await;
    letters
}
