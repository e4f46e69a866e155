//! A projection in slices: spread over processes that come and go, each stream in its order.

use std::{collections::BTreeSet, time::Duration};

use es_core::{
    CheckpointStore, DeadLetterStore, ErrorKind, Owner, Position, Store, SubscriberName,
};
use es_projection::{Policy, Rebuilding, Runner, Running, State, Status, WaitError, wait_for};
use es_store_memory::MemoryReadModel;

use crate::{
    ledger::{
        Ledger, assert_complete, assert_complete_but, row, store, subscriber, until, write,
        write_many,
    },
    rebuild::{Counts, SERVING, total},
    spoilt::{Call, Fault, Spoilt},
};

const LONG: Duration = Duration::from_secs(30);

fn slices(count: u16) -> Policy {
    // What is temporary here is so for ever.
    Policy::default().with_slices(count).with_retries(1_000)
}

fn runner(store: &Store, model: &MemoryReadModel, name: &str, ledger: &Ledger) -> Runner {
    Runner::new(store.clone())
        .owned_by(Owner::new(name))
        .with_quiet_interval(Duration::from_millis(10))
        .project_with(ledger.clone(), model.clone(), slices(8))
}

fn start(store: &Store, model: &MemoryReadModel, name: &str, ledger: &Ledger) -> Running {
    runner(store, model, name, ledger).with_lease(Duration::from_secs(2)).start().unwrap()
}

fn is_at_work(slice: &&Status) -> bool {
    matches!(slice.state, State::CatchingUp | State::Live)
}

/// How many slices it works on itself.
pub(crate) fn held(status: &Status) -> usize {
    status.slices.iter().filter(is_at_work).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_spread_over_those_who_come_and_go() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    write_many(&store, 500, 50).await;
    let first = start(&store, &model, "first", &ledger);
    let status = until(&first, "notes", |status| held(status) == 8).await;
    assert_eq!(status.owner.unwrap().as_str(), "first", "alone it has all");

    let (publisher, writes) = (store.clone(), tokio::sync::Notify::new());
    let writing = async {
        loop {
            tokio::select! {
                biased;
                () = writes.notified() => break,
                () = write_many(&publisher, 20, 50) => tokio::task::yield_now().await,
            }
        }
    };
    let handing = async {
        let second = start(&store, &model, "second", &ledger);
        let of_second = until(&second, "notes", |status| held(status) == 4).await;
        let of_first = until(&first, "notes", |status| held(status) == 4).await;
        let worked = |status: &Status| -> BTreeSet<u16> {
            let at_work = status.slices.iter().filter(is_at_work);
            at_work.map(|slice| slice.slice.unwrap().number()).collect()
        };
        assert_eq!(&worked(&of_first) & &worked(&of_second), BTreeSet::new());
        assert_eq!(of_second.owner, None, "several are at work");

        let third = start(&store, &model, "third", &ledger);
        for (running, part) in [(&first, 3), (&second, 3), (&third, 2)] {
            until(running, "notes", |status| held(status) == part).await;
        }
        // In good order, and without a word.
        second.stop(LONG).await;
        for running in [&first, &third] {
            until(running, "notes", |status| held(status) == 4).await;
        }
        drop(third);
        until(&first, "notes", |status| held(status) == 8).await;
        writes.notify_one();
    };
    tokio::join!(writing, handing);
    let receipt = write(&store, 1).await;
    first.wait_for("notes", &receipt, LONG).await.unwrap();
    assert_complete(&store, &model).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_means_all_slices_wherever_they_are() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    let first = start(&store, &model, "first", &ledger);
    let second = start(&store, &model, "second", &ledger);
    until(&first, "notes", |status| held(status) == 4).await;
    until(&second, "notes", |status| held(status) == 4).await;
    for number in 0..40_u64 {
        let receipt = write(&store, number).await;
        match number % 3 {
            0 => first.wait_for("notes", &receipt, LONG).await.unwrap(),
            1 => second.wait_for("notes", &receipt, LONG).await.unwrap(),
            _ => wait_for(&model, &subscriber(), &receipt, LONG).await.unwrap(),
        }
        assert_eq!(row(&model, &format!("note/{number}")), [1]);
        if number % 3 == 2 {
            let status = first.status("notes").await.unwrap();
            assert!(status.position >= receipt.last, "{}", status.position);
            assert_eq!(status.slices.len(), 8);
        }
    }
    // A slice that does not get on is waited for, and named.
    ledger.says(|event| match event.stream.key().as_str() {
        "stuck" => Err(es_core::Error::new(ErrorKind::Busy, "for ever").into()),
        _ => Ok(()),
    });
    write(&store, "stuck").await;
    let receipt = write(&store, 3).await;
    let error = wait_for(&model, &subscriber(), &receipt, Duration::from_millis(300)).await;
    let Err(WaitError::TimedOut { subscriber, .. }) = error else { panic!("{error:?}") };
    assert!(subscriber.as_str().contains("of8"), "{subscriber}");
}

#[tokio::test]
async fn another_number_of_slices_is_refused() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    write_many(&store, 100, 10).await;
    runner(&store, &model, "first", &ledger).catch_up().await.unwrap();
    assert_complete(&store, &model).await;
    for count in [0, 1, 4, 9] {
        let runner = Runner::new(store.clone());
        let mut other = runner.project_with(ledger.clone(), model.clone(), slices(count));
        let error = other.catch_up().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("notes-v1, whose progress is kept in 8"), "{error}");
    }
    let many = Runner::new(store.clone()).project_with(ledger.clone(), model.clone(), slices(257));
    assert!(many.start().unwrap_err().to_string().contains("256"));
    write_many(&store, 100, 10).await;
    runner(&store, &model, "first", &ledger).catch_up().await.unwrap();
    assert_complete(&store, &model).await;
}

/// Two that cut it differently start at the same moment: one wins, and nothing is written
/// twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_cut_it_differently_at_once_one_works() {
    for round in 0..50_u16 {
        let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
        write_many(&store, 40, 10).await;
        let counts = [1 + round % 3, 5];
        let catching = counts.map(|count| {
            let runner = Runner::new(store.clone());
            let mut runner = runner.project_with(ledger.clone(), model.clone(), slices(count));
            tokio::spawn(async move { runner.catch_up().await.map(drop) })
        });
        let mut ended = Vec::new();
        for task in catching {
            ended.push(task.await.unwrap());
        }
        // Whoever came later may have fenced the other one before it was refused.
        let winner = if ended[1].is_ok() { 5 } else { counts[0] };
        let runner = Runner::new(store.clone());
        let mut again = runner.project_with(ledger.clone(), model.clone(), slices(winner));
        if let Err(error) = again.catch_up().await {
            let other = if winner == 5 { counts[0] } else { 5 };
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            let runner = Runner::new(store.clone());
            let mut other = runner.project_with(ledger.clone(), model.clone(), slices(other));
            other.catch_up().await.unwrap();
        }
        assert_complete(&store, &model).await;
    }
}

#[tokio::test]
async fn one_piece_becomes_slices_where_it_stands() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    write_many(&store, 100, 10).await;
    ledger.fails_on("note/3");
    let mut whole = Runner::new(store.clone()).project(ledger.clone(), model.clone());
    whole.catch_up().await.unwrap();
    let error = runner(&store, &model, "first", &ledger).catch_up().await.unwrap_err();
    assert!(error.to_string().contains("parked"), "{error}");

    ledger.says(|_| Ok(()));
    let running =
        Runner::new(store.clone()).project(ledger.clone(), model.clone()).start().unwrap();
    running.retry_parked("notes", None).await.unwrap();
    running.stop(LONG).await;
    write_many(&store, 30, 10).await;
    let caught_up = runner(&store, &model, "first", &ledger).catch_up().await.unwrap();
    assert_eq!((caught_up.len(), caught_up[0].handled), (1, 30));
    assert_complete(&store, &model).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_parked_in_its_slice_and_moves_with_it() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.fails_on("note/3");
    let first = start(&store, &model, "first", &ledger);
    write_many(&store, 200, 20).await;
    until(&first, "notes", |status| status.lag.unwrap().events == 0).await;
    let status = first.status("notes").await.unwrap();
    assert_eq!((status.parked, status.parked_streams), (10, 1));
    let letters = first.dead_letters("notes", Position::START, 4).await.unwrap();
    let positions: Vec<u64> = letters.iter().map(|letter| letter.position.get()).collect();
    assert_eq!(positions, [4, 24, 44, 64]);
    assert_eq!(letters[0].cause.as_deref(), Some("torn"));
    assert_complete_but(&store, &model, &["note/3"]).await;

    // The stream goes on waiting whoever works on it.
    first.stop(LONG).await;
    let second = start(&store, &model, "second", &ledger);
    write(&store, 3).await;
    until(&second, "notes", |status| status.parked == 11).await;
    assert!(second.skip_parked("notes", Position::new(4), "no use").await.unwrap());
    assert!(!second.skip_parked("notes", Position::new(5), "not there").await.unwrap());
    assert_eq!(second.skipped("notes", Position::START, 5).await.unwrap().len(), 1);
    ledger.says(|_| Ok(()));
    let retried = second.retry_parked("notes", None).await.unwrap();
    assert_eq!((retried.handled, retried.still_parked), (10, 0));
    assert_eq!(row(&model, "note/3"), (2..=11).collect::<Vec<u64>>());
    let slice = SubscriberName::new(letters[0].subscriber.as_str()).unwrap();
    assert!(model.dead_letters(&slice, Position::START, 1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_rebuilt_in_slices_and_swapped_in_whole() {
    let (store, model) = (store(), MemoryReadModel::new());
    write_many(&store, 3_000, 50).await;
    Runner::new(store.clone())
        .project(Counts::<1>::default(), model.clone())
        .catch_up()
        .await
        .unwrap();
    let policy = || slices(4).with_batch(50);
    let second = Counts::<2>::default();
    let mut rebuilding =
        Rebuilding::with_policy(store.clone(), second.clone(), model.clone(), policy());
    let mut watch = rebuilding.watch().unwrap();
    tokio::select! {
        _ = rebuilding.run() => panic!("it was too quick to crash"),
        () = async {
            while watch.progress().handled < 500 { watch.changed().await; }
            // Work that is dropped ends with its next step, which is no claim any more.
            for number in 1..=4 {
                let slice = SubscriberName::new(format!("counts-v2.{number}of4")).unwrap();
                while model.checkpoint(&slice).await.unwrap().is_none() {
                    tokio::task::yield_now().await;
                }
            }
        } => {}
    }
    assert_eq!(model.get(&SERVING, &"counts").unwrap(), None);
    drop(rebuilding);
    let mut rebuilding =
        Rebuilding::with_policy(store.clone(), second.clone(), model.clone(), policy());
    let rebuilt = rebuilding.run().await.unwrap();
    assert_eq!(rebuilt.position.get(), 3_000);
    assert!(rebuilt.handled <= 2_500, "it went on from where it was: {}", rebuilt.handled);
    assert_eq!((model.get(&SERVING, &"counts").unwrap(), total(&model)), (Some(2), 3_000));
    // An owner of the whole that came since fences the swap of whoever was there before.
    let whole = SubscriberName::from_static("counts-v2");
    assert!(model.checkpoint(&whole).await.unwrap().unwrap().epoch >= 2);
}

/// By the clocks the sign of life that it has just given is an hour old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_are_worked_on_where_the_clock_of_the_server_is_behind() {
    let (store, model) = (store(), Spoilt::new());
    let hour = Duration::from_secs(3_600);
    model.plan(move |call, _| (call == Call::Look).then_some(Fault::Behind(hour)));
    write_many(&store, 40, 10).await;
    let start = |name: &str| {
        let runner = Runner::new(store.clone())
            .owned_by(Owner::new(name))
            .with_lease(Duration::from_secs(2))
            .project_with(Ledger::new(), model.clone(), slices(4));
        runner.start().unwrap()
    };
    let first = start("first");
    until(&first, "notes", |status| status.position.get() == 40).await;
    let second = start("second");
    for running in [&first, &second] {
        until(running, "notes", |status| held(status) == 2).await;
    }
    let receipt = write(&store, 1).await;
    second.wait_for("notes", &receipt, LONG).await.unwrap();
    assert_complete(&store, &model.inner).await;
}

/// A worker that is ended as it is does not keep its slice from the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_are_worked_on_again_after_a_stop_that_had_to_end_their_workers() {
    let (store, model) = (store(), Spoilt::new());
    model.plan(|call, _| (call == Call::Commit).then_some(Fault::Hang));
    write_many(&store, 40, 10).await;
    let running = Runner::new(store.clone())
        .with_lease(Duration::from_millis(300))
        .project_with(Ledger::new(), model.clone(), slices(2))
        .start()
        .unwrap();
    while model.count(Call::Commit) < 2 {
        tokio::task::yield_now().await;
    }
    let stopped = running.stop(Duration::from_millis(10)).await;
    assert_eq!(stopped.aborted.len(), 2);
    model.plan(|_, _| None);
    running.resume("notes").unwrap();
    until(&running, "notes", |status| status.position.get() == 40).await;
    assert_complete(&store, &model.inner).await;
}

/// That it cannot be cut shows before the one at work is fenced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cutting_what_has_parked_events_disturbs_nobody() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.fails_on("note/1");
    let old = Runner::new(store.clone()).project(ledger, model.clone()).start().unwrap();
    write(&store, 1).await;
    until(&old, "notes", |status| status.parked == 1).await;
    let mut cutting = runner(&store, &model, "new", &Ledger::new());
    let error = cutting.catch_up().await.unwrap_err();
    assert!(error.to_string().contains("parked events"), "{error}");
    let receipt = write(&store, 2).await;
    old.wait_for("notes", &receipt, LONG).await.unwrap();
    assert_eq!(old.status("notes").await.unwrap().epoch, 1);
}
