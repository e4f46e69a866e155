//! A projection whose rows tell how often and in which order each event took effect, and
//! that fails when it is told to.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use es_core::{
    Append, BoxError, Category, DeadLetterStore, Event, ExpectedVersion, Position, ReadModel,
    Receipt, Recorded, Store, StreamId, SubscriberName,
};
use es_projection::{Projection, Scope, Status};
use es_store_memory::{MemoryReadModel, MemoryStore, MemoryTx, Table};

/// What the log of the tests holds.
#[derive(Clone, Debug, PartialEq, Event)]
#[event(prefix = "note")]
pub(crate) enum NoteEvent {
    Written { number: u64 },
    Torn,
}

/// By stream: the versions that took effect, in the order in which they did.
pub(crate) const NOTES: Table<String, Vec<u64>> = Table::new("notes");

/// How many writes there were, counted in the rows and not in the handler.
pub(crate) const WRITES: Table<&'static str, u64> = Table::new("writes");

type Verdict = Arc<dyn Fn(&Recorded<NoteEvent>) -> Result<(), BoxError> + Send + Sync>;

/// The projection. Clones share what they are told.
#[derive(Clone)]
pub(crate) struct Ledger {
    verdict: Arc<Mutex<Verdict>>,
    /// How often the handler was called.
    pub(crate) calls: Arc<AtomicUsize>,
    pub(crate) scope: Scope,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let verdict: Verdict = Arc::new(|_| Ok(()));
        let scope = Scope::events::<NoteEvent>();
        Self { verdict: Arc::new(Mutex::new(verdict)), calls: Arc::default(), scope }
    }

    /// Lets the handler say this from now on; it may panic.
    pub(crate) fn says(
        &self,
        verdict: impl Fn(&Recorded<NoteEvent>) -> Result<(), BoxError> + Send + Sync + 'static,
    ) {
        *self.verdict.lock().unwrap() = Arc::new(verdict);
    }

    /// Lets the handler fail on what is in this stream.
    pub(crate) fn fails_on(&self, stream: &str) {
        let stream: StreamId = stream.parse().unwrap();
        self.says(move |event| if event.stream == stream { Err("torn".into()) } else { Ok(()) });
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Projection for Ledger {
    const NAME: &'static str = "notes";
    type Event = NoteEvent;
    type Tx = MemoryTx;

    fn scope(&self) -> Scope {
        self.scope.clone()
    }

    async fn apply(&self, event: &Recorded<NoteEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        // The rows first: what fails behind them must be rolled back.
        tx.update(&WRITES, "all", |count| Some(count.unwrap_or(0) + 1))?;
        let version = event.version.get();
        tx.update(&NOTES, event.stream.to_string(), |row| {
            let mut row = row.unwrap_or_default();
            row.push(version);
            Some(row)
        })?;
        let verdict = Arc::clone(&self.verdict.lock().unwrap());
        verdict(event)
    }
}

pub(crate) fn store() -> Store {
    Store::new(MemoryStore::new())
}

pub(crate) fn subscriber() -> SubscriberName {
    SubscriberName::from_static("notes-v1")
}

/// Appends one event to `note/{key}`.
pub(crate) async fn write(store: &Store, key: impl std::fmt::Display) -> Receipt {
    let stream = StreamId::new("note", key).unwrap();
    let event = NoteEvent::Written { number: 1 };
    store.append(Append::to(stream, ExpectedVersion::Any).event(event)).await.unwrap()
}

/// Appends `events` events, one by one, to streams `note/0` up to `note/{streams - 1}`.
pub(crate) async fn write_many(store: &Store, events: usize, streams: usize) {
    for number in 0..events {
        write(store, number % streams).await;
    }
}

/// Panics unless each event of the log took effect exactly once and in its stream's order.
pub(crate) async fn assert_complete(store: &Store, model: &MemoryReadModel) {
    assert_complete_but(store, model, &[]).await;
}

/// Likewise, but for these streams.
pub(crate) async fn assert_complete_but(store: &Store, model: &MemoryReadModel, but: &[&str]) {
    let category = Category::from_static("note");
    let events = store.read(es_core::Read::category(category)).into_vec().await.unwrap();
    let mut expected = std::collections::BTreeMap::<String, Vec<u64>>::new();
    for event in events.iter().filter(|event| !but.contains(&&*event.stream.to_string())) {
        expected.entry(event.stream.to_string()).or_default().push(event.version.get());
    }
    let rows = model.rows(&NOTES).unwrap();
    let rows: std::collections::BTreeMap<_, _> =
        rows.into_iter().filter(|(stream, _)| !but.contains(&stream.as_str())).collect();
    assert_eq!(rows, expected, "each event once and in order");
    if but.is_empty() {
        let writes = model.get(&WRITES, &"all").unwrap().unwrap_or(0);
        assert_eq!(writes, events.len() as u64, "no row was written twice");
    }
}

/// The versions of `stream` that took effect.
pub(crate) fn row(model: &MemoryReadModel, stream: &str) -> Vec<u64> {
    model.get(&NOTES, &stream.to_owned()).unwrap().unwrap_or_default()
}

/// The positions that are parked.
pub(crate) async fn parked<M: ReadModel + DeadLetterStore>(model: &M) -> Vec<u64> {
    let letters = model.dead_letters(&subscriber(), Position::START, 10_000).await.unwrap();
    letters.iter().map(|letter| letter.position.get()).collect()
}

/// Returns once the status is as wanted; gives up after a while, and shows the last one.
pub(crate) async fn until(
    running: &es_projection::Running,
    name: &str,
    wanted: impl Fn(&Status) -> bool,
) -> Status {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let status = running.status(name).await.unwrap();
        if wanted(&status) {
            return status;
        }
        assert!(std::time::Instant::now() < deadline, "it never came to be: {status:#?}");
        tokio::task::yield_now().await;
    }
}
