//! A subscriber seen by another process: by what is kept of it.

use std::time::Duration;

use es_core::{Category, ErrorKind, Owner, Position, Store, Timestamp};
use es_projection::{Health, Policy, Runner, Scope, State, Subscriber};
use es_store_memory::{MemoryReadModel, MemoryStore};
use es_testkit::{Faults, HeadFault, ManualClock, When};

use crate::{
    ledger::{Ledger, store, until, write, write_many},
    spoilt::{Call, Fault, Spoilt},
};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn every_field_tells_something() {
    let now = Timestamp::now().as_micros() / 1_000_000;
    let clock = ManualClock::at(Timestamp::from_seconds(now - 90));
    let store = Store::new(MemoryStore::with_clock(clock.source()));
    let (model, ledger) = (MemoryReadModel::new(), Ledger::new());
    ledger.fails_on("note/1");
    let notes = || Subscriber::of_projection(store.clone(), &ledger, model.clone()).unwrap();
    assert_eq!(notes().name(), "notes-v1");
    let status = notes().status().await.unwrap();
    assert_eq!((status.state, status.alive_at, status.epoch), (State::Stopped, None, 0));
    assert_eq!(status.health, Health::Unhealthy("nobody works on it".to_owned()));

    write_many(&store, 40, 4).await;
    let running = Runner::new(store.clone())
        .owned_by(Owner::new("there"))
        .project(ledger.clone(), model.clone())
        .start()
        .unwrap();
    until(&running, "notes", |status| status.state == State::Live).await;
    let status = notes().status().await.unwrap();
    assert_eq!((status.name.as_str(), status.version, status.epoch), ("notes", 1, 1));
    assert_eq!((status.state, status.position.get()), (State::Live, 40));
    assert_eq!((status.lag.unwrap().events, status.head.unwrap().get()), (0, 40));
    assert_eq!((status.parked, status.parked_streams), (10, 1));
    assert_eq!(status.owner.unwrap().as_str(), "there");
    assert_eq!(status.last_error.unwrap().message, "torn");
    assert!(Timestamp::now().since(status.alive_at.unwrap()) < LONG);
    assert_eq!(status.health, Health::Degraded("10 events of 1 streams parked".to_owned()));
    let letters = notes().dead_letters(Position::new(2), 2).await.unwrap();
    assert_eq!(letters.iter().map(|l| l.position.get()).collect::<Vec<_>>(), [6, 10]);

    running.pause("notes").unwrap();
    until(&running, "notes", |status| status.state == State::Paused).await;
    write_many(&store, 5, 4).await;
    let status = notes().status().await.unwrap();
    assert_eq!((status.state, status.lag.unwrap().events), (State::CatchingUp, 5));
    assert!(status.lag.unwrap().time >= Duration::from_secs(90), "{:?}", status.lag);
    let Health::Degraded(why) = status.health else { panic!("{}", status.health) };
    assert!(why.ends_with("seconds behind"), "{why}");

    // An owner that shows no sign of life, as a dead one.
    let silent = notes().with_silent_after(Duration::ZERO).status().await.unwrap();
    assert_eq!(silent.state, State::Stopped);
    assert_eq!(silent.health, Health::Unhealthy("there has been silent for 0 seconds".to_owned()));
    let patient = notes().with_late_after(Duration::from_secs(900)).status().await.unwrap();
    assert_eq!(patient.health, Health::Degraded("10 events of 1 streams parked".to_owned()));

    running.resume("notes").unwrap();
    let receipt = write(&store, 2).await;
    notes().wait_for(&receipt, LONG).await.unwrap();
    let faults = Faults::new();
    faults.on_head(When::always(), HeadFault::fail(ErrorKind::Unavailable));
    let blind = store.layer(&faults);
    let blind = Subscriber::of_projection(blind, &ledger, model.clone()).unwrap();
    let status = blind.status().await.unwrap();
    assert_eq!((status.lag, status.head), (None, None));
    assert!(status.health.to_string().contains("cannot be asked"), "{}", status.health);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_are_seen_one_by_one_and_as_a_whole() {
    let (store, model, mut ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.scope = Scope::category(Category::from_static("note"));
    ledger.fails_on("note/1");
    write_many(&store, 100, 10).await;
    let running = Runner::new(store.clone())
        .project_with(ledger.clone(), model.clone(), Policy::default().with_slices(4))
        .start()
        .unwrap();
    until(&running, "notes", |status| status.lag.unwrap().events == 0).await;
    let receipt = write(&store, 3).await;
    let notes = Subscriber::of_projection(store.clone(), &ledger, model.clone()).unwrap();
    notes.wait_for(&receipt, LONG).await.unwrap();
    let status = notes.status().await.unwrap();
    assert_eq!((status.slices.len(), status.position.get(), status.parked), (4, 101, 10));
    let parked: Vec<u64> = status.slices.iter().map(|slice| slice.parked).collect();
    assert_eq!(parked.iter().filter(|parked| **parked == 10).count(), 1);
    let Health::Degraded(why) = status.health else { panic!("{}", status.health) };
    assert!(why.starts_with("notes-v1.") && why.contains("10 events"), "{why}");
    assert_eq!(notes.dead_letters(Position::START, 100).await.unwrap().len(), 10);
    running.stop(LONG).await;
}

/// Nobody knows how old a sign is that was given an hour from now.
#[tokio::test]
async fn an_owner_whose_last_sign_is_from_the_future_is_red() {
    let (store, model, ledger) = (store(), Spoilt::new(), Ledger::new());
    write(&store, 1).await;
    Runner::new(store.clone()).project(ledger.clone(), model.clone()).catch_up().await.unwrap();
    let notes = Subscriber::of_projection(store.clone(), &ledger, model.clone()).unwrap();
    assert_eq!(notes.status().await.unwrap().health, Health::Healthy);
    model.plan(|call, _| (call == Call::Look).then_some(Fault::Ahead(Duration::from_secs(3_600))));
    let status = notes.status().await.unwrap();
    let Health::Unhealthy(why) = status.health else { panic!("{}", status.health) };
    assert!(why.ends_with("ahead of this clock: nobody knows how old it is"), "{why}");
    model.plan(|call, _| (call == Call::Look).then_some(Fault::Ahead(Duration::from_secs(5))));
    assert_eq!(notes.status().await.unwrap().health, Health::Healthy, "clocks differ a little");
}
