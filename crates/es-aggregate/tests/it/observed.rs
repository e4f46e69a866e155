//! What an observer is told of commands and snapshots.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, Weak},
};

use es_aggregate::{Root, SnapshotPolicy};
use es_core::{
    Append, Error, ErrorKind, ExpectedVersion, GaugeSource, Observation, Observer, Store, StreamId,
};
use es_store_memory::{MemorySnapshotStore, MemoryStore};

use crate::{
    account::{Account, AccountEvent, Deposit, Withdraw, accounts},
    doubles::{Verdict, Watched},
};

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn observe(&self, observation: &Observation<'_>) {
        let line = match *observation {
            Observation::Command { aggregate, command, attempts, outcome, .. } => {
                format!("{aggregate} {command} {attempts} {outcome}")
            }
            Observation::Snapshot { aggregate, used } => format!("{aggregate} {}", used.as_str()),
            other => panic!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }

    fn watch(&self, _: Weak<dyn GaugeSource>) {}
}

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn observed() -> (Arc<Watched>, Store, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let (watched, store) = Watched::over(&Store::new(MemoryStore::new()));
    (watched, store.observed_by(Arc::clone(&notes) as _), notes)
}

fn overtaken() -> Verdict {
    let stream = StreamId::new("account", "alice").unwrap();
    let other = AccountEvent::Deposited { cents: 1 };
    Verdict::Overtake(Append::to(stream, ExpectedVersion::Any).event(other).build().unwrap())
}

#[tokio::test]
async fn a_command_is_told_with_its_attempts_and_its_end() {
    for is_cached in [false, true] {
        let (watched, store, notes) = observed();
        let accounts = accounts(&store).with_retries(2);
        let accounts = if is_cached { accounts.with_cache(4).unwrap() } else { accounts };
        accounts.execute("alice", &Deposit(5)).await.unwrap();
        accounts.execute("alice", &Deposit(0)).await.unwrap();
        accounts.execute("alice", &Withdraw(50)).await.unwrap_err();
        watched.interfere(|number, _, _| (number <= 3).then(overtaken));
        accounts.execute("alice", &Deposit(5)).await.unwrap();
        watched.interfere(|_, _, _| Some(overtaken()));
        accounts.execute("alice", &Deposit(5)).await.unwrap_err();
        let kinds = [ErrorKind::OutcomeUnknown, ErrorKind::Unavailable];
        for kind in kinds {
            watched.interfere(move |_, _, _| Some(Verdict::Before(Error::new(kind, "away"))));
            accounts.execute("alice", &Deposit(5)).await.unwrap_err();
        }
        accounts.execute("not a key\n", &Deposit(5)).await.unwrap_err();
        assert_eq!(
            notes.take(),
            [
                "account Deposit 1 ok",
                "account Deposit 1 nothing",
                "account Withdraw 1 rejected",
                "account Deposit 3 ok",
                "account Deposit 3 conflict",
                "account Deposit 1 unknown",
                "account Deposit 1 error",
                "account Deposit 0 error",
            ],
            "cached: {is_cached}"
        );
    }
}

#[tokio::test]
async fn an_update_is_told_like_a_command() {
    let (watched, store, notes) = observed();
    watched.interfere(|number, _, _| (number == 1).then(overtaken));
    let deposit = |account: &mut Root<Account>| {
        account.record(AccountEvent::Deposited { cents: 5 });
        Ok::<_, Infallible>(())
    };
    accounts(&store).update("alice", deposit).await.unwrap();
    assert_eq!(notes.take(), ["account Update 2 ok"]);
}

#[tokio::test]
async fn what_came_of_looking_for_a_snapshot_is_told() {
    let (_, store, notes) = observed();
    let snapshots = MemorySnapshotStore::new();
    let with = |store: &Store| {
        accounts(store).with_snapshots(snapshots.clone(), SnapshotPolicy::every(2).unwrap())
    };
    let told = |notes: &Notes| {
        let told = notes.take();
        told.into_iter().filter(|line| line.split(' ').count() == 2).collect::<Vec<_>>()
    };
    for _ in 0..3 {
        with(&store).execute("alice", &Deposit(5)).await.unwrap();
    }
    assert_eq!(told(&notes), ["account missing", "account missing", "account hit"]);
    // The log was replaced under the snapshot.
    let (_, other, notes) = observed();
    accounts(&other).execute("alice", &Deposit(1)).await.unwrap();
    accounts(&other).execute("alice", &Deposit(1)).await.unwrap();
    with(&other).load("alice").await.unwrap();
    assert_eq!(told(&notes), ["account unusable"]);
}
