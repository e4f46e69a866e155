//! What the handlers of a case have seen, and waiting for it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use es_core::{EventId, Recorded, Store};
use tokio::sync::watch;

use super::{BusUnderTest, ConsumerPlan, Plan};
use crate::sample;

/// How long something may take before it counts as never coming. Nothing is measured with it.
const NEVER: Duration = Duration::from_secs(20);

/// What handlers have handled, in order.
#[derive(Clone)]
pub(crate) struct Journal(Arc<watch::Sender<Vec<Recorded>>>);

impl Journal {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Vec::new())))
    }

    pub(crate) fn note(&self, event: &Recorded) {
        self.0.send_modify(|seen| seen.push(event.clone()));
    }

    pub(crate) fn all(&self) -> Vec<Recorded> {
        self.0.borrow().clone()
    }

    /// A handler that notes everything.
    pub(crate) fn noting(&self) -> Plan {
        self.unless(|_| None)
    }

    /// A handler that notes, unless `fails` says why not.
    pub(crate) fn unless(
        &self,
        fails: impl Fn(&Recorded) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Plan {
        let journal = self.clone();
        Arc::new(move |event| {
            let failed = fails(&event);
            let journal = journal.clone();
            Box::pin(async move {
                tokio::task::yield_now().await;
                if let Some(why) = failed {
                    return Err(why.into());
                }
                journal.note(&event);
                Ok(())
            })
        })
    }

    pub(crate) fn consumer(&self, name: &str) -> ConsumerPlan {
        ConsumerPlan::new(name, self.noting())
    }

    /// Waits until what was noted is enough.
    ///
    /// # Panics
    /// When that never comes.
    pub(crate) async fn when(&self, what: &str, is: impl Fn(&[Recorded]) -> bool + Send + Sync) {
        let mut seen = self.0.subscribe();
        // What `wait_for` gives holds the lock, and a reader that reads again while a handler
        // waits to write waits for ever: it is let go of before the journal is looked at.
        let came = tokio::time::timeout(NEVER, seen.wait_for(|seen| is(seen))).await.is_ok();
        assert!(came, "it never came to that: {what}; {} were handled", self.all().len());
    }

    /// Waits until every event of the log has been handled.
    pub(crate) async fn has_all_of(&self, store: &Store) {
        let ids: Vec<EventId> = sample::all(store).await.iter().map(|event| event.id).collect();
        let has = |seen: &[Recorded]| ids.iter().all(|id| seen.iter().any(|e| e.id == *id));
        self.when("every event is handled", has).await;
    }

    /// Without its repetitions, each stream is in order and whole.
    ///
    /// # Panics
    /// When one is not.
    pub(crate) fn check_order(&self) {
        let mut streams: HashMap<String, Vec<u64>> = HashMap::new();
        for event in self.all() {
            streams.entry(event.stream.to_string()).or_default().push(event.version.get());
        }
        for (stream, versions) in streams {
            let mut next = 1;
            for version in &versions {
                assert!(*version <= next, "{stream}: {version} came before {next}: {versions:?}");
                next = next.max(version + 1);
            }
        }
    }
}

/// Waits until so many dead letters are there, and gives them by position.
pub(crate) async fn letters<B: BusUnderTest>(
    bus: &B,
    name: &str,
    count: usize,
) -> Vec<es_core::DeadLetter> {
    let mut letters = Vec::new();
    let polled = async {
        loop {
            letters = bus.dead_letters(name).await;
            if letters.len() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(NEVER, polled).await;
    assert!(waited.is_ok(), "there never were {count} dead letters");
    let mut letters = bus.dead_letters(name).await;
    letters.sort_by_key(|letter| letter.position);
    letters
}
