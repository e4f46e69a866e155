//! What becomes of commands and saves of which the reply is lost.

use es_aggregate::ExecuteError;
use es_core::{
    Append, Conflict, Error, ErrorKind, EventId, ExpectedVersion, Store, StreamId, Version,
};

use crate::{
    account::{AccountEvent, Deposit, EnsureOpen, Overdrawn, Withdraw, accounts, load},
    doubles::{Verdict, Watched},
};

crate::on_every_store!(
    a_command_whose_reply_is_lost_is_executed_once,
    an_update_whose_reply_is_lost_happens_once,
    sending_again_is_bounded,
    sending_again_keeps_to_the_deadline,
    after_a_lost_reply_a_firm_conflict_is_decided_again,
    after_a_lost_reply_no_other_refusal_is_believed,
    a_command_with_an_id_is_executed_once,
    a_dropped_command_with_an_id_is_executed_once,
    an_id_is_for_one_command_on_one_aggregate,
    more_is_recorded_after_a_lost_reply,
    more_is_recorded_after_two_lost_replies,
    an_id_that_others_have_used_stays_a_clash,
);

fn unknown() -> Error {
    Error::new(ErrorKind::OutcomeUnknown, "the reply was lost")
}

fn lost(is_written: bool) -> Verdict {
    if is_written { Verdict::After(unknown()) } else { Verdict::Before(unknown()) }
}

fn version(number: u64) -> Option<Version> {
    Some(Version::new(number).unwrap())
}

async fn a_command_whose_reply_is_lost_is_executed_once(store: Store) {
    for (cached, is_written) in [(false, false), (false, true), (true, false), (true, true)] {
        let (watched, store) = Watched::over(&store);
        let accounts = accounts(&store);
        let accounts = if cached { accounts.with_cache(4).unwrap() } else { accounts };
        let id = format!("alice-{cached}-{is_written}");
        watched.interfere(move |number, _, _| (number == 1).then(|| lost(is_written)));
        let saved = accounts.execute(&id, &Deposit(100)).await.unwrap();
        assert_eq!(saved.version, version(1));
        assert_eq!(saved.receipt.unwrap().replayed, is_written);
        assert_eq!(load(&store, &id).await.cents, 100);
        accounts.execute(&id, &Withdraw(100)).await.expect("the kept state agrees");
    }
}

async fn an_update_whose_reply_is_lost_happens_once(store: Store) {
    let (watched, store) = Watched::over(&store);
    watched.interfere(|number, _, _| (number <= 2).then(|| lost(number == 1)));
    let mut runs = 0;
    let saved = accounts(&store)
        .update("alice", |root| {
            runs += 1;
            root.record(AccountEvent::Deposited { cents: 1 });
            Ok::<(), Overdrawn>(())
        })
        .await
        .unwrap();
    assert!(saved.receipt.unwrap().replayed);
    assert_eq!((runs, load(&store, "alice").await.cents), (1, 1));
}

async fn sending_again_is_bounded(store: Store) {
    let (watched, store) = Watched::over(&store);
    watched.interfere(|_, _, _| Some(lost(false)));
    let error = accounts(&store).execute("alice", &Deposit(1)).await.unwrap_err();
    assert_eq!(error.store().unwrap().kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(watched.counts().0, 3);
}

async fn sending_again_keeps_to_the_deadline(store: Store) {
    let (watched, store) = Watched::over(&store);
    watched.interfere(|_, _, _| Some(lost(false)));
    let now = std::time::Duration::ZERO;
    let error = accounts(&store).execute("alice", &Deposit(1)).deadline(now).await.unwrap_err();
    assert_eq!(error.store().unwrap().kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(watched.counts().0, 1);
    // What is left of a longer one is given to the store.
    let hour = std::time::Duration::from_secs(3_600);
    watched.interfere(move |number, _, append| {
        let left = append.deadline().unwrap();
        assert!(if number == 2 { left == hour } else { left < hour });
        Some(lost(false))
    });
    accounts(&store).execute("alice", &Deposit(1)).deadline(hour).await.unwrap_err();
    assert_eq!(watched.counts().0, 4);
}

async fn after_a_lost_reply_a_firm_conflict_is_decided_again(store: Store) {
    let (watched, store) = Watched::over(&store);
    watched.interfere(|number, _, _| match number {
        1 => Some(lost(false)),
        2 => {
            let alice = StreamId::new("account", "alice").unwrap();
            let other = AccountEvent::Deposited { cents: 10 };
            let other = Append::to(alice, ExpectedVersion::Any).event(other);
            Some(Verdict::Overtake(other.build().unwrap()))
        }
        _ => None,
    });
    let saved = accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
    assert_eq!((saved.version, load(&store, "alice").await.cents), (version(2), 11));
}

async fn after_a_lost_reply_no_other_refusal_is_believed(store: Store) {
    let (watched, store) = Watched::over(&store);
    let accounts = accounts(&store);
    accounts.execute("alice", &Deposit(1)).await.unwrap();
    watched.interfere(|number, _, append| match number {
        2 => Some(lost(false)),
        // The stream may yet grow to what the first sending expects.
        3 => {
            let write = &append.streams()[0];
            Some(Verdict::Before(Conflict::new(write.stream.clone(), write.expected, None).into()))
        }
        _ => Some(Verdict::Before(Error::new(ErrorKind::Unavailable, "away"))),
    });
    let error = accounts.execute("alice", &Deposit(1)).await.unwrap_err();
    assert_eq!(error.store().unwrap().kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(watched.counts().0, 4);
}

async fn a_command_with_an_id_is_executed_once(store: Store) {
    for cached in [false, true] {
        let (watched, store) = Watched::over(&store);
        let accounts = accounts(&store);
        let accounts = if cached { accounts.with_cache(4).unwrap() } else { accounts };
        let (id, bob) = (format!("alice-{cached}"), format!("bob-{cached}"));
        accounts.execute(&id, &Deposit(100)).await.unwrap();
        let (all, opening) = (EventId::new(), EventId::new());

        // Nobody hears of it, however often it is sent.
        watched.interfere(|number, _, _| (number <= 4).then(|| lost(true)));
        let error = accounts.execute(&id, &Withdraw(100)).with_id(all).await.unwrap_err();
        assert_eq!(error.store().unwrap().kind(), ErrorKind::OutcomeUnknown);
        accounts.execute(&id, &Deposit(30)).await.unwrap();

        // By now it would be refused.
        for _ in 0..2 {
            let saved = accounts.execute(&id, &Withdraw(100)).with_id(all).await.unwrap();
            assert_eq!(saved.events, [AccountEvent::Withdrawn { cents: 100 }]);
            assert_eq!(saved.version, version(2));
            assert!(saved.receipt.unwrap().replayed);
        }
        // By now nothing would happen.
        let saved = accounts.execute(&id, &EnsureOpen("Alice")).with_id(opening).await.unwrap();
        let again = accounts.execute(&id, &EnsureOpen("Alice")).with_id(opening).await.unwrap();
        assert_eq!((saved.version, again.version), (version(4), version(4)));
        // What would happen again is recognised by the log.
        let paid_in = EventId::new();
        for replayed in [false, true] {
            let saved = accounts.execute(&id, &Deposit(5)).with_id(paid_in).await.unwrap();
            assert_eq!((saved.version, saved.receipt.unwrap().replayed), (version(5), replayed));
        }
        assert_eq!(load(&store, &id).await.cents, 35);
        // The kept state has none of it twice.
        let error = accounts.execute(&id, &Withdraw(36)).await.unwrap_err();
        assert_eq!(error.rejected(), Some(&Overdrawn { available: 35 }));
        accounts.execute(&id, &Withdraw(35)).await.expect("the kept state agrees");

        // The first execution of a new aggregate, and one that was refused.
        let first = EventId::new();
        let error = accounts.execute(&bob, &Withdraw(1)).with_id(first).await.unwrap_err();
        assert!(error.rejected().is_some());
        accounts.execute(&bob, &Deposit(1)).await.unwrap();
        accounts.execute(&bob, &Withdraw(1)).with_id(first).await.expect("it is decided anew");
        accounts.execute(&bob, &Withdraw(1)).with_id(first).await.expect("it has happened");
    }
}

async fn a_dropped_command_with_an_id_is_executed_once(store: Store) {
    for written in [false, true] {
        let (watched, store) = Watched::over(&store);
        let accounts = accounts(&store).with_cache(4).unwrap();
        let (id, command) = (format!("alice-{written}"), EventId::new());
        watched.interfere(move |number, _, _| (number == 1).then_some(Verdict::Hang(written)));
        tokio::select! {
            _ = accounts.execute(&id, &Deposit(10)).with_id(command).into_future() => {
                panic!("it must hang")
            }
            () = watched.hangs.notified() => {} // and here it is dropped
        }
        let saved = accounts.execute(&id, &Deposit(10)).with_id(command).await.unwrap();
        assert_eq!(saved.receipt.unwrap().replayed, written);
        assert_eq!(load(&store, &id).await.cents, 10);
        accounts.execute(&id, &Withdraw(10)).await.expect("the kept state agrees");
    }
}

async fn an_id_is_for_one_command_on_one_aggregate(store: Store) {
    let accounts = accounts(&store);
    let id = EventId::new();
    for owner in ["alice", "bob"] {
        accounts.execute(owner, &Deposit(10)).with_id(id).await.unwrap();
    }
    for answer in [
        accounts.execute("alice", &Deposit(11)).with_id(id).await,
        accounts.execute("alice", &Withdraw(5)).with_id(id).await,
        accounts.execute("alice", &Withdraw(50)).with_id(id).await,
    ] {
        let Err(ExecuteError::Store(error)) = answer else { panic!("{answer:?}") };
        assert_eq!(error.kind(), ErrorKind::IdempotencyClash);
    }
    for owner in ["alice", "bob"] {
        assert_eq!(load(&store, owner).await.cents, 10);
    }
}

/// Records one event after each save of which the reply is lost.
async fn recorded_on(store: &Store, losses: usize, is_written: bool) {
    let (watched, store) = Watched::over(store);
    let id = format!("alice-{losses}-{is_written}");
    // Each save is sent three times.
    watched.interfere(move |number, _, _| (number <= 3 * losses).then(|| lost(is_written)));
    let accounts = accounts(&store);
    let mut alice = accounts.create(&id).unwrap();
    for _ in 0..losses {
        alice.record(AccountEvent::Deposited { cents: 1 });
        let error = accounts.save(&mut alice).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    }
    alice.record(AccountEvent::Deposited { cents: 1 });
    let saved = accounts.save(&mut alice).await.unwrap();
    let all = losses + 1;
    assert_eq!((saved.version, saved.events.len()), (version(all as u64), all));
    assert_eq!((alice.version(), alice.pending().len()), (saved.version, 0));
    let logged = load(&store, &id).await;
    assert_eq!((logged.cents, logged.version()), (all as u64, saved.version));
    alice.record(AccountEvent::Withdrawn { cents: all as u64 });
    accounts.save(&mut alice).await.expect("it is where the log is");
}

async fn more_is_recorded_after_a_lost_reply(store: Store) {
    recorded_on(&store, 1, true).await;
    recorded_on(&store, 1, false).await;
}

async fn more_is_recorded_after_two_lost_replies(store: Store) {
    recorded_on(&store, 2, false).await;
}

async fn an_id_that_others_have_used_stays_a_clash(store: Store) {
    let (watched, store) = Watched::over(&store);
    let accounts = accounts(&store);
    let mut one = accounts.create("one").unwrap();
    one.record(AccountEvent::Deposited { cents: 1 }).record(AccountEvent::Deposited { cents: 1 });
    // Something of it is in another stream already.
    watched.interfere(|number, _, append| {
        let event = append.streams()[0].events[0].clone();
        let stream = StreamId::new("account", "two").unwrap();
        let theft = Append::to(stream, ExpectedVersion::Any).event(event).build().unwrap();
        (number == 1).then_some(Verdict::Overtake(theft))
    });
    let error = accounts.save(&mut one).await.unwrap_err();
    assert_eq!((error.kind(), one.pending().len()), (ErrorKind::IdempotencyClash, 2));
}
