//! A4: after a conflict the command is decided again on fresh state, up to a bound; a
//! refusal is never decided on stale state.

use es_core::{Append, ErrorKind, ExpectedVersion, Store, StreamId, Version};

use crate::{
    account::{AccountEvent, Deposit, EnsureOpen, Overdrawn, Withdraw, accounts, load},
    doubles::{Verdict, Watched},
};

crate::on_every_store!(
    many_writers_lose_no_update,
    a_conflict_is_decided_again_on_fresh_state,
    a_refusal_after_a_conflict_is_decided_on_fresh_state,
    the_bound_on_retries_holds,
    an_update_is_run_again,
    a_cached_refusal_is_checked_against_the_log,
    a_cached_empty_decision_is_checked_against_the_log,
    a_fault_is_not_retried,
);

/// Somebody else's append to the same account.
fn overtaking(event: AccountEvent) -> Verdict {
    let stream = StreamId::new("account", "alice").unwrap();
    Verdict::Overtake(Append::to(stream, ExpectedVersion::Any).event(event).build().unwrap())
}

async fn many_writers_lose_no_update(store: Store) {
    let cached = accounts(&store).with_cache(4).unwrap();
    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let plain = accounts(&store).with_retries(u32::MAX);
            let accounts =
                if number % 2 == 0 { plain } else { cached.clone().with_retries(u32::MAX) };
            tokio::spawn(async move {
                for _ in 0..10 {
                    accounts.execute("alice", &Deposit(1)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let alice = load(&store, "alice").await;
    assert_eq!((alice.cents, alice.version()), (320, Some(Version::new(320).unwrap())));
}

async fn a_conflict_is_decided_again_on_fresh_state(store: Store) {
    for cached in [false, true] {
        let (watched, store) = Watched::over(&store);
        let accounts = accounts(&store);
        let accounts = if cached { accounts.with_cache(4).unwrap() } else { accounts };
        let before = accounts.load_or_create("alice").await.unwrap().cents;
        accounts.execute("alice", &Deposit(10)).await.unwrap();
        watched.interfere(|number, _, _| {
            (number == 2).then(|| overtaking(AccountEvent::Deposited { cents: 100 }))
        });
        // More than was there before the other writer came: only fresh state allows it.
        let all = before + 110;
        let saved = accounts.execute("alice", &Withdraw(10)).await.unwrap();
        assert_eq!(saved.events, [AccountEvent::Withdrawn { cents: 10 }]);
        assert_eq!(load(&store, "alice").await.cents, all - 10);
    }
}

async fn a_refusal_after_a_conflict_is_decided_on_fresh_state(store: Store) {
    for cached in [false, true] {
        let (watched, store) = Watched::over(&store);
        let accounts = accounts(&store);
        let accounts = if cached { accounts.with_cache(4).unwrap() } else { accounts };
        let id = format!("alice-{cached}");
        accounts.execute(&id, &Deposit(10)).await.unwrap();
        let stream = accounts.stream(&id).unwrap();
        watched.interfere(move |number, _, _| {
            let taken = AccountEvent::Withdrawn { cents: 4 };
            let first = Append::to(stream.clone(), ExpectedVersion::Any).event(taken);
            (number == 2).then(|| Verdict::Overtake(first.build().unwrap()))
        });
        let error = accounts.execute(&id, &Withdraw(10)).await.unwrap_err();
        assert_eq!(error.rejected(), Some(&Overdrawn { available: 6 }));
        assert_eq!(load(&store, &id).await.cents, 6);
    }
}

async fn the_bound_on_retries_holds(store: Store) {
    let (watched, store) = Watched::over(&store);
    let accounts = accounts(&store);
    accounts.execute("alice", &Deposit(1)).await.unwrap();
    watched.interfere(|_, _, _| Some(overtaking(AccountEvent::Deposited { cents: 1 })));
    for (retries, tries) in [(0, 1), (3, 4)] {
        let before = watched.counts().0;
        let error = accounts.execute("alice", &Deposit(1)).retries(retries).await.unwrap_err();
        assert_eq!(watched.counts().0 - before, tries);
        let error = error.store().unwrap();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let conflict = error.conflict().unwrap();
        let actual = conflict.actual.unwrap();
        assert_eq!(
            conflict.expected,
            ExpectedVersion::Exact(Version::new(actual.get() - 1).unwrap())
        );
        assert_eq!(accounts.version("alice").await.unwrap(), Some(actual));
    }
}

async fn an_update_is_run_again(store: Store) {
    let (watched, store) = Watched::over(&store);
    let accounts = accounts(&store);
    watched.interfere(|number, _, _| {
        (number <= 2).then(|| overtaking(AccountEvent::Deposited { cents: 100 }))
    });
    let mut seen = Vec::new();
    accounts
        .update("alice", |root| {
            seen.push(root.cents);
            root.record(AccountEvent::Deposited { cents: 1 });
            Ok::<(), Overdrawn>(())
        })
        .await
        .unwrap();
    assert_eq!(seen, [0, 100, 200]);
    assert_eq!(load(&store, "alice").await.cents, 201);
}

async fn a_cached_refusal_is_checked_against_the_log(store: Store) {
    let accounts = accounts(&store);
    let cached = accounts.clone().with_cache(4).unwrap();
    cached.execute("alice", &Deposit(1)).await.unwrap();
    accounts.execute("alice", &Deposit(9)).await.unwrap();
    cached.execute("alice", &Withdraw(10)).await.expect("10 cents are there by now");

    accounts.execute("alice", &Deposit(3)).await.unwrap();
    let error = cached.execute("alice", &Withdraw(10)).await.unwrap_err();
    assert_eq!(error.rejected(), Some(&Overdrawn { available: 3 }), "of the newest state");
}

async fn a_cached_empty_decision_is_checked_against_the_log(store: Store) {
    // The cached state has seen `Opened`; a rolled-forward stream cannot un-open, so the
    // other way round: the cache holds an account that is not open, and must not open it
    // a second time once somebody else has.
    let accounts = accounts(&store);
    let cached = accounts.clone().with_cache(4).unwrap();
    cached.execute("alice", &Deposit(1)).await.unwrap();
    accounts.execute("alice", &EnsureOpen("Alice")).await.unwrap();
    let saved = cached.execute("alice", &EnsureOpen("Bob")).await.unwrap();
    assert!(saved.events.is_empty());
    assert_eq!(saved.version, Some(Version::new(2).unwrap()), "the version of the log");

    // Decided as empty on the kept state, while the log has moved on.
    accounts.execute("alice", &Deposit(1)).await.unwrap();
    let saved = cached.execute("alice", &EnsureOpen("Bob")).await.unwrap();
    assert_eq!(saved.version, Some(Version::new(3).unwrap()), "the version of the log");
}

async fn a_fault_is_not_retried(store: Store) {
    let (watched, store) = Watched::over(&store);
    for kind in [ErrorKind::Fault, ErrorKind::Unavailable, ErrorKind::Busy] {
        watched.interfere(move |_, _, _| Some(Verdict::Before(es_core::Error::new(kind, "no"))));
        let before = watched.counts().0;
        let error = accounts(&store).execute("alice", &Deposit(1)).await.unwrap_err();
        assert_eq!(error.store().unwrap().kind(), kind);
        assert_eq!(watched.counts().0, before + 1);
    }
}
