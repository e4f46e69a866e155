//! Several runners of the same projections: one works, another goes on when it has gone.

use std::time::Duration;

use es_core::Owner;
use es_projection::{Runner, Running, State};
use es_store_memory::MemoryReadModel;

use crate::{
    ledger::{Ledger, assert_complete, store, until, write_many},
    spoilt::{Call, Fault, Spoilt},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_over_from_one_that_stops_and_from_one_that_is_silent() {
    let (store, model) = (store(), MemoryReadModel::new());
    let start = |name: &str, lease: u64| -> Running {
        Runner::new(store.clone())
            .owned_by(Owner::new(name))
            .with_lease(Duration::from_millis(lease))
            .project(Ledger::new(), model.clone())
            .start()
            .unwrap()
    };
    write_many(&store, 50, 3).await;
    let first = start("first", 60_000);
    until(&first, "notes", |status| status.state == State::Live).await;
    let second = start("second", 60_000);
    until(&second, "notes", |status| status.state == State::Standby).await;
    first.stop(Duration::from_secs(20)).await;
    drop(second);

    // Handed over in good order: nobody waits a minute.
    let third = start("third", 60_000);
    let status = until(&third, "notes", |status| status.state == State::Live).await;
    assert_eq!(status.owner.unwrap().as_str(), "third");

    // Dropped, as by a crash: the next one waits until that shows.
    drop(third);
    let fourth = start("fourth", 100);
    write_many(&store, 50, 3).await;
    let status = until(&fourth, "notes", |status| status.position.get() == 100).await;
    assert_eq!(status.owner.unwrap().as_str(), "fourth");
    assert_complete(&store, &model).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_shows_signs_of_life_is_left_alone() {
    let (store, model) = (store(), MemoryReadModel::new());
    let start = |name: &str| -> Running {
        Runner::new(store.clone())
            .owned_by(Owner::new(name))
            .with_lease(Duration::from_secs(2))
            .with_heartbeat(Duration::from_millis(10))
            .project(Ledger::new(), model.clone())
            .start()
            .unwrap()
    };
    let first = start("first");
    until(&first, "notes", |status| status.state == State::Live).await;
    let second = start("second");
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        write_many(&store, 1, 1).await;
        assert_ne!(second.status("notes").await.unwrap().state, State::Live);
        tokio::task::yield_now().await;
    }
    assert_eq!(first.status("notes").await.unwrap().epoch, 1, "nobody has claimed it since");
}

/// Who is told to wait must not keep the place from those who would work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_paused_while_it_stands_by_leaves_the_place_to_others() {
    let (store, model) = (store(), MemoryReadModel::new());
    let start = |name: &str| -> Running {
        Runner::new(store.clone())
            .owned_by(Owner::new(name))
            .with_lease(Duration::from_secs(60))
            .project(Ledger::new(), model.clone())
            .start()
            .unwrap()
    };
    let first = start("first");
    until(&first, "notes", |status| status.state == State::Live).await;
    let paused = start("paused");
    until(&paused, "notes", |status| status.state == State::Standby).await;
    paused.pause("notes").unwrap();
    first.stop(Duration::from_secs(20)).await;
    // It looks often enough to have taken it by then, if it would.
    for _ in 0..3 {
        let other = start("other");
        until(&other, "notes", |status| status.state == State::Live).await;
        other.stop(Duration::from_secs(20)).await;
        let nothing = std::future::pending::<()>();
        let _ = tokio::time::timeout(Duration::from_millis(600), nothing).await;
        assert_eq!(paused.status("notes").await.unwrap().state, State::Standby);
    }
    paused.resume("notes").unwrap();
    until(&paused, "notes", |status| status.state == State::Live).await;
    write_many(&store, 10, 3).await;
    until(&paused, "notes", |status| status.position.get() == 10).await;
    assert_complete(&store, &model).await;
}

/// Who catches up and finds that another has done it tells of what that one has parked.
#[tokio::test]
async fn what_another_has_parked_is_told_by_who_catches_up() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.fails_on("note/0");
    write_many(&store, 6, 3).await;
    let runner = |name: &str| {
        Runner::new(store.clone())
            .owned_by(Owner::new(name))
            .with_lease(Duration::from_secs(600))
            .project(ledger.clone(), model.clone())
    };
    let working = runner("working").start().unwrap();
    until(&working, "notes", |status| status.position.get() == 6).await;
    let caught_up = runner("other").catch_up().await.unwrap();
    let told = (caught_up[0].position.get(), caught_up[0].handled, caught_up[0].parked);
    assert_eq!(told, (6, 0, 2), "where it is, nothing by itself, two events parked");
    let working = working.status("notes").await.unwrap();
    assert_eq!(working.owner.unwrap().as_str(), "working");
}

/// By the clocks no sign of the other is ever young.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_do_not_replace_each_other_for_ever_where_the_clock_of_the_server_is_behind() {
    let (store, model) = (store(), Spoilt::new());
    let hour = Duration::from_secs(3_600);
    model.plan(move |call, _| (call == Call::Look).then_some(Fault::Behind(hour)));
    let start = |name: &str| -> Running {
        Runner::new(store.clone())
            .owned_by(Owner::new(name))
            .with_lease(Duration::from_secs(10))
            .with_heartbeat(Duration::from_millis(10))
            .project(Ledger::new(), model.clone())
            .start()
            .unwrap()
    };
    let both = [start("one"), start("other")];
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let at_work = loop {
        assert!(std::time::Instant::now() < deadline, "neither of them stands by");
        let mut states = Vec::new();
        for running in &both {
            states.push(running.status("notes").await.unwrap().state);
        }
        match states.as_slice() {
            [State::Live, State::Standby] => break &both[0],
            [State::Standby, State::Live] => break &both[1],
            _ => write_many(&store, 1, 1).await,
        }
    };
    let epoch = at_work.status("notes").await.unwrap().epoch;
    assert!(epoch <= 4, "{epoch} claims");
    for _ in 0..50 {
        let receipt = crate::ledger::write(&store, 1).await;
        at_work.wait_for("notes", &receipt, Duration::from_secs(20)).await.unwrap();
    }
    let status = at_work.status("notes").await.unwrap();
    assert_eq!((status.state, status.epoch), (State::Live, epoch), "nobody has claimed it since");
    assert_complete(&store, &model.inner).await;
}
