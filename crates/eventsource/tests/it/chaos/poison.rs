//! One stream's poison among many streams: it waits, with what follows in its stream, and delays
//! nobody; mended, it is brought up to date in order.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{BOOKS, Bank, BoxError, CALM, Deposit, Runner, fold, policy_of};
use eventsource::prelude::*;

/// What no handler takes, until it is mended for a stream.
const POISON: u64 = 13_000_000;

/// The streams whose poison is taken since the handler was mended for them. Other tests of the
/// process have their own.
static MENDED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Fails on poison.
pub(super) fn taste(event: &Recorded<Deposit>) -> Result<(), BoxError> {
    let Deposit::Made { cents: POISON } = event.event else { return Ok(()) };
    let mended = MENDED.lock().unwrap_or_else(PoisonError::into_inner);
    if mended.contains(event.stream.key().as_str()) { Ok(()) } else { Err("poison".into()) }
}

/// Among how many streams.
fn streams() -> u64 {
    let long = std::env::var("ES_TEST_EVENTS").ok().and_then(|events| events.parse().ok());
    long.unwrap_or(10_000_u64).clamp(100, 10_000)
}

/// Ten seconds are usual; a machine that is busy with much else needs minutes.
const LONG: Duration = Duration::from_secs(280);

async fn write(store: &Store, key: &str, cents: u64) -> eventsource::Receipt {
    let stream = StreamId::new(CALM, key).unwrap();
    let append = Append::to(stream, ExpectedVersion::Any).event(Deposit::Made { cents });
    store.append(append).await.unwrap()
}

/// Two events for each stream, in few appends.
async fn fill(store: &Store, streams: u64) -> eventsource::Receipt {
    let mut last = None;
    for first in (0..streams).step_by(100) {
        let mut keys = (first..streams.min(first + 100)).map(|key| key.to_string());
        let stream = |key: String| StreamId::new(CALM, key).unwrap();
        let two = || [Deposit::Made { cents: 1 }, Deposit::Made { cents: 2 }];
        let mut append =
            Append::to(stream(keys.next().unwrap()), ExpectedVersion::Any).events(two());
        for key in keys {
            append = append.and(stream(key), ExpectedVersion::Any).events(two());
        }
        last = Some(store.append(append).await.unwrap());
    }
    last.unwrap()
}

pub(crate) async fn poisoned<B: Bank>(bank: B) {
    let (store, streams) = (bank.store(), streams());
    let poison = format!("poison-{}", EventId::new());
    write(&store, &poison, 1).await;
    let at = write(&store, &poison, POISON).await.last;
    write(&store, &poison, 2).await;
    let filled = fill(&store, streams).await;
    let running = Runner::new(store.clone())
        .project_with(bank.book::<0>(), bank.model(), policy_of(0).with_batch(512))
        .project_with(bank.book::<1>(), bank.model(), policy_of(1).with_batch(512))
        .start()
        .unwrap();
    let both = &BOOKS[..2];
    for book in both {
        running.wait_for(book, &filled, LONG).await.unwrap();
    }
    // Live: each of the others goes through although the stream grows.
    for number in 0..50 {
        write(&store, &poison, 3).await;
        let receipt = write(&store, &number.to_string(), 4).await;
        for book in both {
            running.wait_for(book, &receipt, LONG).await.unwrap();
        }
    }
    let mut folded = fold(&store).await;
    let whole = fold(&store).await;
    let stream = format!("{CALM}/{poison}");
    let sum = folded.streams.insert(stream.clone(), (1, 1, 0)).unwrap();
    assert_eq!(sum, (53, (1 + POISON + 2 + 50 * 3).cast_signed(), 0));
    for book in both {
        let letters = running.dead_letters(book, Position::START, 100).await.unwrap();
        assert_eq!(letters.len(), 52, "the poison and what came behind it in its stream");
        assert!(letters.iter().all(|letter| letter.stream.to_string() == stream));
        assert_eq!(letters[0].position, at);
        assert_eq!(letters[0].cause.as_deref(), Some("poison"));
        assert!(letters[1..].iter().all(|letter| letter.cause.is_none() && letter.attempts == 0));
        let mut expected = folded.written.clone();
        for letter in &letters {
            expected.remove(&letter.position.get().cast_signed());
        }
        let rows = bank.rows(book).await;
        assert_eq!((rows.written, rows.streams), (expected, folded.streams.clone()), "{book}");
        let status = running.status(book).await.unwrap();
        assert_eq!((status.parked, status.parked_streams), (52, 1));
    }
    MENDED.lock().unwrap().insert(poison.clone());
    for book in both {
        let retried = running.retry_parked(book, None).await.unwrap();
        assert_eq!((retried.handled, retried.still_parked), (52, 0));
        assert_eq!(bank.rows(book).await, whole, "{book}: each event once and in order");
    }
    running.stop(LONG).await;
}
