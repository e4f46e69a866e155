//! What may cross threads, and what may stand behind a pointer: checked by the compiler.

use crate::{
    Append, AppendRequest, Backend, BoxError, Capabilities, Category, Checkpoint, CheckpointStore,
    ContentType, DeadLetter, DeadLetterStore, DecodedEvent, Durability, Envelope, Error, EventBus,
    EventId, EventStore, EventStream, EventType, Follow, FollowStream, Head, Invalid, Key, Layer,
    LogId, Metadata, NewEvent, Owner, PageStream, Payload, Position, Progress, Query, Read,
    Receipt, Recorded, Registry, Release, Schema, Snapshot, SnapshotKey, SnapshotStore, Store,
    StreamId, SubscriberName, Tag, Tags, Tenant, Timestamp, Version,
};

const fn is_send<T: Send + 'static>() {}
const fn is_shared<T: Send + Sync + 'static>() {}
const fn is_object<T: ?Sized>() {}

#[test]
fn values_are_shared_between_threads() {
    is_shared::<(Append, AppendRequest, Receipt, Query)>();
    is_shared::<(Backend, Capabilities, Durability, Head, Store)>();
    is_shared::<(Category, EventType, Key, StreamId, SubscriberName, Tenant, Version)>();
    is_shared::<(ContentType, Envelope, EventId, Metadata, NewEvent, Payload, Schema, Tag, Tags)>();
    is_shared::<(DecodedEvent, Recorded, Recorded<String>, Registry, Follow<String>)>();
    is_shared::<(BoxError, Error, Invalid)>();
    is_shared::<(LogId, Position, Read, Timestamp)>();
    is_shared::<(Checkpoint, DeadLetter, Owner, Progress, Release, Snapshot, SnapshotKey)>();
}

/// One task polls a stream, and it may be another one each time.
#[test]
fn streams_move_between_threads() {
    is_send::<(EventStream, EventStream<String>, FollowStream, FollowStream<String>, PageStream)>();
}

#[test]
fn ports_stand_behind_pointers() {
    is_object::<dyn EventStore>();
    is_object::<dyn Layer>();
    is_object::<dyn SnapshotStore>();
    is_object::<dyn CheckpointStore>();
    is_object::<dyn DeadLetterStore>();
    is_object::<dyn EventBus>();
}

/// Callers spawn tasks that use a store.
#[test]
fn futures_of_the_handle_move_between_threads() {
    fn moves<F: Future + Send>(_: impl FnOnce(&'static Store) -> F) {}

    moves(|store| store.append(Append::to(stream(), crate::ExpectedVersion::Any)));
    moves(Store::head);
    moves(|store| store.wait(Position::START));
    moves(|store| store.find(EventId::new()));
    moves(|store| async { store.version(&stream()).await });
    moves(|store| async { store.read(Read::all()).into_vec().await });
    moves(|store| async { store.follow(Read::all()).next().await });
}

fn stream() -> StreamId {
    StreamId::new("account", "alice").unwrap()
}
