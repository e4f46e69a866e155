//! Whatever panics is contained: an event that cannot even be decoded is parked, and a worker
//! that went down comes back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use es_core::{BoxError, CheckpointStore, DeadLetterStore, Event, Position, Recorded, StreamId};
use es_projection::{IdempotencyKey, Policy, Projection, Reactor, Runner, State};
use es_store_memory::{MemoryCheckpointStore, MemoryReadModel, MemoryTx};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    ledger::{Ledger, NOTES, NoteEvent, assert_complete, row, store, until, write, write_many},
    slices::held,
};

/// A number whose decoding panics at 13.
#[derive(Serialize)]
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        assert!(number != 13, "bad luck");
        Ok(Self(number))
    }
}

/// The notes of the other tests, as this program reads them.
#[derive(Event)]
#[event(prefix = "note")]
enum Unlucky {
    Written { number: Number },
}

struct Reads;

impl Projection for Reads {
    const NAME: &'static str = "reads";
    type Event = Unlucky;
    type Tx = MemoryTx;

    async fn apply(&self, event: &Recorded<Unlucky>, tx: &mut MemoryTx) -> Result<(), BoxError> {
        let Unlucky::Written { number } = &event.event;
        tx.put(&NOTES, event.position.to_string(), vec![number.0])?;
        Ok(())
    }
}

impl Reactor for Reads {
    const NAME: &'static str = "reads";
    type Event = Unlucky;

    async fn react(&self, _: &Recorded<Unlucky>, _: &IdempotencyKey) -> Result<(), BoxError> {
        Ok(())
    }
}

#[tokio::test]
async fn an_event_whose_decoding_panics_is_parked_and_nobody_else_waits() {
    let (store, model) = (store(), MemoryReadModel::new());
    for number in [11, 12, 13, 14, 15] {
        let stream = StreamId::new("note", number).unwrap();
        let event = NoteEvent::Written { number };
        let append = es_core::Append::to(stream, es_core::ExpectedVersion::Any).event(event);
        store.append(append).await.unwrap();
    }
    let letters = MemoryCheckpointStore::new();
    let running = Runner::new(store.clone())
        .project(Reads, model.clone())
        .react_with(Reads, letters.clone(), Policy::default().with_batch(3))
        .start();
    // One name each.
    assert!(running.is_err());
    for is_reactor in [false, true] {
        let runner = Runner::new(store.clone());
        let policy = Policy::default().with_batch(3);
        let runner = match is_reactor {
            false => runner.project_with(Reads, model.clone(), policy),
            true => runner.react_with(Reads, letters.clone(), policy),
        };
        let running = runner.start().unwrap();
        let status = until(&running, "reads", |status| {
            status.position.get() == 5 && status.state == State::Live
        });
        assert_eq!(status.await.parked, 1);
        let parked = running.dead_letters("reads", Position::START, 9).await.unwrap();
        assert_eq!(parked[0].position.get(), 3);
        assert_eq!(parked[0].cause.as_deref(), Some("decoding panicked: bad luck"));
    }
    assert_eq!(
        [row(&model, "2"), row(&model, "3"), row(&model, "4")],
        [vec![12], vec![], vec![14]]
    );
    let name = es_core::SubscriberName::from_static("reads-v1");
    assert_eq!(letters.dead_letters(&name, Position::START, 9).await.unwrap().len(), 1);
    assert_eq!(letters.checkpoint(&name).await.unwrap().unwrap().position.get(), 5);
}

/// The judge of errors is the user's, and is asked outside of the handler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_panics_comes_back_to_its_slice() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    let is_down = Arc::new(AtomicBool::new(true));
    let (down, judged) = (Arc::clone(&is_down), Arc::clone(&is_down));
    ledger.says(move |_| match down.load(Ordering::SeqCst) {
        true => Err("not now".into()),
        false => Ok(()),
    });
    let policy = Policy::default().with_slices(4).with_temporary(move |_| {
        assert!(!judged.swap(false, Ordering::SeqCst), "no idea");
        true
    });
    let running = Runner::new(store.clone())
        .with_lease(Duration::from_secs(2))
        .project_with(ledger, model.clone(), policy)
        .start()
        .unwrap();
    until(&running, "notes", |status| held(status) == 4).await;
    write_many(&store, 40, 20).await;
    let receipt = write(&store, 1).await;
    running.wait_for("notes", &receipt, Duration::from_secs(30)).await.unwrap();
    // Whose error is the last depends on which slice was judged first.
    assert!(!is_down.load(Ordering::SeqCst), "a judge has panicked");
    until(&running, "notes", |status| held(status) == 4).await;
    assert_complete(&store, &model).await;
}
