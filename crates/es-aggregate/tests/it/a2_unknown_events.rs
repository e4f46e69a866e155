//! A2: an unknown event in an aggregate's own stream is an error.

use es_core::{Append, ErrorKind, ExpectedVersion, NewEvent, Payload, Schema, Store, StreamId};

use crate::account::{Deposit, Withdraw, accounts};

crate::on_every_store!(
    an_unknown_event_type_is_an_error_with_its_position,
    a_newer_schema_version_is_an_error,
    a_payload_that_does_not_fit_is_an_error,
    a_cached_state_meets_an_unknown_event,
);

async fn put(store: &Store, schema: Schema, payload: Payload) -> es_core::Receipt {
    let stream = StreamId::new("account", "alice").unwrap();
    let event = NewEvent::raw(schema, payload);
    store.append(Append::to(stream, ExpectedVersion::Any).event(event)).await.unwrap()
}

async fn an_unknown_event_type_is_an_error_with_its_position(store: Store) {
    let accounts = accounts(&store);
    accounts.execute("alice", &Deposit(5)).await.unwrap();
    let frozen = Schema::from_static("account.frozen", 1);
    let receipt = put(&store, frozen, Payload::json(&()).unwrap()).await;

    let error = accounts.load("alice").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownEvent);
    let unknown = error.unknown_event_details().unwrap();
    assert_eq!(unknown.position, Some(receipt.first));
    assert_eq!(unknown.known.len(), 3, "it lists what is known");

    let error = accounts.execute("alice", &Withdraw(1)).await.unwrap_err();
    assert_eq!(error.store().unwrap().kind(), ErrorKind::UnknownEvent);
    assert_eq!(store.head().await.unwrap().position, receipt.last, "nothing was written");
}

async fn a_newer_schema_version_is_an_error(store: Store) {
    let newer = Schema::from_static("account.deposited", 2);
    put(&store, newer, Payload::json(&serde_json::json!({ "cents": 5 })).unwrap()).await;
    let error = accounts(&store).load("alice").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownEvent);
}

async fn a_payload_that_does_not_fit_is_an_error(store: Store) {
    let schema = Schema::from_static("account.deposited", 1);
    let receipt = put(&store, schema, Payload::json(&serde_json::json!({})).unwrap()).await;
    let error = accounts(&store).load("alice").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undecodable);
    assert_eq!(error.undecodable_details().unwrap().position, Some(receipt.first));
}

async fn a_cached_state_meets_an_unknown_event(store: Store) {
    let accounts = accounts(&store).with_cache(8).unwrap();
    accounts.execute("alice", &Deposit(5)).await.unwrap();
    put(&store, Schema::from_static("account.frozen", 1), Payload::json(&()).unwrap()).await;
    let head = store.head().await.unwrap();
    for _ in 0..2 {
        let error = accounts.execute("alice", &Deposit(5)).await.unwrap_err();
        assert_eq!(error.store().unwrap().kind(), ErrorKind::UnknownEvent);
    }
    assert_eq!(store.head().await.unwrap(), head);
}
