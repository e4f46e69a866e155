//! A1: state is a pure fold of the stream.

use es_core::{Key, Read, Store};

use crate::account::{Account, AccountEvent, Deposit, EnsureOpen, Withdraw, accounts, load};
use es_aggregate::Root;

crate::on_every_store!(state_is_the_fold_of_the_stream, loading_twice_gives_the_same_state);

async fn state_is_the_fold_of_the_stream(store: Store) {
    let accounts = accounts(&store).with_cache(8).unwrap();
    accounts.execute("alice", &EnsureOpen("Alice")).await.unwrap();
    for cents in 1..=20 {
        accounts.execute("alice", &Deposit(cents)).await.unwrap();
        accounts.execute("alice", &Withdraw(cents / 2)).await.unwrap();
    }

    let root = load(&store, "alice").await;
    let read = Read::stream(root.stream().clone());
    let history = store.read_as::<AccountEvent>(read).into_vec().await.unwrap();
    let replayed = Root::<Account>::replay(Key::new("alice").unwrap(), history).unwrap();
    assert_eq!(replayed.state(), root.state());
    assert_eq!(replayed.version(), root.version());
    assert_eq!(root.version().unwrap().get(), 41);
    assert_eq!(root.cents, (1..=20).map(|cents| cents - cents / 2).sum::<u64>());
}

async fn loading_twice_gives_the_same_state(store: Store) {
    accounts(&store).execute("alice", &Deposit(7)).await.unwrap();
    assert_eq!(load(&store, "alice").await.state(), load(&store, "alice").await.state());
}
