//! What the tests write, and what must hold for the log afterwards.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use es_core::{
    Append, EventId, ExpectedVersion, NewEvent, Payload, Position, Read, Recorded, Store, StreamId,
};
use es_store_postgres::tokio_postgres::Client;
use tokio::task::JoinHandle;

/// The levels at which a transaction can be.
pub(crate) const LEVELS: [&str; 3] = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];

pub(crate) fn stream(key: &str) -> StreamId {
    StreamId::new("account", key).unwrap()
}

pub(crate) fn event() -> NewEvent {
    NewEvent::raw(es_core::Schema::from_static("noted", 1), Payload::json(&1).unwrap())
}

pub(crate) fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| event()).collect()
}

/// Appends so many events without any expectation.
pub(crate) fn to(key: &str, count: usize) -> Append {
    Append::to(stream(key), ExpectedVersion::Any).events(events(count))
}

/// The whole log, which must be dense and know no event twice.
pub(crate) async fn whole(store: &Store) -> Vec<Recorded> {
    let log = store.read(Read::all()).into_vec().await.unwrap();
    let (mut ids, mut versions) = (HashSet::new(), HashMap::new());
    for (event, position) in log.iter().zip(1..) {
        assert_eq!(event.position, Position::new(position), "positions are dense");
        assert!(ids.insert(event.id), "{:?} comes twice", event.id);
        let version = versions.entry(event.stream.clone()).or_insert(0);
        *version += 1;
        assert_eq!(event.version.get(), *version, "versions of {} are dense", event.stream);
    }
    log
}

/// What a reader has met, compared with the log: the same events in the same order.
pub(crate) fn same(seen: &[Seen], log: &[Recorded]) -> Result<(), String> {
    let log: Vec<Seen> = log.iter().map(|event| (event.position, event.id)).collect();
    same_as(seen, &log)
}

pub(crate) fn same_as(seen: &[Seen], log: &[Seen]) -> Result<(), String> {
    match seen.iter().zip(log).find(|(seen, there)| seen != there) {
        Some((seen, there)) => Err(format!("met {seen:?} where the log has {there:?}")),
        None if seen.len() != log.len() => {
            Err(format!("met {} events, the log has {}", seen.len(), log.len()))
        }
        None => Ok(()),
    }
}

pub(crate) type Seen = (Position, EventId);

/// A follower that writes down what it meets, and polls through temporary errors.
pub(crate) struct Follower {
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Follower {
    pub(crate) fn start(store: &Store) -> Self {
        let mut stream = store.follow(Read::all());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            // Not all the time: a server that is away has to come back on the same machine.
            let mut again = tokio::time::interval(Duration::from_millis(20));
            while let Some(next) = stream.next_event().await {
                match next {
                    Ok(event) => list.lock().unwrap().push((event.position, event.id)),
                    Err(error) if error.is_temporary() => drop(again.tick().await),
                    Err(error) => panic!("the follower ended: {error:?}"),
                }
            }
        });
        Self { seen, task }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until it has met so many events; whoever waits for ever hangs, and fails.
    pub(crate) async fn has_met(&self, count: usize) {
        while self.seen.lock().unwrap().len() < count {
            assert!(!self.task.is_finished(), "the follower has ended");
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until so many wait for the lock of the log.
pub(crate) async fn waiters(client: &Client, schema: &str, count: i64) {
    let sql = format!(
        "SELECT count(*) FROM pg_locks \
         WHERE NOT granted AND relation = '{schema}.es_append_lock'::regclass"
    );
    while client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) < count {
        tokio::task::yield_now().await;
    }
}

/// Waits until somebody waits for the table of the events.
pub(crate) async fn blocked(client: &Client, schema: &str) {
    let sql = format!(
        "SELECT count(*) FROM pg_locks \
         WHERE NOT granted AND relation = '{schema}.es_events'::regclass"
    );
    while client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
}
