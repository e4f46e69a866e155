//! P3: poison is contained, waits in order, and is retried or given up by hand.

use std::time::Duration;

use es_core::{DeadLetterStore, Error, ErrorKind, Position, StreamId};
use es_projection::{OnFailure, Policy, Runner, State};
use es_store_memory::MemoryReadModel;

use crate::{
    ledger::{
        Ledger, assert_complete, assert_complete_but, parked, row, store, subscriber, until, write,
        write_many,
    },
    spoilt::{Call, Fault, Spoilt},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_stream_among_ten_thousand_delays_nobody() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.fails_on("note/4711");
    write_many(&store, 20_000, 10_000).await;
    let running =
        Runner::new(store.clone()).project(ledger.clone(), model.clone()).start().unwrap();
    until(&running, "notes", |status| status.position.get() == 20_000).await;
    assert_complete_but(&store, &model, &["note/4711"]).await;
    assert_eq!(parked(&model).await, [4_712, 14_712], "the event at fault and one behind it");
    // Cut in two and again: some forty transactions more, and not one for each event.
    assert!(ledger.calls() < 20_000 + 2_000, "{} calls", ledger.calls());

    // Live: each of the others is handled once, and the poison, which gets longer, is not tried.
    let before = ledger.calls();
    for number in 0..100 {
        write(&store, 4_711).await;
        let receipt = write(&store, number).await;
        running.wait_for("notes", &receipt, Duration::from_secs(20)).await.unwrap();
        assert_eq!(row(&model, &format!("note/{number}")), [1, 2, 3]);
        assert_eq!(ledger.calls() - before, usize::try_from(number).unwrap() + 1);
    }
    assert_complete_but(&store, &model, &["note/4711"]).await;

    let letters = model.dead_letters(&subscriber(), Position::START, 10).await.unwrap();
    assert_eq!(letters[0].cause.as_deref(), Some("torn"));
    assert_eq!((letters[0].attempts, letters[1].attempts), (1, 0));
    assert_eq!(letters[1].cause, None, "it only waits");
    assert_eq!(row(&model, "note/4711"), [0; 0]);

    // Still broken: what was tried is told, and nothing moves.
    let retried = running.retry_parked("notes", None).await.unwrap();
    assert_eq!((retried.handled, retried.still_parked), (0, 102));
    let again = running.dead_letters("notes", Position::START, 10).await.unwrap();
    assert_eq!((again[0].attempts, again[1].attempts), (2, 0));
    assert_eq!(again[0].first_failed_at, letters[0].first_failed_at);

    ledger.says(|_| Ok(()));
    let stream = StreamId::new("note", 4711).unwrap();
    let retried = running.retry_parked("notes", Some(stream)).await.unwrap();
    assert_eq!((retried.handled, retried.still_parked), (102, 0));
    write(&store, 4711).await;
    until(&running, "notes", |status| status.lag.unwrap().events == 0).await;
    assert_complete(&store, &model).await;
}

#[tokio::test]
async fn a_retry_stops_in_front_of_what_still_fails() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.says(|_| Err("all of it".into()));
    write_many(&store, 8, 2).await;
    let running =
        Runner::new(store.clone()).project(ledger.clone(), model.clone()).start().unwrap();
    until(&running, "notes", |status| status.parked == 8).await;
    ledger.says(|event| match event.position.get() {
        5 => Err("only this".into()),
        _ => Ok(()),
    });
    let retried = running.retry_parked("notes", None).await.unwrap();
    assert_eq!((retried.handled, retried.still_parked), (6, 2));
    assert_eq!(row(&model, "note/0"), [1, 2], "5 and 7 wait");
    assert_eq!(row(&model, "note/1"), [1, 2, 3, 4]);

    // What is parked survives: a new worker knows that the stream waits.
    running.stop(Duration::from_secs(20)).await;
    ledger.says(|_| Ok(()));
    let running =
        Runner::new(store.clone()).project(ledger.clone(), model.clone()).start().unwrap();
    write(&store, 0).await;
    until(&running, "notes", |status| status.lag.unwrap().events == 0).await;
    assert_eq!(parked(&model).await, [5, 7, 9]);
    running.retry_parked("notes", None).await.unwrap();
    assert_complete(&store, &model).await;
}

#[tokio::test]
async fn what_is_given_up_keeps_its_reason_and_lets_the_stream_go_on() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.says(|event| if event.position.get() == 1 { Err("bad".into()) } else { Ok(()) });
    write_many(&store, 4, 2).await;
    let running =
        Runner::new(store.clone()).project(ledger.clone(), model.clone()).start().unwrap();
    until(&running, "notes", |status| status.lag.unwrap().events == 0).await;
    assert_eq!(parked(&model).await, [1, 3]);
    assert!(!running.skip_parked("notes", Position::new(2), "not there").await.unwrap());
    assert!(running.skip_parked("notes", Position::new(1), "sold in 2019").await.unwrap());
    let skipped = running.skipped("notes", Position::START, 10).await.unwrap();
    assert_eq!((skipped[0].0.position.get(), skipped[0].1.as_str()), (1, "sold in 2019"));
    assert_eq!(parked(&model).await, [3], "the rest waits until it is retried");
    running.retry_parked("notes", None).await.unwrap();
    assert_eq!(row(&model, "note/0"), [2]);
    let receipt = write(&store, 0).await;
    running.wait_for("notes", &receipt, Duration::from_secs(20)).await.unwrap();
    assert_eq!(row(&model, "note/0"), [2, 3]);
}

#[tokio::test]
async fn a_policy_of_skipping_keeps_the_reason() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.says(|event| if event.position.get() == 2 { Err("bad".into()) } else { Ok(()) });
    write_many(&store, 4, 1).await;
    let policy = Policy::default().with_on_failure(OnFailure::Skip("of no use".to_owned()));
    let mut runner = Runner::new(store).project_with(ledger, model.clone(), policy);
    runner.catch_up().await.unwrap();
    assert_eq!(row(&model, "note/0"), [1, 3, 4], "nothing waits behind it");
    let skipped = model.skipped(&subscriber(), Position::START, 10).await.unwrap();
    assert_eq!(skipped[0].1, "of no use");
    assert_eq!(skipped[0].0.cause.as_deref(), Some("bad"), "and what went wrong");
}

#[tokio::test]
async fn a_policy_of_stopping_stops_in_front_of_it_and_nobody_else() {
    let (store, model, other) = (store(), MemoryReadModel::new(), MemoryReadModel::new());
    let ledger = Ledger::new();
    ledger.says(|event| if event.position.get() == 3 { Err("bad".into()) } else { Ok(()) });
    write_many(&store, 6, 1).await;
    let policy = Policy::default().with_on_failure(OnFailure::Stop);
    let runner = Runner::new(store.clone())
        .project_with(ledger.clone(), model.clone(), policy)
        .react(crate::reactor::Silent, other);
    let running = runner.start().unwrap();
    let status = until(&running, "notes", |status| status.state == State::Failed).await;
    assert_eq!(status.position.get(), 2);
    assert!(status.health.is_unhealthy());
    let message = status.last_error.unwrap().message;
    assert!(message.contains("position 3") && message.ends_with("bad"), "{message}");
    until(&running, "silent", |status| status.position.get() == 6).await;

    ledger.says(|_| Ok(()));
    running.resume("notes").unwrap();
    until(&running, "notes", |status| status.position.get() == 6).await;
    assert_complete(&store, &model).await;
}

#[tokio::test]
async fn a_temporary_error_is_tried_again_so_often_and_then_parked() {
    let (store, model, ledger) = (store(), MemoryReadModel::new(), Ledger::new());
    ledger.says(|_| Err(Error::new(ErrorKind::Unavailable, "a service is away").into()));
    write(&store, 1).await;
    let policy = Policy::default()
        .with_retries(3)
        .with_backoff(Duration::from_millis(1), Duration::from_millis(2));
    let mut runner = Runner::new(store).project_with(ledger.clone(), model.clone(), policy);
    let caught_up = runner.catch_up().await.unwrap();
    assert_eq!(caught_up[0].parked, 1);
    assert_eq!(ledger.calls(), 4);
    let letters = model.dead_letters(&subscriber(), Position::START, 10).await.unwrap();
    assert_eq!(letters[0].attempts, 4);
}

/// The handler has said that all is well; the commit does not take what it wrote.
#[tokio::test]
async fn a_commit_that_is_refused_because_of_one_event_parks_that_event() {
    let (store, model) = (store(), Spoilt::new());
    write_many(&store, 4, 4).await;
    // All four; the first two, which are taken; the last two; the third; the fourth.
    model.plan(|call, times| {
        let is_refused = call == Call::Commit && [1, 3, 4].contains(&times);
        is_refused.then_some(Fault::Before(ErrorKind::Invalid))
    });
    let mut runner = Runner::new(store.clone()).project(Ledger::new(), model.clone());
    let caught_up = runner.catch_up().await.unwrap();
    assert_eq!((caught_up[0].position.get(), caught_up[0].parked), (4, 1));
    assert_eq!(parked(&model).await, [3]);
    assert_complete_but(&store, &model.inner, &["note/2"]).await;
    let letters = model.dead_letters(&subscriber(), Position::START, 9).await.unwrap();
    assert_eq!(letters[0].cause.as_deref(), Some("Commit fails by plan"));
}
