//! P4: each field of a status takes a value that tells something.

use std::time::Duration;

use es_core::{ErrorKind, Owner, Store, Timestamp};
use es_projection::{Health, Runner, State};
use es_store_memory::{MemoryReadModel, MemoryStore};
use es_testkit::{Faults, HeadFault, ManualClock, When};

use crate::{
    ledger::{Ledger, NoteEvent, store, until, write, write_many},
    spoilt::{Call, Fault, Spoilt},
};

#[tokio::test]
async fn every_field_tells_something() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.fails_on("note/1");
    write_many(&store, 40, 4).await;
    let running = Runner::new(store.clone())
        .owned_by(Owner::new("here"))
        .project(ledger, model.clone())
        .start()
        .unwrap();
    let status = until(&running, "notes", |status| status.state == State::Live).await;
    assert_eq!((status.name.as_str(), status.version), ("notes", 1));
    assert_eq!(status.subscriber, "notes-v1");
    assert_eq!((status.position.get(), status.head.unwrap().get()), (40, 40));
    assert_eq!(status.lag.unwrap(), Default::default());
    assert_eq!((status.handled, status.parked, status.parked_streams), (30, 10, 1));
    assert!(status.rate > 10.0, "{}", status.rate);
    assert_eq!((status.owner.unwrap().as_str(), status.epoch), ("here", 1));
    let silence = Timestamp::now().since(status.alive_at.unwrap());
    assert!(silence < Duration::from_secs(20), "it was alive just now: {silence:?}");
    assert_eq!(status.last_error.unwrap().message, "torn");
    let Health::Degraded(why) = status.health else { panic!("{}", status.health) };
    assert_eq!(why, "10 events of 1 streams parked");

    running.pause("notes").unwrap();
    until(&running, "notes", |status| status.state == State::Paused).await;
    write_many(&store, 5, 4).await;
    let status = running.status("notes").await.unwrap();
    assert_eq!(status.lag.unwrap().events, 5);
    assert!(matches!(status.health, Health::Degraded(_)));
    running.resume("notes").unwrap();
    until(&running, "notes", |status| status.lag.unwrap().events == 0).await;
    running.stop(Duration::from_secs(20)).await;
    let status = running.status("notes").await.unwrap();
    assert_eq!(status.state, State::Stopped);
    assert!(status.health.is_unhealthy(), "a dead worker is red, also without lag");
    assert_eq!(running.statuses().await.len(), 1);
    assert_eq!(running.status("other").await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// As many as fill a chunk: that the log ends behind it shows only later.
#[tokio::test]
async fn one_that_has_everything_is_live_however_much_that_was() {
    for events in [511, 512, 513, 1_024] {
        let (store, model) = (store(), MemoryReadModel::new());
        write_many(&store, events, 7).await;
        let running =
            Runner::new(store.clone()).project(Ledger::new(), model.clone()).start().unwrap();
        let status = until(&running, "notes", |status| status.state == State::Live).await;
        assert_eq!(status.position.get(), events as u64);
        write_many(&store, events, 7).await;
        until(&running, "notes", |status| {
            status.state == State::Live && status.position.get() == 2 * events as u64
        })
        .await;
        crate::ledger::assert_complete(&store, &model).await;
    }
}

#[tokio::test]
async fn lag_is_told_in_seconds_and_a_stuck_worker_is_red() {
    let clock = ManualClock::at(Timestamp::now());
    clock.set(Timestamp::from_micros(Timestamp::now().as_micros() - 90_000_000));
    let (store, model) = (Store::new(MemoryStore::with_clock(clock.source())), Spoilt::new());
    model.plan(|call, _| (call == Call::Commit).then_some(Fault::Hang));
    write(&store, 1).await;
    clock.advance(Duration::from_secs(60));
    write(&store, 1).await;
    let running = Runner::new(store)
        .with_stuck_after(Duration::from_millis(20))
        .project(Ledger::new(), model.clone())
        .start()
        .unwrap();
    let status = until(&running, "notes", |status| status.health.is_unhealthy()).await;
    let lag = status.lag.unwrap();
    assert_eq!(lag.events, 2);
    assert!(lag.time >= Duration::from_secs(90) && lag.time < Duration::from_secs(150));
    assert!(status.health.to_string().contains("stuck at 0"), "{}", status.health);
}

#[tokio::test]
async fn a_log_that_cannot_be_asked_is_red_and_not_without_lag() {
    let (faults, model) = (Faults::new(), MemoryReadModel::new());
    let store = store().layer(&faults);
    let running = Runner::new(store.clone()).project(Ledger::new(), model.clone()).start().unwrap();
    until(&running, "notes", |status| status.state == State::Live).await;
    faults.on_head(When::always(), HeadFault::fail(ErrorKind::Unavailable));
    let status = running.status("notes").await.unwrap();
    assert_eq!((status.head, status.lag), (None, None));
    assert!(status.health.is_unhealthy());
}

/// A filter that lets nothing through moves its checkpoint all the same, and so a restart
/// has nothing to read again; another process sees signs of life.
#[tokio::test]
async fn a_quiet_filter_moves_its_checkpoint_and_shows_signs_of_life() {
    use es_core::{Category, CheckpointStore};
    let (store, model, mut ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.scope = ledger.scope.in_category(Category::from_static("elsewhere"));
    let running = Runner::new(store.clone())
        .with_quiet_interval(Duration::from_millis(1))
        .with_heartbeat(Duration::from_millis(1))
        .project(ledger.clone(), model.clone())
        .react(crate::reactor::Silent, MemoryReadModel::new())
        .start()
        .unwrap();
    write_many(&store, 30, 3).await;
    let name = crate::ledger::subscriber();
    let first = loop {
        let known = model.checkpoint(&name).await.unwrap();
        if let Some(known) = known.filter(|known| known.position.get() == 30) {
            break known;
        }
        tokio::task::yield_now().await;
    };
    while model.checkpoint(&name).await.unwrap().unwrap().updated_at == first.updated_at {
        tokio::task::yield_now().await;
    }
    assert_eq!(ledger.calls(), 0);
    let status = running.status("notes").await.unwrap();
    assert_eq!((status.handled, status.health), (0, Health::Healthy));
    let _ = NoteEvent::Torn;
}

/// The log's clock is an hour ahead of this one, or this one was set back.
#[tokio::test]
async fn a_stuck_worker_is_red_whatever_the_clocks_say() {
    let clock = ManualClock::at(Timestamp::now().plus(Duration::from_secs(3_600)));
    let (store, model) = (Store::new(MemoryStore::with_clock(clock.source())), Spoilt::new());
    model.plan(|call, _| (call == Call::Commit).then_some(Fault::Hang));
    let running = Runner::new(store.clone())
        .with_stuck_after(Duration::from_millis(20))
        .project(Ledger::new(), model.clone())
        .start()
        .unwrap();
    until(&running, "notes", |status| status.state == State::Live).await;
    write(&store, 1).await;
    let status = until(&running, "notes", |status| status.health.is_unhealthy()).await;
    assert!(status.health.to_string().contains("stuck at 0"), "{}", status.health);

    // It gets on, and then there is nothing that it could be stuck with.
    model.plan(|_, _| None);
    running.stop(Duration::ZERO).await;
    running.resume("notes").unwrap();
    let status = until(&running, "notes", |status| status.position.get() == 1).await;
    assert_eq!(status.health, Health::Healthy);
}
