//! Reactors: at-least-once, in order, with a key that is the same each time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use es_core::{BoxError, ErrorKind, Recorded};
use es_projection::{IdempotencyKey, Policy, Reactor, Runner};
use es_store_memory::MemoryCheckpointStore;

use crate::{
    ledger::{NoteEvent, store, until, write, write_many},
    spoilt::{Call, Fault, Spoilt},
};

/// Does nothing.
pub(crate) struct Silent;

impl Reactor for Silent {
    const NAME: &'static str = "silent";
    type Event = NoteEvent;

    async fn react(&self, _: &Recorded<NoteEvent>, _: &IdempotencyKey) -> Result<(), BoxError> {
        Ok(())
    }
}

/// What was done, in the order in which it was.
#[derive(Clone, Default)]
struct Mails {
    sent: Arc<Mutex<Vec<(u64, IdempotencyKey)>>>,
    fails_at: Arc<Mutex<Option<u64>>>,
}

impl Mails {
    fn positions(&self) -> Vec<u64> {
        self.sent.lock().unwrap().iter().map(|(position, _)| *position).collect()
    }
}

impl Reactor for Mails {
    const NAME: &'static str = "mails";
    type Event = NoteEvent;

    async fn react(
        &self,
        event: &Recorded<NoteEvent>,
        key: &IdempotencyKey,
    ) -> Result<(), BoxError> {
        assert_eq!(key.event(), event.id);
        assert_eq!(key.to_string(), event.id.to_string());
        if *self.fails_at.lock().unwrap() == Some(event.position.get()) {
            return Err("no such address".into());
        }
        self.sent.lock().unwrap().push((event.position.get(), *key));
        Ok(())
    }
}

#[tokio::test]
async fn a_reactor_reacts_to_each_event_and_goes_on_from_its_checkpoint() {
    let (store, checkpoints, mails) = (store(), MemoryCheckpointStore::new(), Mails::default());
    write_many(&store, 20, 3).await;
    for more in [0, 1] {
        let mut runner = Runner::new(store.clone()).react(mails.clone(), checkpoints.clone());
        runner.catch_up().await.unwrap();
        assert_eq!(mails.positions(), (1..=20 + more).collect::<Vec<_>>());
        write(&store, 1).await;
    }
}

/// One by one and in batches: what was done before the one that fails is not done again.
#[tokio::test]
async fn a_failing_event_parks_its_stream_and_repeats_nothing() {
    for batch in [1, 6, 100] {
        let (store, checkpoints, mails) = (store(), MemoryCheckpointStore::new(), Mails::default());
        write_many(&store, 20, 4).await;
        *mails.fails_at.lock().unwrap() = Some(7);
        let policy = Policy::default().with_batch(batch);
        let runner = Runner::new(store.clone()).react_with(mails.clone(), checkpoints, policy);
        let running = runner.start().unwrap();
        until(&running, "mails", |status| status.position.get() == 20).await;
        let mut expected: Vec<u64> = (1..=20).filter(|at| ![7, 11, 15, 19].contains(at)).collect();
        assert_eq!(mails.positions(), expected, "batches of {batch}");
        *mails.fails_at.lock().unwrap() = None;
        running.retry_parked("mails", None).await.unwrap();
        expected.extend([7, 11, 15, 19]);
        assert_eq!(mails.positions(), expected);
    }
}

/// While the checkpoint cannot be saved, nothing that was done is done again or parked.
#[tokio::test]
async fn a_checkpoint_outage_repeats_no_effect() {
    let (store, checkpoints, mails) = (store(), Spoilt::new(), Mails::default());
    write_many(&store, 3, 3).await;
    checkpoints.plan(|call, count| {
        let kinds = [ErrorKind::Unavailable, ErrorKind::Fault, ErrorKind::OutcomeUnknown];
        (call == Call::Advance && count <= 6).then(|| Fault::Before(kinds[count % 3]))
    });
    let running =
        Runner::new(store.clone()).react(mails.clone(), checkpoints.clone()).start().unwrap();
    until(&running, "mails", |status| status.position.get() == 3).await;
    assert!(checkpoints.count(Call::Advance) >= 9);
    assert_eq!(mails.positions(), [1, 2, 3]);
    let status = running.status("mails").await.unwrap();
    assert_eq!(status.parked, 0);
    running.stop(Duration::from_secs(20)).await;
}

/// A crash between the effect and the checkpoint: it comes again, with the same key.
#[tokio::test]
async fn after_a_crash_the_last_effect_comes_again_with_its_key() {
    let (store, checkpoints, mails) = (store(), Spoilt::new(), Mails::default());
    write_many(&store, 3, 3).await;
    checkpoints.plan(|call, count| (call == Call::Advance && count == 2).then_some(Fault::Hang));
    let running =
        Runner::new(store.clone()).react(mails.clone(), checkpoints.clone()).start().unwrap();
    while checkpoints.count(Call::Advance) < 2 {
        tokio::task::yield_now().await;
    }
    drop(running);
    let mut runner = Runner::new(store.clone()).react(mails.clone(), checkpoints.clone());
    runner.catch_up().await.unwrap();
    assert_eq!(mails.positions(), [1, 2, 2, 3]);
    let sent = mails.sent.lock().unwrap();
    assert_eq!(sent[1].1, sent[2].1);
}
