//! Which calls are spoilt, how, and what is written all the same.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use es_core::{
    Append, ErrorKind, EventId, ExpectedVersion, Follow, NewEvent, Payload, Position, Read, Result,
    Schema, Store, StreamId, Version,
};
use es_store_memory::MemoryStore;

use super::{AppendFault, Faults, HeadFault, Planned, ReadFault, WaitFault, When};

/// The store below, the faults, and the store with the faults.
fn spoilt() -> (Store, Faults, Store) {
    let faults = Faults::new();
    let inner = Store::new(MemoryStore::new());
    let outer = inner.clone().layer(&faults);
    (inner, faults, outer)
}

fn stream(key: &str) -> StreamId {
    StreamId::new("note", key).unwrap()
}

fn noted() -> NewEvent {
    NewEvent::raw(Schema::from_static("noted", 1), Payload::json(&1).unwrap())
}

fn note(key: &str) -> Append {
    Append::to(stream(key), ExpectedVersion::Any).event(noted())
}

async fn count(store: &Store) -> usize {
    store.read(Read::all()).into_vec().await.unwrap().len()
}

/// The numbers of those of the next so many appends that fail.
async fn failing(store: &Store, appends: usize) -> Vec<usize> {
    let mut failing = Vec::new();
    for number in 1..=appends {
        if store.append(note("a")).await.is_err() {
            failing.push(number);
        }
    }
    failing
}

#[tokio::test]
async fn with_nothing_planned_nothing_happens() {
    let (inner, _, store) = spoilt();
    assert_eq!(failing(&store, 5).await, [] as [usize; 0]);
    assert_eq!(count(&inner).await, 5);
    assert_eq!(store.capabilities(), inner.capabilities());
    assert_eq!(store.durability().await.unwrap(), inner.durability().await.unwrap());
}

#[tokio::test]
async fn calls_are_chosen_by_number() {
    for (when, wanted) in [
        (When::always(), vec![1, 2, 3, 4, 5, 6]),
        (When::next(), vec![1]),
        (When::call(4), vec![4]),
        (When::first(2), vec![1, 2]),
        (When::every(3), vec![3, 6]),
    ] {
        let (inner, faults, store) = spoilt();
        failing(&store, 2).await; // before the plan, so they do not count
        let told = format!("{when:?}");
        let planned = faults.on_append(when, AppendFault::fail(ErrorKind::Busy));
        assert_eq!(failing(&store, 6).await, wanted, "{told}");
        assert_eq!(planned.times(), wanted.len() as u64, "{told}");
        assert_eq!(count(&inner).await, 8 - wanted.len(), "{told}");
    }
}

#[tokio::test]
async fn calls_are_chosen_by_what_they_ask() {
    let (_, faults, store) = spoilt();
    let to_b = When::call(2)
        .matching(|append: &es_core::AppendRequest| append.streams()[0].stream == stream("b"));
    faults.on_append(to_b, AppendFault::fail(ErrorKind::Unavailable));
    let mut failed = Vec::new();
    for (number, key) in (1..).zip(["a", "b", "a", "a", "b", "b"]) {
        if store.append(note(key)).await.is_err() {
            failed.push(number);
        }
    }
    assert_eq!(failed, [5], "the second append to b");
}

#[tokio::test]
async fn the_fault_that_was_planned_first_happens() {
    let (_, faults, store) = spoilt();
    let first = faults.on_append(When::call(2), AppendFault::fail(ErrorKind::Busy));
    let second = faults.on_append(When::always(), AppendFault::fail(ErrorKind::Fault));
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(store.append(note("a")).await.unwrap_err().kind());
    }
    assert_eq!(kinds, [ErrorKind::Fault, ErrorKind::Busy, ErrorKind::Fault]);
    assert_eq!((first.times(), second.times()), (1, 2));
    faults.clear();
    assert_eq!(failing(&store, 3).await, [] as [usize; 0]);
}

#[tokio::test]
async fn a_lost_reply_is_committed_and_settled_by_a_retry() {
    let (inner, faults, store) = spoilt();
    faults.on_append(When::next(), AppendFault::lose_reply());
    let event = noted();
    let append = || Append::to(stream("a"), ExpectedVersion::NoStream).event(event.clone());
    let error = store.append(append()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(count(&inner).await, 1);
    assert!(store.append(append()).await.unwrap().replayed);

    faults.on_append(When::next(), AppendFault::lose_reply_as(ErrorKind::Fault));
    assert_eq!(store.append(note("a")).await.unwrap_err().kind(), ErrorKind::Fault);
    assert_eq!(count(&inner).await, 2);
}

#[tokio::test]
async fn a_refusal_is_not_lost() {
    let (_, faults, store) = spoilt();
    store.append(note("a")).await.unwrap();
    for fault in [AppendFault::lose_reply(), AppendFault::hang_after()] {
        let planned = faults.on_append(When::next(), fault);
        let append = Append::to(stream("a"), ExpectedVersion::NoStream).event(noted());
        assert_eq!(store.append(append).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(planned.times(), 0, "it did not come to that");
    }
}

#[tokio::test]
async fn a_planned_conflict_looks_like_a_real_one() {
    let (inner, faults, store) = spoilt();
    inner.append(note("a").event(noted())).await.unwrap();
    faults.on_append(When::always(), AppendFault::conflict());
    for (key, actual) in [("a", Some(Version::new(2).unwrap())), ("b", None)] {
        let expected = ExpectedVersion::exactly(actual);
        let append = Append::to(stream(key), expected).event(noted());
        let error = store.append(append).await.unwrap_err();
        let conflict = error.conflict().expect("it has details");
        assert_eq!(conflict.stream, stream(key));
        assert_eq!(conflict.expected, expected);
        assert_eq!(conflict.actual, actual);
    }
    assert_eq!(count(&inner).await, 2, "nothing is written");
}

#[tokio::test]
async fn an_append_is_overtaken() {
    let (inner, faults, store) = spoilt();
    faults.on_append(
        When::next(),
        AppendFault::overtake(|append| {
            Append::to(append.streams()[0].stream.clone(), ExpectedVersion::Any).event(noted())
        }),
    );
    let append = || Append::to(stream("a"), ExpectedVersion::NoStream).event(noted());
    let error = store.append(append()).await.unwrap_err();
    assert_eq!(error.conflict().unwrap().actual, Some(Version::FIRST));
    assert_eq!(count(&inner).await, 1, "the other one");

    let never = |_: &_| Append::to(stream("a"), ExpectedVersion::NoStream).event(noted());
    faults.on_append(When::next(), AppendFault::overtake(never));
    let error = store.append(note("b")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fault, "the other one failed");
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(count(&inner).await, 1);
}

#[tokio::test]
async fn a_hanging_append_says_when_it_hangs() {
    for (fault, written) in [(AppendFault::hang_before(), 0), (AppendFault::hang_after(), 1)] {
        let (inner, faults, store) = spoilt();
        let planned = faults.on_append(When::next(), fault);
        let hanging = tokio::spawn(async move { store.append(note("a")).await });
        planned.reached().await;
        assert_eq!(count(&inner).await, written);
        assert!(!hanging.is_finished());
        hanging.abort();
        assert!(hanging.await.unwrap_err().is_cancelled());
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_comes_before_or_after_the_commit() {
    let hour = Duration::from_secs(3_600);
    for (fault, early) in
        [(AppendFault::delay_before(hour), 0), (AppendFault::delay_after(hour), 1)]
    {
        let (inner, faults, store) = spoilt();
        let planned = faults.on_append(When::next(), fault);
        let started = tokio::time::Instant::now();
        let delayed = tokio::spawn(async move { store.append(note("a")).await });
        planned.reached().await;
        assert_eq!(count(&inner).await, early);
        delayed.await.unwrap().unwrap();
        assert_eq!(count(&inner).await, 1);
        assert_eq!(started.elapsed(), hour, "on a clock that stands still");
    }
}

#[tokio::test]
async fn a_read_fails_after_so_many_events() {
    let (inner, faults, store) = spoilt();
    let events: Vec<_> = (0..5).map(|_| noted()).collect();
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    inner.append(Append::to(stream("a"), ExpectedVersion::Any).events(events)).await.unwrap();
    for (after, yielded) in [(0, 0), (3, 3), (5, 5), (9, 5)] {
        let fault = ReadFault::fail_after(after, ErrorKind::Unavailable);
        let planned = faults.on_read(When::next(), fault);
        let mut reading = store.read(Read::all());
        let mut seen = Vec::new();
        let error = loop {
            match reading.next().await.expect("an error comes before the end") {
                Ok(event) => seen.push(event.id),
                Err(error) => break error,
            }
        };
        assert_eq!(seen, ids[..yielded], "fails after {after}");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(planned.times(), 1);
        assert!(reading.next().await.is_none(), "the error is the last item");
    }
    faults.on_read(When::next(), ReadFault::fail(ErrorKind::Fault));
    assert_eq!(store.version(&stream("a")).await.unwrap_err().kind(), ErrorKind::Fault);
    assert_eq!(store.version(&stream("a")).await.unwrap().unwrap().get(), 5);
}

#[tokio::test]
async fn a_read_hangs_after_so_many_events() {
    let (inner, faults, store) = spoilt();
    inner.append(note("a").event(noted())).await.unwrap();
    for (fault, yielded) in [(ReadFault::hang(), 0), (ReadFault::hang_after(1), 1)] {
        let planned = faults.on_read(When::next(), fault);
        let seen = Arc::new(Mutex::new(0));
        let (reading, counting) = (store.clone(), Arc::clone(&seen));
        let hanging = tokio::spawn(async move {
            let mut events = reading.read(Read::all());
            while events.next().await.is_some() {
                *counting.lock().unwrap() += 1;
            }
        });
        planned.reached().await;
        assert_eq!(*seen.lock().unwrap(), yielded);
        hanging.abort();
        assert!(hanging.await.unwrap_err().is_cancelled());
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_and_the_head_are_delayed() {
    let (_, faults, store) = spoilt();
    let minute = Duration::from_secs(60);
    faults.on_read(When::next(), ReadFault::delay(minute));
    faults.on_head(When::next(), HeadFault::delay(minute));
    let started = tokio::time::Instant::now();
    assert_eq!(count(&store).await, 0);
    store.head().await.unwrap();
    assert_eq!(started.elapsed(), 2 * minute, "on a clock that stands still");
}

#[tokio::test]
async fn the_head_fails_and_hangs() {
    let (_, faults, store) = spoilt();
    faults.on_head(When::next(), HeadFault::fail(ErrorKind::Closed));
    assert_eq!(store.head().await.unwrap_err().kind(), ErrorKind::Closed);
    let planned = faults.on_head(When::next(), HeadFault::hang());
    expect_hang(planned, async move { store.head().await }).await;
}

#[tokio::test]
async fn a_wait_wakes_early_fails_and_hangs() {
    let (_, faults, store) = spoilt();
    faults.on_wait(When::next(), WaitFault::wake_early());
    assert_eq!(store.wait(Position::START).await.unwrap().position, Position::START);
    faults.on_wait(When::next(), WaitFault::fail(ErrorKind::Unavailable));
    assert!(store.wait(Position::START).await.unwrap_err().is_temporary());
    store.append(note("a")).await.unwrap();
    let planned = faults.on_wait(When::next(), WaitFault::hang());
    expect_hang(planned, async move { store.wait(Position::START).await }).await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_delayed_before_and_after() {
    let (_, faults, store) = spoilt();
    let minute = Duration::from_secs(60);
    for fault in [WaitFault::delay_before(minute), WaitFault::delay_after(minute)] {
        faults.on_wait(When::next(), fault);
        let before = store.head().await.unwrap().position;
        let started = tokio::time::Instant::now();
        let waiting = {
            let store = store.clone();
            tokio::spawn(async move { store.wait(before).await })
        };
        store.append(note("a")).await.unwrap();
        assert!(waiting.await.unwrap().unwrap().position > before);
        assert_eq!(started.elapsed(), minute, "on a clock that stands still");
    }
}

/// What followers make of it: temporary errors and early wake-ups leave them where they are.
#[tokio::test]
async fn a_follower_survives_what_is_temporary() {
    let (_, faults, store) = spoilt();
    let wake = faults.on_wait(When::call(2), WaitFault::wake_early());
    faults.on_wait(When::call(1), WaitFault::fail(ErrorKind::Unavailable));
    faults.on_read(When::call(2), ReadFault::fail_after(1, ErrorKind::Busy));
    let mut following = store.follow(Read::all());
    let caught_up = following.next().await.unwrap().unwrap();
    assert_eq!(caught_up.caught_up().unwrap().position, Position::START);
    let first = following.next().await.unwrap().unwrap_err();
    assert_eq!(first.kind(), ErrorKind::Unavailable, "the wait");
    store.append(note("a").event(noted()).event(noted())).await.unwrap();
    let (mut seen, mut errors) = (Vec::new(), Vec::new());
    while seen.len() < 3 {
        match following.next().await.unwrap() {
            Ok(Follow::Event(event)) => seen.push(event.version.get()),
            Ok(Follow::CaughtUp(_)) => {}
            Err(error) => errors.push(error.kind()),
        }
    }
    assert_eq!(seen, [1, 2, 3], "nothing lost, nothing twice");
    assert_eq!(errors, [ErrorKind::Busy], "the read, in the midst");
    assert_eq!(wake.times(), 1);
}

#[tokio::test]
async fn reached_waits_for_as_many_as_it_is_told() {
    let (_, faults, store) = spoilt();
    let planned = faults.on_append(When::always(), AppendFault::fail(ErrorKind::Busy));
    let other = planned.clone();
    let waiting = tokio::spawn(async move { other.reached_times(3).await });
    failing(&store, 2).await;
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    failing(&store, 1).await;
    waiting.await.unwrap();
    planned.reached().await; // has happened already
}

#[test]
fn it_names_the_store_below() {
    let (_, faults, store) = spoilt();
    assert_eq!(store.to_string(), "memory with planned faults");
    faults.on_append(When::call(2), AppendFault::conflict());
    assert!(format!("{faults:?}").contains("Conflict"), "the plan can be looked at");
}

async fn expect_hang<T: Send + 'static>(
    planned: Planned,
    call: impl Future<Output = Result<T>> + Send + 'static,
) {
    let hanging = tokio::spawn(call);
    planned.reached().await;
    assert!(!hanging.is_finished());
    hanging.abort();
    assert!(hanging.await.is_err_and(|error| error.is_cancelled()));
}

#[test]
#[should_panic(expected = "never due")]
fn a_fault_that_is_never_due_is_refused() {
    let _ = When::<()>::every(0);
}

#[test]
#[should_panic(expected = "the first call has the number 1")]
fn a_call_before_the_first_is_refused() {
    let _ = When::<()>::call(0);
}
