//! The cache costs nothing in correctness and saves the read.

use es_core::{ErrorKind, Store, Version};

use crate::{
    account::{AccountEvent, Deposit, EnsureOpen, Withdraw, accounts, deposit_in_pieces, load},
    doubles::{Verdict, Watched},
};

crate::on_every_store!(
    a_command_on_a_kept_stream_costs_one_append_and_no_read,
    commands_on_one_stream_queue_instead_of_conflicting,
    an_overtaken_state_costs_a_conflict_and_a_tail,
    an_unknown_outcome_empties_the_slot,
    a_dropped_command_leaves_no_wrong_state,
    more_streams_than_slots,
    no_slots_are_refused,
);

async fn a_command_on_a_kept_stream_costs_one_append_and_no_read(store: Store) {
    let (watched, store) = Watched::over(&store);
    let accounts = accounts(&store).with_cache(4).unwrap();
    deposit_in_pieces(&accounts, "alice", 1).await;
    let before = watched.counts();
    deposit_in_pieces(&accounts, "alice", 10).await;
    accounts.execute("alice", &Withdraw(11)).await.unwrap();
    let after = watched.counts();
    assert_eq!((after.0 - before.0, after.1 - before.1), (11, 0));
}

async fn commands_on_one_stream_queue_instead_of_conflicting(store: Store) {
    let accounts = accounts(&store).with_cache(4).unwrap().with_retries(0);
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move { deposit_in_pieces(&accounts, "alice", 20).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("no command met a conflict");
    }
    assert_eq!(load(&store, "alice").await.cents, 640);
}

async fn an_overtaken_state_costs_a_conflict_and_a_tail(store: Store) {
    let (watched, watched_store) = Watched::over(&store);
    let cached = accounts(&watched_store).with_cache(4).unwrap();
    deposit_in_pieces(&cached, "alice", 3).await;
    deposit_in_pieces(&accounts(&store), "alice", 3).await;
    let before = watched.counts();
    let saved = cached.execute("alice", &Deposit(1)).await.unwrap();
    let after = watched.counts();
    assert_eq!(saved.version, Some(Version::new(7).unwrap()));
    assert_eq!((after.0 - before.0, after.1 - before.1), (2, 1));
    let all = cached.execute("alice", &Withdraw(7)).await;
    assert!(all.is_ok(), "the tail was taken in once");
}

async fn an_unknown_outcome_empties_the_slot(store: Store) {
    for written in [false, true] {
        let (watched, store) = Watched::over(&store);
        let accounts = accounts(&store).with_cache(4).unwrap();
        let id = format!("alice-{written}");
        accounts.execute(&id, &Deposit(1)).await.unwrap();
        watched.interfere(move |number, _, _| {
            let unknown = es_core::Error::new(ErrorKind::OutcomeUnknown, "the reply was lost");
            let verdict = if written { Verdict::After(unknown) } else { Verdict::Before(unknown) };
            (2..=4).contains(&number).then_some(verdict)
        });
        let error = accounts.execute(&id, &Deposit(10)).await.unwrap_err();
        assert_eq!(error.store().unwrap().kind(), ErrorKind::OutcomeUnknown);
        let there = if written { 11 } else { 1 };
        accounts.execute(&id, &Withdraw(there)).await.unwrap();
        assert_eq!(load(&store, &id).await.cents, 0);
    }
}

async fn a_dropped_command_leaves_no_wrong_state(store: Store) {
    for written in [false, true] {
        let (watched, store) = Watched::over(&store);
        let accounts = accounts(&store).with_cache(4).unwrap();
        let id = format!("alice-{written}");
        accounts.execute(&id, &Deposit(1)).await.unwrap();
        watched.interfere(move |number, _, _| (number == 2).then_some(Verdict::Hang(written)));
        let command = Deposit(10);
        let hanging = accounts.execute(&id, &command).into_future();
        tokio::select! {
            _ = hanging => panic!("it must hang"),
            () = watched.hangs.notified() => {} // and here it is dropped
        }
        let there = if written { 11 } else { 1 };
        accounts.execute(&id, &Withdraw(there)).await.expect("the slot is free and right");
        assert_eq!(load(&store, &id).await.cents, 0);
    }
}

async fn more_streams_than_slots(store: Store) {
    let accounts = accounts(&store).with_cache(3).unwrap().with_retries(0);
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let accounts = accounts.clone();
            tokio::spawn(async move {
                for round in 0..20 {
                    let id = format!("account-{}", (number + round) % 8);
                    accounts.execute(&id, &EnsureOpen("Alice")).await.unwrap();
                    accounts.execute(&id, &Deposit(1)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a slot in use is never evicted, so nothing conflicts");
    }
    let mut all = 0;
    for number in 0..8 {
        let account = load(&store, &format!("account-{number}")).await;
        assert_eq!(account.owner.as_deref(), Some("Alice"));
        assert_eq!(account.version().unwrap().get(), account.cents + 1, "opened once");
        all += account.cents;
    }
    assert_eq!(all, 320);
}

async fn no_slots_are_refused(store: Store) {
    assert!(accounts(&store).with_cache(0).unwrap_err().invalid().is_some());
    let mut root = accounts(&store).create("alice").unwrap();
    root.record(AccountEvent::Deposited { cents: 1 });
}
