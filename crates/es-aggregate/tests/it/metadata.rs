//! What the events of a command carry besides the fact.

use es_core::{
    Append, Event, ExpectedVersion, Metadata, NewEvent, Read, Recorded, Store, StreamId, Tenant,
};

use crate::account::{AccountEvent, Deposit, Withdraw, accounts};

crate::on_every_store!(
    a_command_passes_causation_and_correlation_on,
    metadata_of_a_command_and_of_a_save_reach_the_log,
    without_a_cause_events_are_correlated_by_their_first,
    a_repository_keeps_to_its_tenant,
);

async fn last(store: &Store, id: &str) -> Recorded {
    let read = Read::stream(StreamId::new("account", id).unwrap()).backward().limit(1);
    store.read(read).next().await.unwrap().unwrap()
}

async fn a_command_passes_causation_and_correlation_on(store: Store) {
    let accounts = accounts(&store);
    accounts.execute("alice", &Deposit(5)).await.unwrap();
    let cause = last(&store, "alice").await;
    accounts.execute("bob", &Deposit(5)).caused_by(&cause).await.unwrap();
    let effect = last(&store, "bob").await;
    assert_eq!(effect.metadata.causation_id(), Some(cause.id.as_uuid()));
    assert_eq!(effect.metadata.correlation_id(), cause.metadata.correlation_id());
    accounts.execute("carol", &Deposit(5)).caused_by(&effect).await.unwrap();
    let third = last(&store, "carol").await;
    assert_eq!(third.metadata.causation_id(), Some(effect.id.as_uuid()));
    assert_eq!(third.metadata.correlation_id(), cause.metadata.correlation_id());
}

async fn metadata_of_a_command_and_of_a_save_reach_the_log(store: Store) {
    let accounts = accounts(&store).with_cache(4).unwrap();
    let metadata = Metadata::new().with_actor("teller 7").with_extra("ip", "192.0.2.1");
    accounts.execute("alice", &Deposit(5)).with_metadata(metadata.clone()).await.unwrap();
    assert_eq!(last(&store, "alice").await.metadata.actor(), Some("teller 7"));

    let mut root = accounts.load("alice").await.unwrap();
    root.record(AccountEvent::Withdrawn { cents: 1 });
    accounts.save_with(&mut root, metadata).await.unwrap();
    let event = last(&store, "alice").await;
    assert_eq!(event.metadata.extra("ip"), Some(&"192.0.2.1".into()));
    assert_eq!(event.schema.name, "account.withdrawn");
}

async fn without_a_cause_events_are_correlated_by_their_first(store: Store) {
    let accounts = accounts(&store);
    let mut root = accounts.create("alice").unwrap();
    root.record(AccountEvent::Opened { owner: "Alice".into() });
    root.record(AccountEvent::Deposited { cents: 1 });
    accounts.save(&mut root).await.unwrap();
    let read = Read::stream(root.stream().clone());
    let events = store.read(read).into_vec().await.unwrap();
    let first = Some(events[0].id.as_uuid());
    assert!(events.iter().all(|event| event.metadata.correlation_id() == first));
    assert_eq!(events[0].metadata.causation_id(), None);
}

async fn a_repository_keeps_to_its_tenant(store: Store) {
    let (red, blue) = (Tenant::new("red").unwrap(), Tenant::new("blue").unwrap());
    let (red, blue) = (accounts(&store.for_tenant(red)), accounts(&store.for_tenant(blue)));
    red.execute("alice", &Deposit(5)).await.unwrap();
    assert!(!blue.exists("alice").await.unwrap());
    assert!(!accounts(&store).exists("alice").await.unwrap());
    blue.execute("alice", &Withdraw(5)).await.expect_err("that is another Alice");

    let mut root = red.load("alice").await.unwrap();
    root.record(AccountEvent::Deposited { cents: 1 });
    let head = store.head().await.unwrap();
    let error = blue.save(&mut root).await.unwrap_err();
    assert!(matches!(error.invalid(), Some(es_core::Invalid::TenantMismatch { .. })));
    assert_eq!(store.head().await.unwrap(), head);
    red.save(&mut root).await.unwrap();

    let stray = NewEvent::of(&AccountEvent::Deposited { cents: 1 }).unwrap();
    assert_eq!(stray.schema, AccountEvent::SCHEMAS[1]);
    let to_red = Append::to(root.stream().clone(), ExpectedVersion::Any).event(stray);
    store.append(to_red).await.expect("the plain handle may name a tenant's stream");
}
