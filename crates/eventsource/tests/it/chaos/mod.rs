//! Projections worked on by several processes that are killed, paused and started again at
//! random, while others publish and handlers fail now and then: at the end each event has been
//! written once, in its stream's order, and the rows are what a fold of the log is.
//!
//! What counts is counted in the rows: how often each position was written, and how often a
//! stream's version did not follow the one before.

mod poison;
#[cfg(feature = "postgres")]
mod postgres;
mod process;
mod rebuild;
mod seam;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{collections::BTreeMap, time::Duration};

use eventsource::{
    BoxError, DeadLetterStore, Error, ErrorKind, Owner, ReadModel, Receipt,
    prelude::*,
    projection::{Policy, Projection, Runner, Subscriber},
};
use process::{Workers, role};

const STREAMS: u64 = 40;
const SLICES: u16 = 4;

/// How much there is to do: events, and processes that work.
fn events() -> u64 {
    let long = std::env::var("ES_CHAOS_EVENTS").ok().and_then(|events| events.parse().ok());
    long.unwrap_or(2_500)
}

#[derive(Clone, Debug, Event)]
#[event(prefix = "deposit")]
pub(crate) enum Deposit {
    Made { cents: u64 },
}

/// Streams of this category are written by handlers that do not fail by bad luck.
pub(crate) const CALM: &str = "calm";

/// What a handler says about an event, behind its writes: it fails two times in a hundred, and
/// on poison always, until its stream is mended.
fn verdict(event: &Recorded<Deposit>) -> Result<(), BoxError> {
    poison::taste(event)?;
    if event.stream.category().as_str() == CALM {
        return Ok(());
    }
    match fastrand::u8(0..100) {
        0 => Err(Error::new(ErrorKind::Busy, "now and then").into()),
        1 => Err(Error::new(ErrorKind::Unavailable, "once in a while").into()),
        _ => Ok(()),
    }
}

fn policy() -> Policy {
    let (least, most) = (Duration::from_micros(1), Duration::from_micros(100));
    Policy::default().with_retries(1_000).with_backoff(least, most).with_batch(64)
}

/// Every other projection is in slices.
fn policy_of(book: usize) -> Policy {
    if book % 2 == 1 { policy().with_slices(SLICES) } else { policy() }
}

/// What one projection left behind.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rows {
    /// By position: how often it was written, and what.
    written: BTreeMap<i64, (i64, i64)>,
    /// By stream: the last version, the sum, and how often the order was broken.
    streams: BTreeMap<String, (i64, i64, i64)>,
}

/// The projections of the test: each has tables of its own, named after it.
pub(crate) const BOOKS: [&str; 8] =
    ["book_0", "book_1", "book_2", "book_3", "book_4", "book_5", "book_6", "book_7"];

/// A log and where the projections keep their rows.
pub(crate) trait Bank: Clone + Send + Sync + 'static {
    type Model: ReadModel + DeadLetterStore + Clone;
    type Book<const I: usize>: Projection<Event = Deposit, Tx = <Self::Model as ReadModel>::Tx>
        + Clone;

    fn store(&self) -> Store;
    fn model(&self) -> Self::Model;
    fn book<const I: usize>(&self) -> Self::Book<I>;
    fn rows(&self, table: &'static str) -> impl Future<Output = Rows> + Send;

    /// Of the first so many projections.
    fn runner(&self, books: usize) -> Runner {
        let runner = Runner::new(self.store())
            .owned_by(Owner::new(format!("process {}", std::process::id())))
            .with_lease(Duration::from_millis(900))
            .with_quiet_interval(Duration::from_millis(50));
        let runner = keep::<Self, 0>(self, books, runner);
        let runner = keep::<Self, 1>(self, books, runner);
        let runner = keep::<Self, 2>(self, books, runner);
        let runner = keep::<Self, 3>(self, books, runner);
        let runner = keep::<Self, 4>(self, books, runner);
        let runner = keep::<Self, 5>(self, books, runner);
        let runner = keep::<Self, 6>(self, books, runner);
        keep::<Self, 7>(self, books, runner)
    }
}

fn keep<B: Bank, const I: usize>(bank: &B, books: usize, runner: Runner) -> Runner {
    if I < books {
        runner.project_with(bank.book::<I>(), bank.model(), policy_of(I))
    } else {
        runner
    }
}

fn watched<B: Bank, const I: usize>(bank: &B) -> Subscriber<B::Model> {
    Subscriber::of_projection(bank.store(), &bank.book::<I>(), bank.model()).unwrap()
}

fn subscribers<B: Bank>(bank: &B) -> [Subscriber<B::Model>; 8] {
    [
        watched::<B, 0>(bank),
        watched::<B, 1>(bank),
        watched::<B, 2>(bank),
        watched::<B, 3>(bank),
        watched::<B, 4>(bank),
        watched::<B, 5>(bank),
        watched::<B, 6>(bank),
        watched::<B, 7>(bank),
    ]
}

async fn publish(store: Store, publisher: u64, count: u64) -> Receipt {
    let mut last = None;
    for number in 0..count {
        let stream = StreamId::new("deposit", fastrand::u64(..) % STREAMS).unwrap();
        let event = NewEvent::of(&Deposit::Made { cents: publisher + number }).unwrap();
        loop {
            let append = Append::to(stream.clone(), ExpectedVersion::Any).event(event.clone());
            match store.append(append).await {
                Ok(receipt) => break last = Some(receipt),
                // A paused process may hold what an append waits for.
                Err(error) if error.is_temporary() => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    last.unwrap()
}

/// How many projections there are, this time.
pub(crate) fn some_books() -> usize {
    let told = std::env::var("ES_CHAOS_BOOKS").ok().and_then(|books| books.parse().ok());
    told.unwrap_or_else(|| fastrand::usize(1..=BOOKS.len()))
}

pub(crate) async fn storm<B: Bank>(bank: B, books: usize, workers: Workers) {
    let (store, count) = (bank.store(), events() / 4);
    let publishers: Vec<_> =
        (0..4).map(|publisher| tokio::spawn(publish(store.clone(), publisher, count))).collect();
    let raging = tokio::spawn(workers.rage());
    let mut last = None;
    for publisher in publishers {
        let receipt = publisher.await.unwrap();
        last = last.into_iter().chain([receipt]).max_by_key(|receipt| receipt.last);
    }
    let workers = raging.await.unwrap();
    let last = last.unwrap();
    for subscriber in subscribers(&bank).into_iter().take(books) {
        if let Err(error) = subscriber.wait_for(&last, Duration::from_secs(120)).await {
            let status = subscriber.status().await.unwrap();
            panic!("{error}: {status:#?}");
        }
        let letters = subscriber.dead_letters(Position::START, 9).await.unwrap();
        assert!(letters.is_empty(), "nothing that was applied is parked: {letters:?}");
    }
    drop(workers);

    let folded = fold(&store).await;
    assert!(folded.written.len() as u64 >= 4 * count);
    for table in &BOOKS[..books] {
        let rows = bank.rows(table).await;
        assert_eq!(rows, folded, "{table} of {books}: each event once and in order");
    }
}

/// What the rows are to be: the log, folded from scratch.
async fn fold(store: &Store) -> Rows {
    let mut folded = Rows::default();
    for event in store.read_as::<Deposit>(Read::all()).into_vec().await.unwrap() {
        let Deposit::Made { cents } = event.event;
        let cents = cents.cast_signed();
        folded.written.insert(event.position.get().cast_signed(), (1, cents));
        let stream = folded.streams.entry(event.stream.to_string()).or_default();
        stream.0 = event.version.get().cast_signed();
        stream.1 += cents;
    }
    folded
}
