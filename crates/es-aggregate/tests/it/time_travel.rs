//! Loading an aggregate as it was.

use es_core::{ErrorKind, Read, Store, Timestamp, Version};

use crate::account::{AccountEvent, accounts, deposit_in_pieces};

crate::on_every_store!(at_a_version, at_a_time, what_never_was_is_not_found, saving_the_past);

async fn at_a_version(store: Store) {
    let accounts = accounts(&store);
    deposit_in_pieces(&accounts, "alice", 9).await;
    for version in 1..=9 {
        let then = accounts.load_at("alice", Version::new(version).unwrap()).await.unwrap();
        assert_eq!((then.cents, then.version().unwrap().get()), (version, version));
    }
}

async fn at_a_time(store: Store) {
    let accounts = accounts(&store);
    deposit_in_pieces(&accounts, "alice", 9).await;
    let read = Read::stream(accounts.stream("alice").unwrap());
    let history = store.read(read).into_vec().await.unwrap();
    for event in &history {
        let then = accounts.load_at("alice", event.recorded_at).await.unwrap();
        let by_then = history.iter().filter(|other| other.recorded_at <= event.recorded_at);
        assert_eq!(then.cents, by_then.count() as u64);
    }
    assert_eq!(accounts.load_at("alice", Timestamp::now()).await.unwrap().cents, 9);
}

async fn what_never_was_is_not_found(store: Store) {
    let accounts = accounts(&store);
    deposit_in_pieces(&accounts, "alice", 3).await;
    for (id, version) in [("alice", 4), ("bob", 1)] {
        let then = accounts.load_at(id, Version::new(version).unwrap()).await;
        assert_eq!(then.unwrap_err().kind(), ErrorKind::NotFound);
    }
    let then = accounts.load_at("alice", Timestamp::EPOCH).await;
    assert_eq!(then.unwrap_err().kind(), ErrorKind::NotFound);
}

async fn saving_the_past(store: Store) {
    let accounts = accounts(&store);
    deposit_in_pieces(&accounts, "alice", 3).await;
    let mut then = accounts.load_at("alice", Version::new(2).unwrap()).await.unwrap();
    then.record(AccountEvent::Withdrawn { cents: 2 });
    let error = accounts.save(&mut then).await.unwrap_err();
    assert_eq!(error.conflict().unwrap().actual, Some(Version::new(3).unwrap()));
}
